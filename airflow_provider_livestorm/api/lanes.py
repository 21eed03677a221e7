"""How many calls are on their way at once, and pages that are asked for before they are wanted.

One call after the other is best while answers come fast: a process that is killed then loses one. Where a call takes so
long that the limit a second cannot be used up that way, as many go out as it takes, and no more.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from airflow_provider_livestorm.api.pacing import Pacer

__all__ = ["LANES_MOST", "Ahead", "Lanes"]

LANES_MOST = 8
_QUICK = 0.02  # seconds of an answer below which there is nothing to wait for
_USED = 0.8  # share of the limit that one call at a time may use before another is sent beside it

ItemT = TypeVar("ItemT")


class Lanes:
    """Counts the calls on their way, by how long answers take and how many calls a second there may be.

    Args:
        pacer: knows the limit.

    Attributes:
        latency: seconds that answers took of late.
    """

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._under_way = 0
        self._changed = threading.Condition()
        self._pool: ThreadPoolExecutor | None = None
        self.latency = 0.0

    @property
    def wanted(self) -> int:
        """Calls that should be on their way at once."""
        while_answered = self._pacer.interval_limit * self.latency
        if self.latency < _QUICK or while_answered < _USED:
            return 1
        return min(LANES_MOST, math.ceil(while_answered) + 1)

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a lane, and hold it while a call is on its way."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self.wanted)
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def took(self, seconds: float) -> None:
        """Learn how long an answer took."""
        self.latency += (seconds - self.latency) / 8

    def pool(self) -> ThreadPoolExecutor:
        """Threads for calls that are made ahead."""
        with self._changed:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(LANES_MOST, thread_name_prefix="livestorm-page")
            return self._pool

    def close(self) -> None:
        """Give the threads back; calls that were not begun are not made."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


class Ahead(Generic[ItemT]):
    """The pages of one list, a few of which are asked for before they are wanted.

    Args:
        lanes: how many.
        ask: gives the page of a number.
    """

    def __init__(self, lanes: Lanes, ask: Callable[[int], ItemT]) -> None:
        self._lanes = lanes
        self._ask = ask
        self._coming: deque[tuple[int, Future[ItemT]]] = deque()

    def page(self, number: int, count: int | None) -> ItemT:
        """A page, and so that the next ones are on their way.

        Args:
            number: of the page.
            count: pages in the list, as far as it is known.
        """
        more = self._lanes.wanted - 1
        if not self._coming and not more:
            return self._ask(number)
        while self._coming and self._coming[0][0] != number:
            self._coming.popleft()[1].cancel()
        if not self._coming:
            self._coming.append((number, self._lanes.pool().submit(self._ask, number)))
        while len(self._coming) <= more and (after := self._coming[-1][0] + 1) < (count or 0):
            self._coming.append((after, self._lanes.pool().submit(self._ask, after)))
        return self._coming.popleft()[1].result()

    def close(self) -> None:
        """What was not begun is not asked."""
        for _, future in self._coming:
            future.cancel()
