"""Five calls in any second, a share that shrinks where others call too."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_livestorm.api.json_api import Quota
from airflow_provider_livestorm.api.pacing import INTERVAL_LIMIT, Pacer


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def granted(time: Time, pacer: Pacer, idle: list[float]) -> list[float]:
    times = []
    for pause in idle:
        time.now += pause
        pacer.acquire()
        times.append(time.now)
        pacer.answered(Quota())
    return times


@given(st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_no_second_ever_holds_more_than_five_calls(idle: list[float]) -> None:
    time = Time()
    window: deque[float] = deque()
    for at in granted(time, Pacer(monotonic=time, sleep=time.sleep), idle):
        window.append(at)
        while window[0] <= at - 1.0:
            window.popleft()
        assert len(window) <= INTERVAL_LIMIT


def test_a_busy_client_uses_the_limit_to_within_three_percent() -> None:
    time = Time()
    times = granted(time, Pacer(monotonic=time, sleep=time.sleep), [0.0] * 500)
    assert 500 / 5 - 1 <= times[-1] <= 500 / 5 * 1.03


def test_the_limit_that_the_headers_announce_is_taken_over() -> None:
    time = Time()
    pacer = Pacer(monotonic=time, sleep=time.sleep)
    pacer.acquire()
    pacer.answered(Quota(interval_limit=2))
    for _ in range(20):
        pacer.acquire()
        pacer.answered(Quota())
    assert time.now >= 9


def test_after_a_429_the_share_halves_and_comes_back_as_calls_go_through() -> None:
    time = Time()
    pacer = Pacer(monotonic=time, sleep=time.sleep)
    pacer.acquire()
    pacer.answered(Quota(), refused=True)
    slow = granted(time, pacer, [0.0] * 10)
    assert slow[-1] - slow[0] > 3.5, "two a second at first"
    granted(time, pacer, [0.0] * 40)
    fast = granted(time, pacer, [0.0] * 51)
    assert fast[-1] - fast[0] < 10.3, "five a second again"


def test_the_share_never_falls_to_nothing() -> None:
    time = Time()
    pacer = Pacer(monotonic=time, sleep=time.sleep)
    for _ in range(10):
        pacer.acquire()
        pacer.answered(Quota(), refused=True)
    began = time.now
    granted(time, pacer, [0.0] * 3)
    assert time.now - began < 4
