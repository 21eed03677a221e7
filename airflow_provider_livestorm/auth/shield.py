"""Work that a signal must not tear apart: a redeemed token that is not stored is lost.

Airflow ends a task by SIGTERM and its execution time-out by SIGALRM; their handlers raise in the main thread, wherever
that is at the moment.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

__all__ = ["uninterrupted"]

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGALRM") if hasattr(signal, name))
_Result = TypeVar("_Result")


def uninterrupted(work: Callable[[], _Result]) -> _Result:
    """Do the work to its end, and let the signals that came meanwhile take effect after it.

    The work must end by itself, within the time that is left between SIGTERM and SIGKILL. Only the main thread runs
    signal handlers: on any other there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    waiting: list[tuple[int, FrameType | None]] = []
    raised: list[BaseException] = []
    before: dict[int, Any] = {}
    try:
        for number in _SIGNALS:
            if signal.getsignal(number) is not None:  # None: not set from Python, so it cannot be put back
                before[number] = signal.signal(number, lambda *one: waiting.append(one))
        return work()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number, frame in waiting:
            handler = before[number]
            try:
                if callable(handler):
                    handler(number, frame)
                elif handler is signal.SIG_DFL:
                    signal.raise_signal(number)
            except BaseException as error:  # noqa: BLE001 - raised below; those behind it must be heard as well
                raised.append(error)
        if raised:
            raise raised[0]
