"""What to fetch, in which order, and where it lands. Imports no Airflow."""
