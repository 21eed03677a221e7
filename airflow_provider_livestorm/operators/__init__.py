"""Operators: thin shells around the sync engine, in the manner of Airflow's own providers."""
