"""The sandbox's time, and what is to happen at which time."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any

__all__ = ["Clock", "Timeline"]


class Clock:
    """The sandbox's time, UTC unix seconds: it runs as time does, and can be moved forward.

    Args:
        epoch: the time at the start.
        monotonic: seconds.
    """

    def __init__(self, epoch: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._zero = monotonic() - epoch

    def now(self) -> float:
        """The time."""
        return self._monotonic() - self._zero

    def advance(self, seconds: float) -> None:
        """Move it forward; ValueError for back: what happened cannot be undone."""
        if seconds < 0:
            raise ValueError("the clock moves forward only")
        self._zero -= seconds


class Timeline:
    """What is to happen, in order of time; what was planned first comes first among equals.

    Each action is called with its own time, however late it is carried out: so the workspace at a given time does not
    depend on when somebody looked.

    Attributes:
        now: the time up to which everything has happened.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self._ahead: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = itertools.count()

    def at(self, when: float, action: Callable[..., None], *arguments: Any) -> None:
        """Let `action(when, *arguments)` happen: at once where `when` is past."""
        if when <= self.now:
            action(when, *arguments)
        else:
            heapq.heappush(self._ahead, (when, next(self._count), action, arguments))

    def run_to(self, now: float) -> None:
        """Let all happen that is due."""
        while self._ahead and self._ahead[0][0] <= now:
            when, _, action, arguments = heapq.heappop(self._ahead)
            self.now = when
            action(when, *arguments)
        self.now = max(self.now, now)

    def next_due(self) -> float | None:
        """The time of the next action."""
        return self._ahead[0][0] if self._ahead else None
