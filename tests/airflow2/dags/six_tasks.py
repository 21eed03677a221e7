"""Six tasks at once, each calling Livestorm for longer than an access token lives."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

with DAG(dag_id="six_tasks", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:

    @task
    def call(number: int) -> dict[str, int]:
        """Call for some three seconds: the hook keeps to five calls in each."""
        from airflow_provider_livestorm.hooks.livestorm import LivestormHook  # noqa: PLC0415

        hook = LivestormHook("livestorm_default")
        for _ in range(16):
            hook.ping()
        return {"number": number, "calls": hook.get_conn().calls}

    call.expand(number=list(range(6)))
