"""Each task of this DAG is configured wrongly, in a way of its own, and must fail with one clear sentence."""

from __future__ import annotations

import os

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator

OUT = os.environ.get("LIVESTORM_BAD_INPUT", "/nonexistent")

CASES = {
    "wrong_secret": {"livestorm_conn_id": "wrong_secret"},
    "dead_refresh_token": {"livestorm_conn_id": "dead_refresh_token"},
    "unknown_connection": {"livestorm_conn_id": "nobody_made_this"},
    "private_token_as_oauth": {"livestorm_conn_id": "private_token_as_oauth"},
    "unknown_stream": {"livestorm_conn_id": "private_token", "streams": ["webinars"]},
    "unwritable_destination": {"livestorm_conn_id": "private_token", "destination": f"{OUT}/a-file/below"},
    "foreign_files": {"livestorm_conn_id": "private_token", "destination": f"{OUT}/foreign"},
    "api_unreachable": {"livestorm_conn_id": "api_unreachable"},
    "quota_used_up": {"livestorm_conn_id": "quota_used_up"},
}

with DAG(
    dag_id="bad_input",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    default_args={"retries": 0},
) as dag:
    for name, arguments in CASES.items():
        LivestormSyncStreamsOperator(task_id=name, **{"destination": f"{OUT}/{name}", **arguments})
