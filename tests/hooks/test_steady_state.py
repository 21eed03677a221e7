"""How often a task asks the token broker: once in a token's life, however many hooks, threads and calls it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests_mock
import time_machine

from airflow_provider_livestorm.hooks.livestorm import LivestormHook

API, BROKER = "https://livestorm.test/v1", "https://airflow.test"
LIFE = 7200.0


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        mocker.get(f"{API}/ping")  # 200, empty (api.md 5)
        yield mocker


@pytest.fixture
def questions(wire: requests_mock.Mocker) -> list[str]:
    """The tokens that the broker gave, one a question."""
    given: list[str] = []

    def answer(*_: Any) -> dict[str, Any]:
        given.append(f"access-{len(given) + 1}")
        return {"access_token": given[-1], "generation": len(given), "expires_in": LIFE, "lifetime": LIFE}

    wire.post(f"{BROKER}/livestorm/connections/steady/access-token", json=answer)
    return given


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setenv("AIRFLOW__LIVESTORM__TOKEN_STORE", "broker")
    monkeypatch.setenv("AIRFLOW__LIVESTORM__BROKER_URL", BROKER)

    def connect(refresh_token: str, secret: str = "the-client-secret-of-forty-characters-or-so") -> None:
        extra = {"refresh_token": refresh_token, "token_url": "https://livestorm.test/oauth/token"}
        members = {"conn_type": "livestorm", "host": API, "login": "client", "password": secret, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_STEADY", json.dumps(members))

    return connect


def ping(_: int = 0) -> None:
    with LivestormHook("steady").get_conn() as client:
        client.request("GET", "/ping")


def test_all_hooks_of_a_task_ask_once_in_a_tokens_life(
    wire: requests_mock.Mocker, questions: list[str], connect: Callable[..., None]
) -> None:
    connect("refresh-1")
    with time_machine.travel(0, tick=False) as clock:
        ping()
        for moment in (0, 1, LIFE / 2, LIFE * 0.8):
            clock.move_to(moment)
            hook = LivestormHook("steady")
            for _ in range(3):
                hook.ping()
            hook.get_conn().close()
        assert questions == ["access-1"]
        clock.move_to(LIFE - 10)
        ping()
        ping()
    assert questions == ["access-1", "access-2"]
    sent = [call.headers["Authorization"] for call in wire.request_history if call.path == "/v1/ping"]
    assert sent == ["Bearer access-1"] * 13 + ["Bearer access-2"] * 2


@pytest.mark.parametrize(
    "change", [("refresh-of-another-workspace",), ("refresh-2", "another-client-secret-of-forty-characters")]
)
def test_a_connection_that_was_changed_is_another_one(
    change: tuple[str, ...], questions: list[str], connect: Callable[..., None]
) -> None:
    connect("refresh-2")
    ping()
    connect(*change)
    ping()
    assert len(questions) == 2


def test_threads_that_meet_at_the_first_call_share_the_answer(
    wire: requests_mock.Mocker, questions: list[str], connect: Callable[..., None]
) -> None:
    connect("refresh-3")
    ping()  # else each might make a credential of its own: one question more, as is said there
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ping, range(8)))
    assert questions == ["access-1"]
