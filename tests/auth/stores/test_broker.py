"""The broker's client: it waits for a refresh, retries a sick api-server within bounds, and says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests_mock

from airflow_provider_livestorm.auth.assertion import read_assertion
from airflow_provider_livestorm.auth.stores.broker import BrokerClient
from airflow_provider_livestorm.auth.token import TokenState
from airflow_provider_livestorm.exceptions import (
    LivestormBrokerError,
    LivestormConfigurationError,
    LivestormReconnectRequiredError,
)

URL = "http://airflow.example/prefix/livestorm/connections/team%2Fconn/access-token"
SECRET = "the-client-secret-of-forty-characters-or-so"
GRANTED = {
    "json": {"access_token": "the-access-token", "generation": 3, "expires_in": 100.0, "lifetime": 100.0, "scope": None}
}
COME_BACK = {"status_code": 202, "json": {"status": "refreshing"}, "headers": {"Retry-After-Ms": "250"}}


class Clock:
    def __init__(self) -> None:
        self.now = 5_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def masked() -> list[str]:
    return []


@pytest.fixture
def client(clock: Clock, masked: list[str]) -> BrokerClient:
    return BrokerClient(
        "team/conn", client_id="client", client_secret=SECRET, url="http://airflow.example/prefix/",
        mask=masked.append, clock=clock, sleep=clock.sleep,
    )  # fmt: skip


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


def test_a_token_is_dated_by_our_own_clock_and_masked(
    client: BrokerClient, wire: requests_mock.Mocker, clock: Clock, masked: list[str]
) -> None:
    wire.post(URL, **GRANTED)
    token = client.get()
    assert (token.access_token, token.generation, token.expires_at) == ("the-access-token", 3, 5_100.0)
    assert token.state(clock.now) is TokenState.FRESH
    assert masked == ["the-access-token"]


def test_the_secret_signs_and_does_not_travel(client: BrokerClient, wire: requests_mock.Mocker) -> None:
    wire.post(URL, **GRANTED)
    client.get(refused="fingerprint")
    sent = wire.last_request.json()
    assert SECRET not in wire.last_request.text
    assert sent["refused"] == "fingerprint"
    assert read_assertion(sent["client_assertion"], conn_id="team/conn", client_id="client", client_secret=SECRET)


def test_each_question_has_a_proof_of_its_own(client: BrokerClient, wire: requests_mock.Mocker, clock: Clock) -> None:
    wire.post(URL, [COME_BACK, COME_BACK, GRANTED])
    client.get()
    proofs = {request.json()["client_assertion"] for request in wire.request_history}
    assert len(proofs) == 3
    assert clock.slept == [0.25, 0.25]


def test_a_refresh_that_never_ends_is_given_up(client: BrokerClient, wire: requests_mock.Mocker, clock: Clock) -> None:
    wire.post(URL, **COME_BACK)
    with pytest.raises(LivestormBrokerError, match="under refresh for 120 s") as caught:
        client.get()
    assert caught.value.retryable
    assert 119 < sum(clock.slept) <= 120


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (
            {"status_code": 409, "json": {"error": "reconnect_required", "message": "reconnect it"}},
            LivestormReconnectRequiredError,
            "reconnect it",
        ),
        (
            {"status_code": 409, "json": {"error": "configuration", "message": "correct it"}},
            LivestormConfigurationError,
            "correct it",
        ),
        (
            {"status_code": 401, "json": {"error": "unauthorized", "message": ""}},
            LivestormConfigurationError,
            "did not accept this worker's proof",
        ),
        (
            {"status_code": 404, "text": "Not Found"},
            LivestormConfigurationError,
            "no token broker at http://airflow.example/prefix/livestorm",
        ),
        ({"status_code": 200, "text": "<html>Airflow</html>"}, LivestormConfigurationError, "no token broker at"),
        (
            {"status_code": 302, "headers": {"Location": "https://sso.example/"}},
            LivestormConfigurationError,
            "no token broker at",
        ),
    ],
    ids=str,
)
def test_what_no_retry_can_mend_is_said_at_once(
    client: BrokerClient,
    wire: requests_mock.Mocker,
    clock: Clock,
    answer: dict[str, Any],
    error: type[Exception],
    said: str,
) -> None:
    wire.post(URL, [answer])
    with pytest.raises(error) as caught:
        client.get()
    assert said in str(caught.value)
    assert clock.slept == []
    assert SECRET not in str(caught.value)


def test_certificates_that_are_not_there_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> None:
    """requests raises a bare OSError for it, before it connects."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    broker = BrokerClient(
        "conn", client_id="client", client_secret=SECRET, url="https://127.0.0.1:9", mask=lambda _: None, clock=clock,
        sleep=clock.sleep,
    )  # fmt: skip
    with pytest.raises(LivestormBrokerError, match=r"CA certificate bundle.*none\.pem"):
        broker.get()
