"""Six tasks at once, each calling Livestorm for longer than an access token lives."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

with DAG(dag_id="mapped_calls", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:

    @task
    def call(number: int) -> dict[str, object]:
        """Call ten times with the hook, and print what a careless task might print."""
        from airflow_provider_livestorm.hooks.livestorm import LivestormHook  # noqa: PLC0415

        hook = LivestormHook("livestorm_default")
        for _ in range(10):
            hook.ping()
        print("a careless print of the token:", hook.get_token())
        hook.log.info("a careless log of the token: %s", hook.get_token())
        print("a careless print of Airflow's own password:", hook.get_connection("livestorm_default").password)
        return {"number": number, "calls": hook.get_conn().calls}

    call.expand(number=list(range(6)))
