"""Apache Airflow provider for Livestorm. Importing the package imports nothing else."""

__version__ = "0.1.0"
