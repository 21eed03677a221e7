"""Every night, the workspaces of several connections: one mapped task for each.

`LIVESTORM_CONNECTIONS` names the connections, with commas between them. Each workspace has a destination, a quota and a
limit of 5 requests a second of its own, so these tasks may run at once: no pool.
"""

from __future__ import annotations

import os

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator

CONNECTIONS = os.environ.get("LIVESTORM_CONNECTIONS", "livestorm_default").split(",")
ROOT = os.environ.get("LIVESTORM_DESTINATION", "/tmp/livestorm")  # noqa: S108 - an example

with DAG(
    dag_id="livestorm_many_workspaces",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=5)},
    tags=["livestorm"],
    doc_md=__doc__,
) as dag:
    LivestormSyncStreamsOperator.partial(task_id="sync", streams="all").expand_kwargs(
        [{"livestorm_conn_id": conn_id, "destination": f"{ROOT}-{conn_id}"} for conn_id in CONNECTIONS]
    )
