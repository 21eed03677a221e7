"""The two limits: calls in a second, calls in thirty days (api.md 3)."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_livestorm.sandbox.settings import Settings

__all__ = ["Limits", "Verdict"]

PERIOD = 30 * 24 * 3600  # seconds; the period starts with its first call


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may pass, and the headers that its answer carries either way."""

    refused: str | None
    headers: dict[str, str]


class Limits:
    """Counts calls. The second is a sliding one, the strictest reading of "5 requests per second".

    Args:
        settings: the limits.
        now: the sandbox's time, for the month.
        monotonic: real seconds, for the second: no client can hurry real time.

    Attributes:
        used: calls of this period.
        refused: calls that were, by the limit that refused them.
    """

    def __init__(
        self, settings: Settings, now: Callable[[], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._now = now
        self._monotonic = monotonic
        self._recent: deque[float] = deque()
        self._period_start: float | None = None
        self.used = 0
        self.refused: Counter[str] = Counter()

    def take(self) -> Verdict:
        """Count one call."""
        now, monotonic = self._now(), self._forget()
        reset = self._period(now) + PERIOD
        interval, monthly = self._settings.interval_limit, self._settings.monthly_limit
        if monthly and self.used >= monthly:
            self.refused["monthly"] += 1
            return self._refuse("monthly", math.ceil(reset - now), reset)
        if interval and len(self._recent) >= interval:
            self.refused["interval"] += 1
            if self._settings.refused_calls == "counted":
                self.used += 1
            # The docs give RateLimit-Reset one meaning, the start of the next monthly period (api.md 3): here as well.
            return self._refuse("interval", 1, reset)
        self._recent.append(monotonic)
        self.used += 1
        return Verdict(None, self.headers())

    def use_up(self) -> None:
        """As if all calls of the month were made."""
        self._period(self._now())
        self.used = self._settings.monthly_limit

    def _period(self, now: float) -> float:
        """When the period began that a call made now belongs to."""
        if self._period_start is None or now >= self._period_start + PERIOD:
            self._period_start, self.used = now, 0
        return self._period_start

    def answered(self, status: int) -> None:
        """A call that was counted has its answer: one that failed is free where such are."""
        if self._settings.failed_calls == "free" and not 200 <= status < 400:  # noqa: PLR2004 - HTTP status
            self.used -= 1

    def used_up(self) -> dict[str, str]:
        """The headers of a 429 as if all calls of the month were made."""
        now = self._now()
        reset = (now if self._period_start is None else self._period_start) + PERIOD
        return self._refuse("monthly", math.ceil(reset - now), reset).headers

    def headers(self) -> dict[str, str]:
        """What every answer but a 429 carries."""
        self._forget()
        spelling = "Monthly" if self._settings.monthly_spelling == "new" else "Montly"
        monthly, interval = self._settings.monthly_limit, self._settings.interval_limit
        headers = {}
        if monthly:
            headers[f"RateLimit-{spelling}-Limit"] = str(monthly)
            headers[f"RateLimit-{spelling}-Remaining"] = str(max(0, monthly - self.used))
        if interval:
            headers["RateLimit-Interval-Limit"] = str(interval)
            headers["RateLimit-Interval-Remaining"] = str(max(0, interval - len(self._recent)))
        return headers

    def renews_at(self) -> float | None:
        """The sandbox's time at which the month's calls are free again; None before the first call."""
        return None if self._period_start is None else self._period_start + PERIOD

    def _forget(self) -> float:
        """Let go of the calls that are a second old or more; returns real seconds."""
        monotonic = self._monotonic()
        while self._recent and self._recent[0] <= monotonic - 1.0:
            self._recent.popleft()
        return monotonic

    def _refuse(self, kind: str, retry_after: int, reset: float) -> Verdict:
        headers = {"Retry-After": str(max(1, retry_after)), "RateLimit-Reset": str(math.ceil(reset))}
        if self._settings.interval_limit:
            left = max(0, self._settings.interval_limit - len(self._recent))
            headers["RateLimit-Interval-Limit"] = str(self._settings.interval_limit)
            headers["RateLimit-Interval-Remaining"] = str(left)
        return Verdict(kind, headers)
