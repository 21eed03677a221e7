"""Which tests start a real Airflow: one process has all of them, one after the other, while another has the rest."""

from __future__ import annotations

__all__ = ["AIRFLOW"]

AIRFLOW = (
    "tests/e2e/", "tests/trials/", "tests/plugin/test_connect.py", "tests/plugin/test_real_api_server.py",
    "tests/test_airflow_2.py", "tests/test_up.py",
)  # fmt: skip
