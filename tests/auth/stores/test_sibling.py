"""A connection that nobody can write: its tokens live in a row beside it, and its refresh token is a seed.

Airflow runs in processes of its own here, with a SQLite database.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow

_PING = """
import json, sys
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.exceptions import LivestormError
hook = LivestormHook(json.load(sys.stdin))
try:
    hook.ping()
    print(json.dumps(hook.get_token()))
except LivestormError as error:
    print(json.dumps({"error": type(error).__name__, "said": str(error)}))
"""
_ROWS = """
import json
from airflow.models.connection import Connection
from airflow.utils.session import create_session
with create_session() as session:
    rows = session.query(Connection).all()
    print(json.dumps({row.conn_id: [row.conn_type, json.loads(row.extra or "{}"), row._extra] for row in rows}))
"""
_LISTED = """
import json
from airflow_provider_livestorm.auth.stores.metadata_db import connection_ids
print(json.dumps(connection_ids("livestorm")))
"""
VARIABLE = "AIRFLOW_CONN_SHARED"


class Place:
    """An Airflow, a sandbox, and a connection that is configured outside of the database."""

    def __init__(self, airflow: LocalAirflow, sandbox: SandboxProcess) -> None:
        self.airflow = airflow
        self.sandbox = sandbox

    def configure(self, refresh_token: str | None = None) -> str:
        """As an administrator who sets the variable; returns the seed."""
        grant = self.sandbox.grant()
        seed = refresh_token or str(grant["refresh_token"])
        self.airflow.settings[VARIABLE] = json.dumps(connection(self.sandbox, grant, seed))
        return seed

    def ping(self) -> Any:
        return self.airflow.python(_PING, "shared")

    def rows(self) -> dict[str, Any]:
        found: dict[str, Any] = self.airflow.python(_ROWS)
        return found


def connection(sandbox: SandboxProcess, grant: dict[str, Any], seed: str) -> dict[str, Any]:
    return {
        "conn_type": "livestorm", "host": sandbox.api_url, "login": grant["client_id"],
        "password": grant["client_secret"], "extra": {"refresh_token": seed, "token_url": sandbox.token_url},
    }  # fmt: skip


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> LocalAirflow:
    airflow = LocalAirflow(tmp_path_factory.mktemp("airflow"))
    airflow.migrate()
    return airflow


@pytest.fixture
def place(migrated: LocalAirflow) -> Iterator[Place]:
    with SandboxProcess(preset="empty", rotation="strict", interval_limit=0) as sandbox:
        yield Place(migrated, sandbox)
    migrated.settings.pop(VARIABLE, None)
    migrated.run("connections", "delete", "shared__oauth", check=False)


def test_the_seed_is_redeemed_once_and_the_rest_lives_beside(place: Place) -> None:
    seed = place.configure()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: place.ping(), range(4)))
    assert all(isinstance(one, str) for one in answers), answers
    tokens = set(answers)
    assert len(tokens) == 1
    place.sandbox.expire()
    assert place.ping() not in tokens
    counters = place.sandbox.status()["counters"]
    assert (counters["refreshes"], counters["reuses_of_spent_tokens"], counters["refused_refreshes"]) == (2, 0, 0)
    rows = place.rows()
    assert list(rows) == ["shared__oauth"]
    conn_type, extra, stored = rows["shared__oauth"]
    assert conn_type == "generic", "it is no connection to choose"
    assert extra["refresh_token"] == place.sandbox.newest_refresh_token()
    assert stored.startswith("gAAAAA"), "encrypted"
    assert seed not in json.dumps(extra)


def test_a_new_seed_wins_and_an_old_one_takes_what_is_there(place: Place) -> None:
    old = place.configure()
    first = place.ping()
    place.configure()
    second = place.ping()
    assert second != first
    place.configure(old)  # a process whose environment lags behind
    assert place.ping() == second
    assert place.sandbox.status()["counters"]["reuses_of_spent_tokens"] == 0


def test_a_dead_seed_is_said_once_and_a_new_one_mends_it(place: Place) -> None:
    place.configure()
    place.sandbox.revoke()
    for _ in range(2):
        assert place.ping()["error"] == "LivestormReconnectRequiredError"
    assert place.sandbox.status()["counters"]["refused_refreshes"] == 1, "the verdict is remembered"
    place.configure()
    assert isinstance(place.ping(), str)


def test_a_row_of_the_same_id_is_shadowed_and_stays_as_it_is(place: Place) -> None:
    grant = place.sandbox.grant()
    saved = connection(place.sandbox, grant, grant["refresh_token"])
    place.airflow.put_connection(**saved | {"conn_id": "shared", "extra": json.dumps(saved["extra"])})
    place.configure()
    assert isinstance(place.ping(), str)
    assert place.airflow.read_connection("shared")["extra"] == saved["extra"]
    place.airflow.run("connections", "delete", "shared")


def test_a_secrets_backend_is_as_good_as_the_environment(place: Place, tmp_path: pathlib.Path) -> None:
    grant = place.sandbox.grant()
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"shared": connection(place.sandbox, grant, grant["refresh_token"])}))
    backend = {
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(file)}),
    }
    place.airflow.settings.update(backend)
    try:
        first = place.ping()
        assert isinstance(first, str), first
        assert place.ping() == first
        assert place.airflow.python(_LISTED) == ["shared"], "though the backend cannot be asked for a list"
    finally:
        for name in backend:
            del place.airflow.settings[name]
    assert place.sandbox.status()["counters"]["refreshes"] == 1
