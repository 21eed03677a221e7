"""A sync that waits for the next month of the quota; the test that ends the month does so within seconds."""

from __future__ import annotations

import datetime as dt
import os

import pendulum
from airflow.sdk import DAG

from airflow_provider_livestorm.exceptions import LivestormQuotaExceededError
from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator


class SyncOfShortMonths(LivestormSyncStreamsOperator):
    """Livestorm names a time that is weeks away."""

    @staticmethod
    def _until_new_month(error: LivestormQuotaExceededError) -> dt.timedelta:
        assert error.resets_at is not None
        # Sooner, Airflow's scheduler may take the end of the first part for that of the second, and fail the task.
        return dt.timedelta(seconds=10)


with DAG(dag_id="quota_sync", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:
    SyncOfShortMonths(
        task_id="sync",
        streams=["events", "sessions", "session_people"],
        destination=os.environ["LIVESTORM_DESTINATION"] + "-quota",
        deferrable=True,
    )
