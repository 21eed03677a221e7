"""`python -m airflow_provider_livestorm.cli`."""

from __future__ import annotations

import sys

from airflow_provider_livestorm.cli import main

sys.exit(main())
