"""Blocking work away from the event loop, on threads of our own: for the hook's async methods in triggers and tasks.

`asyncio.to_thread` would do but for one thing: its few threads (CPUs + 4) belong to all of the process. Airflow's own
`asend` of an async task needs one of them to receive, while it holds the lock that `mask_secret` on a thread waits for:
as many of our calls at once as there are threads, and nothing goes on, for ever. In a triggerer our calls, which may
wait for the pace of Livestorm, would keep other people's triggers waiting.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["off_loop"]

# Each call under way holds one, also while it waits for its turn: at 5 calls a second more would only wait.
_THREADS = 32
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


async def off_loop(
    work: Callable[_Arguments, _Result], /, *arguments: _Arguments.args, **named: _Arguments.kwargs
) -> _Result:
    """Do the work on a thread, in the caller's context (whose log a trigger's messages go to), and give its result.

    A caller that is cancelled waits no longer. Its work is not begun if it still waited for a thread; else it goes on
    to its end, as a thread cannot be stopped, and Python waits for that before it exits: a triggerer that stops, which
    cancels its triggers, waits for the calls under way, their tries and their pace included, but for no queue of them.
    """
    call = functools.partial(contextvars.copy_context().run, work, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), call)


@functools.cache
def _threads(_process: int) -> ThreadPoolExecutor:
    """The threads of this process: those of a parent are not there after a fork."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="livestorm")
