"""Six triggers at once on one event loop, each calling Livestorm for longer than an access token lives."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG
from livestorm_test_trigger import CallsOperator

with DAG(dag_id="deferred_calls", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:
    CallsOperator.partial(task_id="call", calls=6).expand(number=list(range(6)))
