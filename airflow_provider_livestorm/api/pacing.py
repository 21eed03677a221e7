"""Keeping under Livestorm's limits: the calls of a second, the calls of a month, and how to read a 429.

One `Pacer` belongs to one client and is shared by all its threads. The interval limit is kept over a sliding second:
5 calls at once and then one every 0.2 s would put 6 into the first second, which a strict server refuses.

Other clients of the workspace share that limit and can't be seen; a burst 429 shows that they are there. After one, a
pacer takes half of its share, and a call more a second for every few that go through: many workers so find a rate that
suits them all, instead of knocking together every second.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from airflow_provider_livestorm.api.json_api import Quota, read_quota
from airflow_provider_livestorm.exceptions import LivestormQuotaExceededError

__all__ = ["INTERVAL_LIMIT", "LONGEST_BURST_WAIT", "Pacer", "is_monthly", "monthly_reset", "read_retry_after"]

INTERVAL_LIMIT = 5  # requests a second; Livestorm docs, "Rate limits and quotas"
# The server counts arrivals, we count departures: two calls a second apart here may arrive a little closer together.
_JITTER = 0.015
# Calls that must go through, after a burst 429, before a pacer takes a call a second more.
_RECOVERY = 10
# A burst 429 asks for a second or so. Whatever asks for more than this is the monthly limit (api.md 3, sure: M).
LONGEST_BURST_WAIT = 60.0
_MONTH_SECONDS = 31 * 86_400.0


class Pacer:
    """Grants calls: at most `interval_limit` in any one second, and none below the monthly reserve.

    Args:
        min_quota_remaining: calls of the month that are left to the rest of the company; 0 keeps no reserve.
        monotonic: seconds, for intervals.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        *,
        min_quota_remaining: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reserve = min_quota_remaining
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._limit = INTERVAL_LIMIT
        self._share = INTERVAL_LIMIT
        self._smooth = 0
        self._granted: deque[float] = deque(maxlen=INTERVAL_LIMIT)
        self._quota = Quota()
        self._in_flight = 0
        self._answered = False

    @property
    def quota(self) -> Quota:
        """What the newest answers said of the quota; empty before the first answer."""
        return self._quota

    @property
    def told(self) -> int | None:
        """Calls left this month by an answer; None before the first, whatever was expected."""
        return self._quota.monthly_remaining if self._answered else None

    @property
    def interval_limit(self) -> int:
        """Calls that may go out in any one second."""
        return self._share

    def expect(self, quota: Quota) -> None:
        """Take what an earlier client was told for what is true, until the first answer."""
        with self._lock:
            if not self._answered:
                self._quota = quota

    def acquire(self) -> float:
        """Wait until a call may go out, and count it as gone; returns the seconds waited.

        Raises:
            LivestormQuotaExceededError: the call would cross the reserve. Nothing was sent.
        """
        with self._lock:
            remaining = self._quota.monthly_remaining
            if self._reserve and remaining is not None and remaining - self._in_flight <= self._reserve:
                raise LivestormQuotaExceededError(
                    f"Stopped before a call that would leave fewer than {self._reserve} calls of Livestorm's monthly"
                    f" quota (min_quota_remaining); {remaining} are left. Lower the reserve or wait for the reset.",
                    status=429,
                )
            self._in_flight += 1
            now = self._monotonic()
            # The slot is taken under the lock and slept for outside it, so that waiting threads queue up in order.
            at = now if len(self._granted) < self._share else max(now, self._granted[0] + 1.0 + _JITTER)
            self._granted.append(at)
        wait = at - now
        if wait > 0:
            self._sleep(wait)
        return wait

    def answered(self, quota: Quota, *, refused: bool = False) -> None:
        """Learn from an answer; call it once for each acquire(), with Quota() where no answer came.

        Args:
            quota: what its headers said.
            refused: whether it was a 429.
        """
        with self._lock:
            self._in_flight -= 1
            self._quota = self._quota.updated_by(quota)
            self._answered |= quota.monthly_remaining is not None
            limit = quota.interval_limit
            if limit is not None and limit > 0 and limit != self._limit:
                self._limit = limit
                self._take(limit)
            if refused:
                self._take(max(1, self._share // 2))
            elif self._share < self._limit:
                self._smooth += 1
                if self._smooth == _RECOVERY:
                    self._take(self._share + 1)

    def _take(self, share: int) -> None:
        self._share = share
        self._smooth = 0
        self._granted = deque(self._granted, maxlen=share)


def read_retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds until the server wants to hear from us, a month at most; None if it does not say.

    Livestorm's Retry-After is a number of seconds; a proxy's may be a date (RFC 9110, 10.2.3). Without it,
    RateLimit-Reset tells, in UTC unix seconds.
    """
    for name, read in (("Retry-After", float), ("Retry-After", _date), ("RateLimit-Reset", float)):
        try:
            said = read(headers[name])
        except (KeyError, ValueError):
            continue
        if not math.isnan(said):
            is_moment = read is _date or name == "RateLimit-Reset"
            return min(max(0.0, said - now if is_moment else said), _MONTH_SECONDS)
    return None


def _date(text: str) -> float:
    return parsedate_to_datetime(text).timestamp()


def is_monthly(quota: Quota, retry_after: float | None) -> bool:
    """Whether a 429 is the monthly limit (never slept on) rather than the 5 a second."""
    if quota.monthly_remaining is not None and quota.monthly_remaining <= 0:
        return True
    return retry_after is not None and retry_after > LONGEST_BURST_WAIT


def monthly_reset(headers: Mapping[str, str], *, now: float) -> float | None:
    """When a new month begins (UTC unix seconds), by the headers of a 429; None where it was for the 5 a second."""
    retry_after = read_retry_after(headers, now=now)
    return now + retry_after if retry_after is not None and is_monthly(read_quota(headers), retry_after) else None
