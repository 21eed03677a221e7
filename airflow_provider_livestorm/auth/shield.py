"""Work that a signal must not tear apart: a redeemed token that is not stored is lost.

Airflow ends a task by SIGTERM, whose handler raises in the main thread, wherever that is at the moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["uninterrupted"]

_Result = TypeVar("_Result")


def uninterrupted(work: Callable[[], _Result]) -> _Result:
    """Do the work to its end, and only then raise what a signal raised meanwhile.

    On a thread of its own where we are the main one, as only that one runs signal handlers. The work must end by
    itself within the time that is left between SIGTERM and SIGKILL.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    outcome: Future[_Result] = Future()
    done = threading.Event()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again below
            outcome.set_exception(error)
        finally:
            done.set()

    threading.Thread(target=run, name="livestorm-refresh").start()
    interruption: BaseException | None = None
    while not done.is_set():
        try:
            done.wait()  # not Thread.join: interrupted, that of Python 3.11 takes a running thread for ended
        except BaseException as error:  # noqa: BLE001 - raised again below
            interruption = interruption or error
    if interruption is not None:
        raise interruption
    return outcome.result()
