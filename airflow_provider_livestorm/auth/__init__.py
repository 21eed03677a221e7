"""Who may call: tokens, their refresh, and where they are kept. Imports Airflow in the stores only."""
