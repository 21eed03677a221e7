"""Counts the calls of one connection in this process, and sends them on once a minute and at the end.

A count is worth less than the work that it counts: whatever becomes of a report, the caller goes on.
"""

from __future__ import annotations

import enum
import logging
import threading
import time
from collections.abc import Callable

from airflow_provider_livestorm.api.json_api import Quota
from airflow_provider_livestorm.usage.facts import QuotaReading, Report, day_of

__all__ = ["Delivery", "Meter"]

_REPORT_SECONDS = 60.0
_AWAY_SECONDS = 300.0  # after one that did not arrive

log = logging.getLogger(__name__)


class Delivery(enum.Enum):
    """TAKEN: it arrived, or may have: not to be sent again. KEPT: it did not. NEVER: nobody takes any."""

    TAKEN = "taken"
    KEPT = "kept"
    NEVER = "never"


class Meter:
    """One connection's.

    Args:
        send: sends a report, in little time.
        clock: UTC unix seconds.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        send: Callable[[Report], Delivery],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._calls: dict[str, int] = {}
        self._quota: QuotaReading | None = None
        self._due_at = monotonic() + _REPORT_SECONDS
        self._never = False

    def observe(self, quota: Quota, resets_at: float | None) -> None:
        """Count a call, and report if that is due.

        Args:
            quota: as the answer's headers told it.
            resets_at: when a new month begins, UTC unix seconds, where the answer said so.
        """
        now = self._clock()
        reading = QuotaReading.of(quota, now, resets_at)
        with self._lock:
            day = day_of(now)
            self._calls[day] = self._calls.get(day, 0) + 1
            self._quota = reading or self._quota
            due = self._monotonic() >= self._due_at
        if due:
            self.flush()

    def flush(self) -> None:
        """Report what was not reported yet; one thread at a time, and the others do not wait for it."""
        if not self._sending.acquire(blocking=False):
            return
        try:
            with self._lock:
                report = Report(self._calls, self._quota)
                self._calls, self._quota = {}, None
                self._due_at = self._monotonic() + _REPORT_SECONDS
            if report.calls and not self._never:
                self._deliver(report)
        finally:
            self._sending.release()

    def _deliver(self, report: Report) -> None:
        try:
            delivery = self._send(report)
        except Exception as error:  # noqa: BLE001 - the work goes on, whatever it is
            log.debug("Calls could not be reported: %s", type(error).__name__)
            delivery = Delivery.TAKEN
        if delivery is Delivery.NEVER:
            self._never = True
        elif delivery is Delivery.KEPT:
            with self._lock:
                self._due_at = self._monotonic() + _AWAY_SECONDS
                self._quota = self._quota or report.quota
                for day, calls in report.calls.items():
                    self._calls[day] = self._calls.get(day, 0) + calls
