"""The line that people read while a run goes on."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.json_api import Quota
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.sync.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(clock: Clock) -> Progress:
    client = LivestormClient(ApiToken("a-token"))
    client.pacer.acquire()
    client.pacer.answered(Quota(monthly_remaining=9_876))
    return Progress(client, clock)


def test_of_one_list_it_tells_the_page(progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    progress.step("people")
    progress.rows = 1_150
    clock.now = 6.0
    with caplog.at_level(logging.INFO):
        progress.page("/people", 22, 1_120)
    assert caplog.messages == ["people: page 23 of 1120; 1,150 rows, 0 calls so far, 9,876 left this month."]


def test_of_many_lists_it_tells_how_many_and_how_long_it_will_take(
    progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    progress.step("session_people", 1_000)
    for _ in range(100):
        progress.list_done()
    clock.now = 20.0
    with caplog.at_level(logging.INFO):
        progress.page("/sessions/a/people", 0, 1)
    (line,) = caplog.messages
    assert line.startswith("session_people: list 101 of 1,000; 0 rows")
    assert line.endswith("9,876 left this month, 3 min left.")


def test_it_speaks_every_five_seconds_and_no_more(
    progress: Progress, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    progress.step("people")
    with caplog.at_level(logging.INFO):
        for tenth in range(200):
            clock.now = tenth / 10
            progress.page("/people", tenth, 200)
    assert len(caplog.messages) == 3
