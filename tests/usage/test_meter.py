"""Calls are counted, and sent on once a minute and at the end; whatever becomes of a report, the caller goes on."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_livestorm.api.json_api import Quota
from airflow_provider_livestorm.usage.facts import QuotaReading, Report
from airflow_provider_livestorm.usage.meter import Delivery, Meter
from tests.auth.rotation import Clock

SILENT = Quota()
SAID = Quota(monthly_limit=10_000, monthly_remaining=9_000)


class Post:
    """Takes reports, or does not."""

    def __init__(self) -> None:
        self.taken: list[Report] = []
        self.tries = 0
        self.answer = Delivery.TAKEN

    def __call__(self, report: Report) -> Delivery:
        self.tries += 1
        if self.answer is Delivery.TAKEN:
            self.taken.append(report)
        return self.answer


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = 1_789_948_800.0  # 2026-09-21, midnight in UTC
    return clock


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def meter(post: Post, clock: Clock) -> Meter:
    return Meter(post, clock=clock, monotonic=clock)


def test_a_minute_of_calls_is_one_report(meter: Meter, post: Post, clock: Clock) -> None:
    for _ in range(60):
        meter.observe(SAID, None)
        clock.now += 1
    assert post.taken == []
    meter.observe(SILENT, None)
    assert post.taken == [Report({"2026-09-21": 61}, QuotaReading(10_000, 9_000, clock.now - 1))]
    meter.flush()
    assert len(post.taken) == 1, "there is nothing more to report"


def test_the_rest_is_reported_at_the_end(meter: Meter, post: Post) -> None:
    meter.observe(SAID, None)
    meter.flush()
    assert [sum(report.calls.values()) for report in post.taken] == [1]


def test_calls_are_of_the_day_that_they_were_made_on(meter: Meter, post: Post, clock: Clock) -> None:
    clock.now -= 1
    meter.observe(SILENT, None)
    clock.now += 1
    meter.observe(SILENT, None)
    meter.flush()
    assert post.taken == [Report({"2026-09-20": 1, "2026-09-21": 1})]


def test_when_the_month_ends_is_reported(meter: Meter, post: Post, clock: Clock) -> None:
    meter.observe(SILENT, clock.now + 500)
    meter.flush()
    assert post.taken[0].quota == QuotaReading(None, None, clock.now, clock.now + 500)


def test_what_did_not_arrive_goes_with_the_next_one_which_comes_later(meter: Meter, post: Post, clock: Clock) -> None:
    post.answer = Delivery.KEPT
    for _ in range(10):
        clock.now += 60
        meter.observe(SAID, None)
    assert post.tries == 2, "in ten minutes"
    post.answer = Delivery.TAKEN
    meter.flush()
    assert sum(post.taken[0].calls.values()) == 10
    assert post.taken[0].quota == QuotaReading(10_000, 9_000, clock.now)


def test_where_nobody_takes_reports_nobody_is_asked_again(meter: Meter, post: Post, clock: Clock) -> None:
    post.answer = Delivery.NEVER
    for _ in range(10):
        clock.now += 600
        meter.observe(SAID, None)
    meter.flush()
    assert post.tries == 1


def test_an_error_of_whatever_kind_stays_here(clock: Clock) -> None:
    def fail(_: Report) -> Delivery:
        raise RuntimeError("whatever")

    meter = Meter(fail, clock=clock, monotonic=clock)
    meter.observe(SAID, None)
    clock.now += 60
    meter.observe(SAID, None)
    meter.flush()


def test_no_call_is_lost_among_threads_and_none_waits_for_a_report_of_another(clock: Clock) -> None:
    taken: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def slowly(report: Report) -> Delivery:
        taken.append(sum(report.calls.values()))
        begun.set()
        assert go_on.wait(30)
        return Delivery.TAKEN

    meter = Meter(slowly, clock=clock, monotonic=clock)
    clock.now += 60
    reporting = threading.Thread(target=meter.observe, args=(SAID, None))
    reporting.start()
    assert begun.wait(30)
    clock.now += 60
    threads = [threading.Thread(target=lambda: [meter.observe(SAID, None) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    go_on.set()
    reporting.join(30)
    meter.flush()
    assert taken == [1, 2000]
