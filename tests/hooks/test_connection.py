"""From an Airflow Connection to settings, and who gives tokens where."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.stores.broker import BrokerClient
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings, broker_url, shared_credential, token_source

SECRET = "the-client-secret-of-a-test"


def settings(**members: Any) -> ConnectionSettings:
    """Settings of an OAuth connection with some members changed."""
    members = {"conn_type": "livestorm", "login": "client", "password": SECRET} | members
    extra = members.pop("extra", {})
    return ConnectionSettings.read("conn", Connection(conn_id="conn", extra=json.dumps(extra), **members))


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        (None, None, "https://api.livestorm.co/v1"),
        ("", None, "https://api.livestorm.co/v1"),
        ("api.livestorm.co", None, "https://api.livestorm.co/v1"),
        ("https://api.livestorm.co/v1/", None, "https://api.livestorm.co/v1"),
        ("http://127.0.0.1:8765/v1", None, "http://127.0.0.1:8765/v1"),
        ("http://localhost", 8765, "http://localhost:8765/v1"),
        ("http://[::1]", 8765, "http://[::1]:8765/v1"),
        ("http://127.0.0.1:8765/v1", 9999, "http://127.0.0.1:8765/v1"),
    ],
)
def test_the_host_may_be_left_out_or_written_in_the_ways_people_write_it(
    host: str | None, port: int | None, url: str
) -> None:
    token_url = {"token_url": "http://127.0.0.1:8765/oauth/token"}
    assert settings(host=host, port=port, extra=token_url).api_url == url


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"conn_type": "http"}, "'conn' is of type 'http', not 'livestorm'"),
        ({"password": None}, "has no password"),
        ({"host": "http://api.livestorm.co/v1"}, "must be https"),
        ({"host": "https://user:pw@api.livestorm.co/v1"}, "must not hold a user or a password"),
        ({"extra": {"token_url": "http://app.livestorm.co/oauth/token"}}, "token_url of 'conn' must be https"),
        ({"extra": {"authorize_url": "ftp://app.livestorm.co"}}, "authorize_url of 'conn' must be https"),
        ({"host": "http://[::1"}, "The host of the connection is no URL"),
        ({"host": f"http://user:{SECRET}@[::1"}, "The host of the connection is no URL"),
        ({"host": "https://livestorm.example:port"}, "'livestorm.example' as its host but no token_url"),
        ({"extra": {"token_url": "https://[::1"}}, "token_url of 'conn' is no URL"),
        ({"extra": {"token_url": f"https://user:{SECRET}@[::1"}}, "token_url of 'conn' is no URL"),
        ({"extra": {"token_url": 5}}, "token_url of 'conn' is no URL"),
        ({"extra": {"token_url": {"a": 1}}}, "token_url of 'conn' is no URL"),
        ({"extra": {"authorize_url": "https://[x"}}, "authorize_url of 'conn' is no URL"),
        ({"extra": ["a", "list"]}, "extra field is not a JSON object"),
        ({"host": "https://livestorm.example/v1"}, "will not be sent to Livestorm's own token URL for another host"),
    ],
)
def test_a_connection_that_cannot_be_used_is_refused_with_the_reason(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LivestormConfigurationError, match=sentence) as caught:
        settings(**members)
    assert SECRET not in str(caught.value)


def test_an_empty_login_means_that_the_password_is_a_private_api_token() -> None:
    assert settings(login="", host="http://127.0.0.1:8765/v1").client_id is None


def test_no_secret_shows_in_a_repr() -> None:
    shown = repr(settings(extra={"refresh_token": "a-refresh-token", "access_token": "an-access-token"}))
    assert SECRET not in shown
    assert "a-refresh-token" not in shown
    assert "an-access-token" not in shown


@pytest.fixture
def task_runner(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Airflow's task runner as `_runs_without_database` finds it."""
    module = types.ModuleType("airflow.sdk.execution_time.task_runner")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delenv("_AIRFLOW_PROCESS_CONTEXT", raising=False)
    monkeypatch.delenv("AIRFLOW__LIVESTORM__TOKEN_STORE", raising=False)
    return module


class CommsOverASocket:
    """Stands for what a task in its own process has."""


class InProcessSupervisorComms:
    """Stands for what `airflow dags test` gives a task: named as Airflow names it."""


def test_a_task_in_its_own_process_asks_the_broker(task_runner: types.ModuleType) -> None:
    task_runner.SUPERVISOR_COMMS = CommsOverASocket()  # type: ignore[attr-defined]
    assert isinstance(token_source(settings()), BrokerClient)


def test_a_trigger_or_dag_parser_asks_the_broker(
    task_runner: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not hasattr(task_runner, "SUPERVISOR_COMMS")
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")
    assert isinstance(token_source(settings()), BrokerClient)


@pytest.mark.parametrize("context", ["server", ""])
def test_the_api_server_and_the_command_line_refresh_the_row_themselves(
    task_runner: types.ModuleType, monkeypatch: pytest.MonkeyPatch, context: str
) -> None:
    assert not hasattr(task_runner, "SUPERVISOR_COMMS")
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", context)
    assert isinstance(token_source(dataclasses.replace(settings(), elsewhere=False)), TokenLease)


def test_airflow_dags_test_refreshes_the_row_itself(task_runner: types.ModuleType) -> None:
    task_runner.SUPERVISOR_COMMS = InProcessSupervisorComms()  # type: ignore[attr-defined]
    assert isinstance(token_source(dataclasses.replace(settings(), elsewhere=False)), TokenLease)


def test_the_store_can_be_forced_but_not_invented(
    task_runner: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not hasattr(task_runner, "SUPERVISOR_COMMS")
    monkeypatch.setenv("AIRFLOW__LIVESTORM__TOKEN_STORE", "broker")
    assert isinstance(token_source(settings()), BrokerClient)
    monkeypatch.setenv("AIRFLOW__LIVESTORM__TOKEN_STORE", "redis")
    with pytest.raises(LivestormConfigurationError, match="one of auto, metadata_db, broker, variable; got 'redis'"):
        token_source(settings())


# --- one credential for all hooks -----


def test_all_hooks_over_the_same_connection_share_a_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LIVESTORM__TOKEN_STORE", "broker")
    assert shared_credential(settings()) is shared_credential(settings())


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another-client"},
        {"secret": "another-client-secret-of-a-test"},
        {"extra": {"refresh_token": "another-refresh-token"}},
        {"token_url": "https://another.example/oauth/token"},
        {"api_url": "https://another.example/v1"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_is_changed_makes_another_credential(monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]) -> None:
    """Else a token of one workspace, or of the sandbox, would be sent to another."""
    monkeypatch.setenv("AIRFLOW__LIVESTORM__TOKEN_STORE", "broker")
    known = shared_credential(settings())
    assert shared_credential(dataclasses.replace(settings(), **changed)) is not known


def test_another_token_store_makes_another_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    known = []
    for store in ("broker", "variable", "broker"):
        monkeypatch.setenv("AIRFLOW__LIVESTORM__TOKEN_STORE", store)
        known.append(shared_credential(settings()))
    assert known[1] is not known[0]
    assert known[2] is known[0], "each has its own place"


# --- where the broker is -----


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://localhost:8080"),
        ({"AIRFLOW__API__BASE_URL": "/"}, "http://localhost:8080"),
        ({"AIRFLOW__API__BASE_URL": "https://airflow.example/prefix"}, "https://airflow.example/prefix"),
        (
            {
                "AIRFLOW__API__BASE_URL": "https://airflow.example",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://airflow-apiserver:8080/execution/",
            },
            "http://airflow-apiserver:8080",
        ),
        (
            {
                "AIRFLOW__LIVESTORM__BROKER_URL": "https://broker.example/airflow",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://airflow-apiserver:8080/execution/",
            },
            "https://broker.example/airflow",
        ),
    ],
)
def test_the_broker_is_where_workers_reach_the_api_server(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str
) -> None:
    for name in ("LIVESTORM__BROKER_URL", "CORE__EXECUTION_API_SERVER_URL", "API__BASE_URL"):
        monkeypatch.delenv(f"AIRFLOW__{name}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert broker_url() == url
