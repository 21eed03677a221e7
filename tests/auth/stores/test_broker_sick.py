"""A broker that is down, slow, sick, or somebody else: so many tries, so much time, then one clear error.

Over real connections, to servers that do what an api-server would not do on command. Nothing is waited for: the clock
moves when the client sleeps, and a time-out is a tenth of a second long.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import requests_mock

from airflow_provider_livestorm.auth.stores import broker
from airflow_provider_livestorm.auth.stores.broker import BrokerClient
from airflow_provider_livestorm.exceptions import (
    LivestormBrokerError,
    LivestormConfigurationError,
    LivestormError,
    LivestormReconnectRequiredError,
)
from tests.auth.rotation import Clock
from tests.auth.sick_server import Talk, answer, serving

SECRET = "the-client-secret-of-forty-characters-or-so"
GRANTED = json.dumps({"access_token": "the-access-token", "generation": 3, "expires_in": 100.0}).encode()
PAGE = b"<html><body>Sign in</body></html>"
RETRIES = [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
# Of real time, for a call: two time-outs of a tenth of a second, and all that a busy machine adds.
CALL_SECONDS = 3.0

Behaviour = Callable[[Talk], object]


def silent(talk: Talk) -> object:
    return talk.wait()


def cut(_: Talk) -> None:
    """Nothing: the connection is closed."""


def drips_its_head(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\n")
    while talk.say(b"X") and talk.wait(0.02):
        pass


def drips_its_body(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while talk.say(b" ") and talk.wait(0.02):
        pass


def drips_without_a_length(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while talk.say(b" ") and talk.wait(0.02):
        pass


def floods(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while talk.say(b" " * 65_536):
        pass


def stops_amid_its_answer(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + GRANTED)


def no_http(talk: Talk) -> None:
    talk.say(b"SSH-2.0-OpenSSH_9.9\r\n")


def problem(error: str, message: str = "Connection 'conn': what is the matter; what to do.") -> bytes:
    return json.dumps({"error": error, "message": message}).encode()


ENDLESS = (silent, drips_its_head, drips_its_body, drips_without_a_length)
BROKER, CONFIGURATION, RECONNECT = LivestormBrokerError, LivestormConfigurationError, LivestormReconnectRequiredError
ONCE: list[float] = []
FOREIGN = "there is no token broker at"
SICK = "answered HTTP"
# what the other end does: the error that comes of it, the pauses between the tries, what is said
CASES: dict[str, tuple[Behaviour, type[LivestormError], list[float], str]] = {
    "accepts and never answers": (silent, BROKER, RETRIES, "gave no answer (ReadTimeout"),
    "closes the connection": (cut, BROKER, RETRIES, "gave no answer (ConnectionError"),
    "speaks no HTTP": (no_http, BROKER, RETRIES, "gave no answer (ConnectionError"),
    "drips its head": (drips_its_head, BROKER, RETRIES, "gave no answer"),
    "drips its body": (drips_its_body, BROKER, RETRIES, "gave no answer"),
    "drips without a length": (drips_without_a_length, BROKER, RETRIES, "gave no answer"),
    "stops amid its answer": (stops_amid_its_answer, BROKER, RETRIES, "gave no answer (ChunkedEncodingError"),
    "floods": (floods, CONFIGURATION, ONCE, FOREIGN),
    "500 of a proxy": (answer(500, PAGE), BROKER, RETRIES, f"{SICK} 500"),
    "502 of a proxy": (answer(502, PAGE), BROKER, RETRIES, f"{SICK} 502"),
    "503 of a proxy": (answer(503, PAGE), BROKER, RETRIES, f"{SICK} 503"),
    "504 of a proxy": (answer(504), BROKER, RETRIES, f"{SICK} 504"),
    "429 of a proxy": (answer(429, PAGE, Retry_After="1"), BROKER, RETRIES, f"{SICK} 429"),
    "500 of FastAPI": (answer(500, b'{"detail": "Internal Server Error"}'), BROKER, RETRIES, f"{SICK} 500"),
    "the broker is unavailable": (answer(503, problem("unavailable")), BROKER, RETRIES, "what is the matter"),
    "a dead refresh token": (answer(409, problem("reconnect_required")), RECONNECT, ONCE, "what is the matter"),
    "a wrong connection": (answer(409, problem("configuration")), CONFIGURATION, ONCE, "what is the matter"),
    "a proof that is refused": (answer(401, problem("unauthorized")), CONFIGURATION, ONCE, "did not accept this"),
    "404 of an api-server without it": (answer(404, b'{"detail": "Not Found"}'), CONFIGURATION, ONCE, FOREIGN),
    "405 of an api-server without it": (answer(405), CONFIGURATION, ONCE, FOREIGN),
    "422 of another version": (answer(422, b'{"detail": [{"type": "missing"}]}'), CONFIGURATION, ONCE, FOREIGN),
    "401 of a proxy": (answer(401, PAGE), CONFIGURATION, ONCE, FOREIGN),
    "403 of a proxy": (answer(403, PAGE), CONFIGURATION, ONCE, FOREIGN),
    "a login page": (answer(200, PAGE), CONFIGURATION, ONCE, FOREIGN),
    "JSON of somebody else": (answer(200, b'{"access_token": "x", "token_type": "b"}'), CONFIGURATION, ONCE, FOREIGN),
    "202 of somebody else": (answer(202, PAGE, Retry_After_Ms="soon"), CONFIGURATION, ONCE, FOREIGN),
    "redirects to a login": (answer(302, Location="https://sso.example/"), CONFIGURATION, ONCE, FOREIGN),
    "redirects with its method": (answer(307, Location="https://sso.example/"), CONFIGURATION, ONCE, FOREIGN),
}


@dataclass
class Told:
    """What a caller was told, and what it took."""

    error: LivestormError
    slept: list[float]
    seconds: float


def told(url: str, clock: Clock | None = None) -> Told:
    clock, begun = clock or Clock(), time.monotonic()
    client = BrokerClient(
        "conn", client_id="client", client_secret=SECRET, url=url, mask=lambda _: None, clock=clock, sleep=clock.sleep
    )
    with pytest.raises(LivestormError) as caught:
        client.get()
    return Told(caught.value, clock.slept, time.monotonic() - begun)


def assert_clear(error: LivestormError) -> None:
    """One line, and one sentence: whose token, what happened, what to do."""
    text = str(error)
    assert text.startswith("Connection 'conn': ")
    assert text.endswith(".")
    assert ";" in text, "what happened; what to do"
    assert "\n" not in text
    assert ". " not in text, "one sentence"
    assert len(text) < 400
    assert SECRET not in text
    assert "eyJ" not in text, "no proof"


@pytest.mark.parametrize("case", CASES)
def test_a_sick_broker_is_asked_so_often_and_then_said_to_be_it(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    behave, kind, pauses, said = CASES[case]
    if behave in ENDLESS:
        monkeypatch.setattr(broker, "_TIMEOUT", (0.1, 0.1))
    with serving(behave) as server:
        found = told(server.url)
        assert found.seconds < CALL_SECONDS * len(server.requests)
        assert type(found.error) is kind
        assert found.error.retryable is (kind is BROKER)
        assert said in str(found.error)
        assert_clear(found.error)
        assert found.slept == pauses
        assert len(server.requests) == len(pauses) + 1


def test_where_nothing_listens_it_is_said_as_often_and_as_clearly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    found = told(url)
    assert type(found.error) is BROKER
    assert "gave no answer (ConnectionError: Connection refused)" in str(found.error)
    assert_clear(found.error)
    assert found.slept == RETRIES


@pytest.mark.parametrize("url", ["airflow:8080", "airflow.example", "http://", "ftp://airflow.example", "http://[x"])
def test_an_address_that_is_none_is_not_asked_again_and_again(url: str) -> None:
    found = told(url)
    assert type(found.error) is CONFIGURATION
    assert "is no http address" in str(found.error)
    assert_clear(found.error)
    assert found.slept == []


@pytest.mark.parametrize("case", ["500 of a proxy", "closes the connection", "stops amid its answer"])
def test_a_broker_that_recovers_in_between_serves_its_caller(case: str) -> None:
    turns: Iterator[Behaviour] = iter([CASES[case][0], CASES[case][0], answer(200, GRANTED)])
    clock = Clock()

    def next_turn(talk: Talk) -> object:
        return next(turns)(talk)

    with serving(next_turn) as server:
        client = BrokerClient(
            "conn", client_id="client", client_secret=SECRET, url=server.url, mask=lambda _: None, clock=clock,
            sleep=clock.sleep,
        )  # fmt: skip
        assert client.get().generation == 3
    assert clock.slept == RETRIES[:2]


def test_a_slow_broker_costs_its_caller_no_more_than_the_patience_and_one_call(wire: requests_mock.Mocker) -> None:
    """Each try takes as long as one may."""
    clock = Clock()

    def answer_late(*_: object) -> None:
        clock.now += 15.0
        raise requests.exceptions.ReadTimeout

    wire.post(requests_mock.ANY, json=answer_late)
    began = clock.now
    assert type(told("http://airflow.example", clock).error) is BROKER
    assert clock.now - began <= 120 + 15


def test_failures_between_polls_do_not_begin_to_count_anew(wire: requests_mock.Mocker) -> None:
    come_back: dict[str, Any] = {"status_code": 202, "json": {"status": "refreshing"}}
    come_back["headers"] = {"Retry-After-Ms": "250"}
    wire.post(requests_mock.ANY, [come_back, {"status_code": 502}] * 8)
    found = told("http://airflow.example")
    assert [pause for pause in found.slept if pause != 0.25] == RETRIES
    assert_clear(found.error)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("250", 0.25), ("0", 0.1), ("-1", 0.1), ("nan", 0.1), ("1e9", 5.0), ("soon", 5.0), (None, 5)],
)
def test_whatever_a_broker_asks_for_the_caller_comes_back_neither_at_once_nor_never(
    wire: requests_mock.Mocker, asked: str | None, waited: float
) -> None:
    headers = {} if asked is None else {"Retry-After-Ms": asked}
    wire.post(requests_mock.ANY, status_code=202, json={"status": "refreshing"}, headers=headers)
    found = told("http://airflow.example")
    assert set(found.slept) == {waited}
    assert 110 < sum(found.slept) <= 120
    assert_clear(found.error)


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker
