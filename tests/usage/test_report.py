"""How a report goes to the api-server, and what is made of what comes back."""

from __future__ import annotations

import time

import jwt
import pytest
import requests
import requests_mock

from airflow_provider_livestorm.usage.facts import QuotaReading, Report
from airflow_provider_livestorm.usage.meter import Delivery
from airflow_provider_livestorm.usage.report import UsageReporter
from scripts.local_airflow import free_port

URL = "http://api-server:8080/prefix"
ROUTE = f"{URL}/livestorm/connections/team%2Fconn/usage"
REPORT = Report({"2026-03-01": 12}, QuotaReading(10_000, 9_000, 1_790_000_000.0))
SECRET = "the-client-secret-which-is-long-enough"


def reporter(client_id: str | None = "client", url: str = URL) -> UsageReporter:
    return UsageReporter("team/conn", client_id=client_id, secret=SECRET, url=url)


def test_it_says_what_was_counted_and_proves_who_says_it() -> None:
    with requests_mock.Mocker() as wire:
        wire.post(ROUTE, status_code=204)
        assert reporter()(REPORT) is Delivery.TAKEN
        body = wire.last_request.json()
    assert body["calls"] == {"2026-03-01": 12}
    assert body["quota"] == {"limit": 10_000, "remaining": 9_000, "at": 1_790_000_000.0, "resets_at": None}
    claims = jwt.decode(body["client_assertion"], SECRET, algorithms=["HS256"], options={"verify_aud": False})
    assert (claims["iss"], claims["conn_id"]) == ("client", "team/conn")
    assert SECRET not in wire.last_request.text


def test_a_private_api_token_signs_as_such() -> None:
    with requests_mock.Mocker() as wire:
        wire.post(ROUTE, status_code=204)
        reporter(None)(REPORT)
        proof = wire.last_request.json()["client_assertion"]
    claims = jwt.decode(proof, SECRET, algorithms=["HS256"], options={"verify_aud": False})
    assert claims["iss"] == "private-api-token"


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        (200, Delivery.TAKEN),
        (302, Delivery.TAKEN),
        (401, Delivery.NEVER),
        (404, Delivery.NEVER),
        (405, Delivery.NEVER),
        (408, Delivery.KEPT),
        (413, Delivery.KEPT),
        (422, Delivery.NEVER),
        (429, Delivery.KEPT),
        (500, Delivery.TAKEN),
        (502, Delivery.TAKEN),
        (503, Delivery.KEPT),
    ],
)
def test_what_may_have_been_counted_is_not_sent_again(status: int, delivery: Delivery) -> None:
    with requests_mock.Mocker() as wire:
        wire.post(ROUTE, status_code=status, headers={"Location": "https://evil.example/"}, text="whatever")
        assert reporter()(REPORT) is delivery
        assert wire.call_count == 1, "no redirect is followed"


@pytest.mark.parametrize(
    ("error", "delivery"),
    [
        (requests.ConnectTimeout(), Delivery.KEPT),
        (requests.ReadTimeout(), Delivery.TAKEN),
        (requests.ConnectionError("Connection aborted."), Delivery.TAKEN),
        (requests.exceptions.MissingSchema(), Delivery.TAKEN),
        (OSError("no certificates"), Delivery.TAKEN),
    ],
)
def test_what_surely_did_not_arrive_is_kept(error: Exception, delivery: Delivery) -> None:
    with requests_mock.Mocker() as wire:
        wire.post(ROUTE, exc=error)
        assert reporter()(REPORT) is delivery


def test_an_api_server_that_is_not_there_costs_next_to_nothing() -> None:
    begun = time.monotonic()
    assert reporter(url=f"http://127.0.0.1:{free_port()}")(REPORT) is Delivery.KEPT
    assert time.monotonic() - begun < 10
