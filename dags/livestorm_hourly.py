"""Every hour, what changed in registrations and attendance, on a budget of calls.

A run takes a call for every 50 events, and one for each session in which something changed, or might have changed
unseen. In a workspace of 100 events and a dozen sessions ahead that is some 2,000 to 4,000 calls in 30 days; with many
more events, choose a longer interval: `airflow livestorm plan` says what a run takes. `min_quota_remaining` keeps half
of the month's 10,000 calls for the rest of the company: where that is reached, the task waits in the triggerer until a
new month of the quota begins, and then goes on.
"""

from __future__ import annotations

import os

import pendulum
from airflow.providers.common.compat.sdk import DAG, Asset

from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator

with DAG(
    dag_id="livestorm_hourly",
    schedule="@hourly",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=5)},
    tags=["livestorm"],
    doc_md=__doc__,
) as dag:
    LivestormSyncStreamsOperator(
        task_id="sync",
        livestorm_conn_id="livestorm_default",
        streams=["events", "sessions", "session_people"],
        destination=os.environ.get("LIVESTORM_DESTINATION", "/tmp/livestorm") + "-hourly",  # noqa: S108 - an example
        settle_days=2,
        min_quota_remaining=5000,
        deferrable=True,
        pool="livestorm",
        outlets=[Asset("livestorm_registrations")],
    )
