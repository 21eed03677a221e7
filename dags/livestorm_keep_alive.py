"""Every week, see to it that no OAuth connection sleeps for so long that its refresh token is forgotten.

How long an unused refresh token lives at Livestorm is not published. For workspaces that no other DAG calls at least as
often, name their connections in `LIVESTORM_KEEP_ALIVE` (comma-separated) and switch the DAG on. It costs no call of the
API: each task asks for an access token, and one that has expired is refreshed.
"""

from __future__ import annotations

import datetime as dt
import os

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

with DAG(
    dag_id="livestorm_keep_alive",
    schedule=dt.timedelta(days=7),  # a pendulum.duration as schedule is more than Airflow 2.11 can store
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=5)},
    tags=["livestorm"],
    doc_md=__doc__,
) as dag:

    @task
    def keep_alive(conn_id: str) -> None:
        """Get an access token, and give it away to nobody."""
        from airflow_provider_livestorm.hooks.livestorm import LivestormHook  # noqa: PLC0415 - not at each parsing

        LivestormHook(conn_id).get_token()

    keep_alive.expand(conn_id=os.environ.get("LIVESTORM_KEEP_ALIVE", "livestorm_default").split(","))
