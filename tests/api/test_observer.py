"""Whoever watches a client hears of each call that was sent, and of no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
import requests_mock

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.json_api import Quota
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.exceptions import LivestormError, LivestormTokenError

URL = "https://api.livestorm.co/v1"
NOW = 1_790_000_000.0
MONTH = {"RateLimit-Monthly-Limit": "10000", "RateLimit-Monthly-Remaining": "9000"}


class Watcher:
    def __init__(self) -> None:
        self.heard: list[tuple[Quota, float | None]] = []

    def __call__(self, quota: Quota, resets_at: float | None) -> None:
        self.heard.append((quota, resets_at))


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


def client(watcher: Watcher, credential: ApiToken | None = None) -> LivestormClient:
    return LivestormClient(
        credential or ApiToken("token"), pacer=Pacer(sleep=lambda _: None), sleep=lambda _: None, clock=lambda: NOW,
        observer=watcher,
    )  # fmt: skip


def test_each_try_is_heard_with_what_its_headers_said(wire: requests_mock.Mocker, watcher: Watcher) -> None:
    wire.get(f"{URL}/ping", [{"status_code": 503}, {"exc": requests.ReadTimeout}, {"text": "", "headers": MONTH}])
    with client(watcher) as one:
        one.request("GET", "/ping")
    assert watcher.heard == [(Quota(), None), (Quota(), None), (Quota(10_000, 9_000), None)]
    assert len(watcher.heard) == one.calls


def test_a_monthly_refusal_says_when_the_next_month_begins(wire: requests_mock.Mocker, watcher: Watcher) -> None:
    wire.get(f"{URL}/ping", status_code=429, headers={"Retry-After": "86400"})
    with client(watcher) as one, pytest.raises(LivestormError):
        one.request("GET", "/ping")
    assert watcher.heard == [(Quota(), NOW + 86_400)]


def test_a_refusal_for_the_five_a_second_says_nothing_of_the_month(
    wire: requests_mock.Mocker, watcher: Watcher
) -> None:
    wire.get(f"{URL}/ping", [{"status_code": 429, "headers": {"Retry-After": "1"}}, {"text": ""}])
    with client(watcher) as one:
        one.request("GET", "/ping")
    assert [resets_at for _, resets_at in watcher.heard] == [None, None]


def test_a_call_that_was_not_sent_is_none(wire: requests_mock.Mocker, watcher: Watcher) -> None:
    class Without(ApiToken):
        def authorization(self) -> str:
            raise LivestormTokenError("none to be had")

    with client(watcher, Without("token")) as one, pytest.raises(LivestormTokenError):
        one.request("GET", "/ping")
    assert watcher.heard == []
    assert not wire.called
