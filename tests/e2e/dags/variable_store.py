"""A connection whose tokens are kept in a Variable: one DAG writes it, another only reads."""

from __future__ import annotations

import datetime as dt
import os

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_livestorm.refresh_dag import token_refresh_dag

refresh = token_refresh_dag("by_variable", dag_id="variable_refresh", schedule=None, every=dt.timedelta(minutes=30))

with DAG(dag_id="variable_reads", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:

    @task
    def read() -> int:
        from airflow_provider_livestorm.hooks.livestorm import LivestormHook  # noqa: PLC0415

        os.environ["AIRFLOW__LIVESTORM__TOKEN_STORE"] = "variable"
        return len(list(LivestormHook("by_variable").events()))

    read()
