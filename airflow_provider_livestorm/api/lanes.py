"""Pages that are asked for before they are wanted, and how many of them at once.

One call after the other is best while answers come fast: a process that is killed then loses one. Where a call takes so
long that the limit a second cannot be used up that way, as many are on their way as it takes, and no more.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from airflow_provider_livestorm.api.pacing import Pacer

__all__ = ["LANES_MOST", "Ahead", "Lanes"]

LANES_MOST = 8
_QUICK = 0.02  # seconds of an answer below which there is nothing to wait for
_USED = 0.8  # share of the limit that one call at a time may use before another is sent beside it

ItemT = TypeVar("ItemT")


class Lanes:
    """Knows how many calls should be on their way at once, by how long answers take and how many a second may go out.

    Args:
        pacer: knows the limit.

    Attributes:
        latency: seconds that answers took of late.
    """

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._making = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._of_thread = threading.local()
        self.latency = 0.0

    @property
    def wanted(self) -> int:
        """Calls that should be on their way at once."""
        while_answered = self._pacer.interval_limit * self.latency
        if self.latency < _QUICK or while_answered < _USED:
            return 1
        return min(LANES_MOST, math.ceil(while_answered) + 1)

    @property
    def given_up(self) -> threading.Event | None:
        """In a thread that asks ahead: set once nobody wants the answer any more."""
        found: threading.Event | None = getattr(self._of_thread, "given_up", None)
        return found

    def took(self, seconds: float) -> None:
        """Learn how long an answer took."""
        self.latency += (seconds - self.latency) / 8

    def submit(self, given_up: threading.Event, ask: Callable[[int], ItemT], number: int) -> Future[ItemT]:
        """Ask for a page in a thread of its own."""

        def asking() -> ItemT:
            self._of_thread.given_up = given_up
            return ask(number)

        with self._making:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(LANES_MOST, thread_name_prefix="livestorm-page")
            return self._pool.submit(asking)

    def close(self) -> None:
        """Give the threads back; calls that were not begun are not made."""
        with self._making:
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
        self._given_up = threading.Event()

    def page(self, number: int, count: int | None) -> ItemT:
        """A page, and so that the next ones are on their way.

        Args:
            number: of the page.
            count: pages in the list, as far as it is known.
        """
        while self._coming and self._coming[0][0] != number:
            self._coming.popleft()[1].cancel()
        more = self._lanes.wanted - 1
        if not self._coming and not more:
            return self._ask(number)
        if not self._coming:
            self._submit(number)
        while len(self._coming) <= more and (after := self._coming[-1][0] + 1) < (count or 0):
            self._submit(after)
        return self._coming.popleft()[1].result()

    def close(self) -> None:
        """What was not begun is not asked, and what failed is not asked again."""
        self._given_up.set()
        for _, future in self._coming:
            future.cancel()

    def _submit(self, number: int) -> None:
        self._coming.append((number, self._lanes.submit(self._given_up, self._ask, number)))
