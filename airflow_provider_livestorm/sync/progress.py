"""A line that people can read, every few seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from airflow_provider_livestorm.api.client import LivestormClient

__all__ = ["Progress"]

_SAY_EVERY = 5.0  # seconds between two lines
_MINUTES_FROM = 90  # seconds that are told in minutes

log = logging.getLogger(__name__)


class Progress:
    """Tells how far a run is.

    Args:
        client: counts calls and knows the quota.
        monotonic: seconds.

    Attributes:
        rows: that were written since the step began.
    """

    def __init__(self, client: LivestormClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._said_at = self._began = monotonic()
        self._what = ""
        self._done = 0
        self._total: int | None = None
        self.rows = 0

    def step(self, what: str, total: int | None = None) -> None:
        """A step begins: `what` it reads, and how many lists there are to be read."""
        self._what, self._total, self._done, self.rows = what, total, 0, 0
        self._began = self._monotonic()

    def page(self, path: str, number: int, pages: int | None) -> None:
        """A page came; called from several threads."""
        del path
        if self._monotonic() - self._said_at >= _SAY_EVERY:
            self._said_at = self._monotonic()
            if self._total is None:
                self._say(f"page {number + 1:,} of {pages or '?'}")
            else:
                self._say(f"list {self._done + 1:,} of {self._total:,}")

    def list_done(self) -> None:
        """One of the lists was read."""
        self._done += 1

    def _say(self, where: str) -> None:
        left = self._client.quota.monthly_remaining
        rest = ""
        if self._total and self._done:
            seconds = (self._monotonic() - self._began) / self._done * (self._total - self._done)
            rest = f", {seconds / 60:.0f} min left" if seconds >= _MINUTES_FROM else f", {seconds:.0f} s left"
        log.info(
            "%s: %s; %s rows, %s calls so far, %s left this month%s.",
            self._what, where, f"{self.rows:,}", f"{self._client.calls:,}", "?" if left is None else f"{left:,}", rest,
        )  # fmt: skip
