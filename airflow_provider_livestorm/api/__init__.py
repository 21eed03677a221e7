"""Livestorm over HTTP: client, pacing, JSON:API and the catalogue of resources. Imports no Airflow."""
