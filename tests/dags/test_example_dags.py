"""The example DAGs parse, without warnings, and are what the README says they are."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from scripts.local_airflow import DAGS, LocalAirflow

_PARSE = """
import json, runpy, sys
dag_file = json.load(sys.stdin)
namespace = runpy.run_path(dag_file)
dag = namespace["dag"]
print(json.dumps({
    "dag_id": dag.dag_id,
    "schedule": str(dag.schedule),
    "tasks": {
        task.task_id: {
            "pool": task.pool,
            "outlets": [asset.name for asset in task.outlets],
            "type": task.task_type,
            "templated": list(task.template_fields),
        }
        for task in dag.tasks
    },
}))
"""


Dags = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Dags:
    """Each example, parsed by a process of its own."""
    airflow = LocalAirflow(tmp_path_factory.mktemp("airflow"))
    return {path.stem: parse(airflow, path) for path in DAGS.glob("*.py")}


def parse(airflow: LocalAirflow, path: pathlib.Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:airflow_provider_livestorm", "-c", _PARSE],
        input=json.dumps(str(path)), env=airflow.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


TEMPLATED = [
    "destination", "streams", "mode", "updated_since", "updated_until", "event_ids", "tags", "session_statuses",
    "sessions_from", "sessions_to", "roles", "job_ids", "min_quota_remaining", "livestorm_conn_id",
]  # fmt: skip


@pytest.mark.parametrize(
    ("dag_id", "schedule", "pool", "outlets"),
    [
        ("livestorm_sync", "@daily", "livestorm", ["livestorm_webinars"]),
        ("livestorm_hourly", "@hourly", "livestorm", ["livestorm_registrations"]),
        ("livestorm_backfill", "@monthly", "livestorm", []),
        ("livestorm_many_workspaces", "@daily", "default_pool", []),
    ],
)
def test_the_sync_dags_run_the_operator_and_name_their_assets(
    dags: Dags, dag_id: str, schedule: str, pool: str, outlets: list[str]
) -> None:
    dag = dags[dag_id]
    assert (dag["dag_id"], dag["schedule"]) == (dag_id, schedule)
    assert dag["tasks"] == {
        "sync": {
            "pool": pool, "outlets": outlets, "type": "LivestormSyncStreamsOperator", "templated": TEMPLATED,
        }
    }  # fmt: skip


def test_the_custom_task_dag_calls_the_hook_within_the_pool(dags: Dags) -> None:
    dag = dags["livestorm_custom_task"]
    assert dag["dag_id"] == "livestorm_custom_task"
    assert dag["tasks"]["upcoming_registrations"]["pool"] == "livestorm"


def test_the_keep_alive_dag_asks_for_each_connection_once_a_week(dags: Dags) -> None:
    dag = dags["livestorm_keep_alive"]
    assert dag["dag_id"] == "livestorm_keep_alive"
    assert dag["schedule"] == "7 days, 0:00:00"
    assert list(dag["tasks"]) == ["keep_alive"]
