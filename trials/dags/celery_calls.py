"""Tasks of a Celery worker, each calling Livestorm for longer than a token lives; run by trials/celery_calls.py.

How many, and how many calls each, the run's conf tells: `{"tasks": 12, "calls": 10}`.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

with DAG(dag_id="celery_calls", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:

    @task
    def numbers(**context: Any) -> list[int]:
        """One for each task; runs with the first executor, LocalExecutor."""
        return list(range(context["dag_run"].conf["tasks"]))

    @task(executor="CeleryExecutor")
    def call(number: int, **context: Any) -> dict[str, int]:
        """Call with the hook, and print what a careless task might print."""
        from airflow_provider_livestorm.hooks.livestorm import LivestormHook  # noqa: PLC0415

        hook = LivestormHook("celery_calls")
        answered = 0
        for _ in range(context["dag_run"].conf["calls"]):
            hook.ping()
            answered += 1
        print("a careless print of the token:", hook.get_token())
        hook.log.info("a careless log of the token: %s", hook.get_token())
        print("a careless print of Airflow's own password:", hook.get_connection("celery_calls").password)
        return {"number": number, "answered": answered, "sent": hook.get_conn().calls}

    call.expand(number=numbers())
