"""Where tasks report their calls: who may, and what is taken of it."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentHere
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormTokenError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings
from airflow_provider_livestorm.plugin import token_broker
from airflow_provider_livestorm.plugin.token_broker import TokenBroker, create_app
from airflow_provider_livestorm.plugin.usage_report import UsageReports
from airflow_provider_livestorm.usage.facts import QuotaReading, Report

NOW = 1_790_000_000.0
SECRET = "the-client-secret-which-is-long-enough"
API_TOKEN = "header.payload.signature-of-a-private-api-token"


class Book:
    """A ledger that shows what was recorded."""

    def __init__(self) -> None:
        self.recorded: list[tuple[str, Report]] = []

    def record(self, conn_id: str, report: Report) -> None:
        self.recorded.append((conn_id, report))


def settings(conn_id: str) -> ConnectionSettings:
    if conn_id == "oauth":
        return ConnectionSettings(conn_id, "client", SECRET)
    if conn_id == "token":
        return ConnectionSettings(conn_id, None, API_TOKEN)
    if conn_id == "away":
        raise LivestormTokenError("the database is away")
    raise LivestormConfigurationError("none")


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def http(book: Book, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    def reports(callers: Any) -> UsageReports:
        return UsageReports(callers, ledger=book, clock=lambda: NOW)  # type: ignore[arg-type]

    monkeypatch.setattr(token_broker, "UsageReports", reports)
    return TestClient(create_app(TokenBroker(settings=settings, proofs=SpentHere())))


def report(http: TestClient, conn_id: str = "oauth", proof: str | None = None, **members: Any) -> int:
    client_id, secret = ("client", SECRET) if conn_id == "oauth" else (None, API_TOKEN)
    proof = proof or sign_assertion(conn_id=conn_id, client_id=client_id, client_secret=secret)
    body = {
        "client_assertion_type": ASSERTION_TYPE, "client_assertion": proof, "calls": {"2026-09-21": 3}, "quota": None,
    }  # fmt: skip
    return http.post(f"/connections/{conn_id}/usage", json={**body, **members}).status_code


@pytest.mark.parametrize("conn_id", ["oauth", "token"])
def test_a_report_is_kept(http: TestClient, book: Book, conn_id: str) -> None:
    quota = {"limit": 10_000, "remaining": 9_000, "at": NOW - 5, "resets_at": NOW + 60}
    assert report(http, conn_id, quota=quota) == 204
    assert book.recorded == [(conn_id, Report({"2026-09-21": 3}, QuotaReading(10_000, 9_000, NOW - 5, NOW + 60)))]


def test_a_proof_works_once_and_for_its_connection(http: TestClient, book: Book) -> None:
    proof = sign_assertion(conn_id="oauth", client_id="client", client_secret=SECRET)
    assert [report(http, proof=proof) for _ in range(2)] == [204, 401]
    other = sign_assertion(conn_id="oauth", client_id="client", client_secret=SECRET)
    assert report(http, "token", proof=other) == 401
    assert report(http, "nobody", proof=other) == 401
    assert len(book.recorded) == 1


def test_a_client_that_signs_as_a_private_token_or_the_other_way_round_is_refused(http: TestClient) -> None:
    as_token = sign_assertion(conn_id="oauth", client_id=None, client_secret=SECRET)
    as_client = sign_assertion(conn_id="token", client_id="client", client_secret=API_TOKEN)
    assert report(http, "oauth", proof=as_token) == 401
    assert report(http, "token", proof=as_client) == 401


def test_whoever_holds_a_private_token_gets_no_access_token_for_it(http: TestClient) -> None:
    proof = sign_assertion(conn_id="token", client_id=None, client_secret=API_TOKEN)
    body = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof}
    assert http.post("/connections/token/access-token", json=body).status_code == 401


def test_a_database_that_is_away_is_no_verdict(http: TestClient, book: Book) -> None:
    assert report(http, "away") == 503
    assert book.recorded == []


@pytest.mark.parametrize(
    "members",
    [
        {"calls": {"2026-09-21": -1}},
        {"calls": {"2026-09-21": 10**9}},
        {"calls": {"2026-09-21": "many"}},
        {"calls": {"x" * 11: 1}},
        {"calls": {f"2026-{number:05}": 1 for number in range(32)}},
        {"calls": None},
        {"quota": {"limit": -1, "remaining": 1, "at": NOW}},
        {"quota": {"limit": 1, "remaining": 1}},
    ],
)
def test_what_cannot_be_is_not_taken(http: TestClient, book: Book, members: dict[str, Any]) -> None:
    assert report(http, **members) == 422
    assert book.recorded == []


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"at": NOW + 3600}, None),  # a clock that is wrong must not keep out the readings of all others
        ({"at": NOW - 40 * 86_400}, None),
        ({"at": NOW, "resets_at": NOW + 90 * 86_400}, QuotaReading(None, 5, NOW)),
        ({"at": NOW, "resets_at": NOW - 1}, QuotaReading(None, 5, NOW)),
    ],
)
def test_times_that_cannot_be_are_left_out(
    http: TestClient, book: Book, told: dict[str, float], kept: QuotaReading | None
) -> None:
    assert report(http, quota={"remaining": 5, **told}) == 204
    assert book.recorded[0][1].quota == kept
