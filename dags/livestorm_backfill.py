"""Month by month, what changed in each month: a backfill that may be run again for any month.

`airflow backfill create --dag-id livestorm_backfill --from-date 2026-01-01 --to-date 2026-03-31` runs it for the first
quarter. A month that is run again adds what it then finds. Livestorm's window tells when a row last changed, so a row
that changed again since is found by a later month: merged by key, all months up to now are the workspace.
"""

from __future__ import annotations

import os

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator

with DAG(
    dag_id="livestorm_backfill",
    schedule="@monthly",
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
        mode="interval",
        updated_since="{{ data_interval_start }}",
        updated_until="{{ data_interval_end }}",
        destination=os.environ.get("LIVESTORM_DESTINATION", "/tmp/livestorm") + "-by-month",  # noqa: S108 - an example
        pool="livestorm",
    )
