"""The limits, on a clock of the test's own."""

from __future__ import annotations

import pytest

from airflow_provider_livestorm.sandbox.limits import PERIOD, Limits
from airflow_provider_livestorm.sandbox.settings import Settings


class Time:
    """Seconds that pass when told to, for both clocks."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


def passed(limits: Limits, calls: int) -> int:
    return sum(limits.take().refused is None for _ in range(calls))


def test_no_second_holds_more_than_five_calls_wherever_it_begins(time: Time) -> None:
    limits = Limits(Settings(), time, time)
    time.seconds = 1000.9
    assert passed(limits, 5) == 5
    time.seconds = 1001.1  # another second by the wall clock, the same one by a sliding window
    assert passed(limits, 1) == 0
    time.seconds = 1001.9
    assert passed(limits, 9) == 5


def test_what_was_refused_counts_against_the_month_only_if_set(time: Time) -> None:
    for refused_calls, used in (("free", 5), ("counted", 8)):
        limits = Limits(Settings(refused_calls=refused_calls), time, time)
        passed(limits, 8)
        assert limits.used == used


def test_nought_is_no_limit_and_no_header(time: Time) -> None:
    limits = Limits(Settings(interval_limit=0, monthly_limit=0), time, time)
    assert passed(limits, 20_000) == 20_000
    assert limits.headers() == {}


def test_what_is_left_of_a_second_grows_again_without_a_call(time: Time) -> None:
    limits = Limits(Settings(), time, time)
    passed(limits, 5)
    assert limits.headers()["RateLimit-Interval-Remaining"] == "0"
    time.seconds += 1
    assert limits.headers()["RateLimit-Interval-Remaining"] == "5"


def test_the_month_is_refused_until_thirty_days_after_its_first_call(time: Time) -> None:
    limits = Limits(Settings(interval_limit=0, monthly_limit=2), time, time)
    start = time.seconds
    assert passed(limits, 2) == 2
    time.seconds += 100
    verdict = limits.take()
    assert verdict.refused == "monthly"
    assert int(verdict.headers["Retry-After"]) == PERIOD - 100
    assert int(verdict.headers["RateLimit-Reset"]) == start + PERIOD
    time.seconds = start + PERIOD
    assert passed(limits, 3) == 2
