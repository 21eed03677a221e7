"""Links to Livestorm on Airflow 2.11: its webserver makes them of the stored DAG, by the provider's classes."""

from __future__ import annotations

from tests.airflow2.conftest import Stack

_ROUND = """
import json
import pendulum
from airflow.models.xcom import XCom
from airflow.providers.common.compat.sdk import DAG
from airflow.serialization.serialized_objects import SerializedDAG
from airflow_provider_livestorm.operators.recordings import LivestormDownloadRecordingsOperator

with DAG(dag_id="recordings", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:
    LivestormDownloadRecordingsOperator(task_id="recordings", session_ids="1", destination="/data")
task = SerializedDAG.from_dict(SerializedDAG.to_dict(dag)).get_task("recordings")
noted = {"event": "https://app.livestorm.co/acme/launch", "session": "https://app.livestorm.co/p/1"}
XCom.get_value = lambda *, ti_key, key: {"livestorm_link": noted}[key]
print(json.dumps({link.name: link.get_link(task, ti_key=None) for link in task.operator_extra_links}))
"""


def test_the_links_of_a_stored_task_lead_where_the_task_noted(stack: Stack) -> None:
    assert stack.airflow.python(_ROUND) == {
        "Livestorm event": "https://app.livestorm.co/acme/launch",
        "Livestorm session": "https://app.livestorm.co/p/1",
    }
