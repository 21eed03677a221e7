"""Callers of the broker in threads of ours, and what each was told: for the trials of failures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from airflow_provider_livestorm.auth.stores.broker import BrokerClient
from airflow_provider_livestorm.sandbox.process import SandboxProcess

__all__ = ["SERVED", "Told", "asking", "calls_of", "endings", "is_clear"]

SERVED = "served"


@dataclass(frozen=True)
class Told:
    """What a caller was told.

    Attributes:
        ending: `SERVED`, or the name of the error.
        text: the token, or the message.
        seconds: that it took.
    """

    ending: str
    text: str
    seconds: float


@contextmanager
def asking(
    urls: Sequence[str], client: dict[str, Any], count: int, *, patience: float = 120.0
) -> Iterator[list[Future[Told]]]:
    """`count` callers at once, turn by turn at each url."""

    def ask(number: int) -> Told:
        begun = time.monotonic()
        broker = BrokerClient(**client, url=urls[number % len(urls)], mask=lambda _: None, patience=patience)
        try:
            ending, text = SERVED, broker.get().access_token
        except Exception as error:  # noqa: BLE001 - whatever it is, the trial wants to count it
            ending, text = type(error).__name__, str(error)
        return Told(ending, text, time.monotonic() - begun)

    with ThreadPoolExecutor(count) as pool:
        yield [pool.submit(ask, number) for number in range(count)]


def endings(told: Iterable[Told]) -> str:
    """How they ended; most of the time all alike."""
    return ", ".join(sorted(Counter(one.ending for one in told)))


def is_clear(told: Iterable[Told]) -> bool:
    """Whether each error is one line that begins with the connection."""
    errors = [one.text for one in told if one.ending != SERVED]
    return all(text.startswith("Connection '") and len(text.splitlines()) == 1 for text in errors)


def calls_of(livestorm: SandboxProcess) -> int:
    """Calls that its token endpoint has seen, refused ones included; nobody may have called its API."""
    return int(livestorm.status()["counters"]["used_this_month"])
