"""`python -m airflow_provider_livestorm.sandbox`."""

import sys

from airflow_provider_livestorm.sandbox.command import run

sys.exit(run(sys.argv[1:]))
