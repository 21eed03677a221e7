"""The face for users: from an Airflow Connection to a client of Livestorm."""
