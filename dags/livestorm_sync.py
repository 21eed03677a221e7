"""Every night, all streams of a Livestorm workspace into files: all of them once, and then what changed.

Set `LIVESTORM_DESTINATION` to a folder or an object store's URL (`s3://aws_default@bucket/livestorm`), create the
connection `livestorm_default` and the pool `livestorm`, and switch the DAG on. The pool keeps this workspace's limit of
5 requests a second in one pair of hands: give it one slot, and use it in every task that calls the same workspace.
"""

from __future__ import annotations

import os

import pendulum
from airflow.providers.common.compat.sdk import DAG, Asset

from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator

with DAG(
    dag_id="livestorm_sync",
    schedule="@daily",
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
        streams="all",
        mark_deleted=True,
        destination=os.environ.get("LIVESTORM_DESTINATION", "/tmp/livestorm"),  # noqa: S108 - an example
        pool="livestorm",
        outlets=[Asset("livestorm_webinars")],
    )
