"""Tasks of Airflow 2.11 that call Livestorm at the same time: processes with a few callers each, real or naive.

Run by `tasks.py` in a Python of that Airflow. One process imports Airflow and forks the others, as its LocalExecutor
does.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from airflow import models, settings
from sqlalchemy.orm import configure_mappers

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from trials.naive import NaiveStore

__all__ = ["main"]


class NaiveCredential:
    """Calls with what the naive store gives."""

    def __init__(self, store: NaiveStore) -> None:
        self._store = store

    def authorization(self) -> str:
        """The header's value."""
        return f"Bearer {self._store.get()}"

    def renew(self, refused: str) -> bool:
        """The naive do not think of it."""
        return False


def main() -> None:
    """Read a job from standard input, let the processes loose, print what each caller found as the last line."""
    job = json.load(sys.stdin)
    models.import_all_models()  # once, here: else each process would, at its first query, and not start with the others
    configure_mappers()
    forks = multiprocessing.get_context("fork")
    start = forks.Barrier(job["processes"])
    with ProcessPoolExecutor(job["processes"], forks, initializer=_START.append, initargs=(start,)) as pool:
        processes = [pool.submit(_process, job) for _ in range(job["processes"])]
        callers = [caller for process in processes for caller in process.result()]
    print(json.dumps(callers))


_START: list[Any] = []  # the barrier, in each process: it can be inherited, but not sent
_PATIENCE = 60.0  # seconds


def _process(job: dict[str, Any]) -> list[dict[str, Any]]:
    assert settings.engine is not None
    settings.engine.dispose(close=False)  # a connection of before the fork belongs to the parent
    ready = threading.Barrier(job["callers"] + 1)
    with ThreadPoolExecutor(job["callers"]) as pool:
        callers = [pool.submit(_caller, job, ready) for _ in range(job["callers"])]
        _START[0].wait(_PATIENCE)
        ready.wait(_PATIENCE)
        return [caller.result() for caller in callers]


def _caller(job: dict[str, Any], ready: threading.Barrier) -> dict[str, Any]:
    """Call again and again; a client keeps to five calls a second, so that the tokens expire on the way."""
    ready.wait(_PATIENCE)
    begun, tokens, problems = time.time(), set(), []
    call = _naive(job) if job["store"] else _by_hook(job)
    for _ in range(job["calls"]):
        try:
            tokens.add(hashlib.sha256(call().encode()).hexdigest())
        except Exception as error:  # noqa: BLE001 - whatever it is, the trial wants to count it
            problems.append(f"{type(error).__name__}: {error}")
    return {"begun": begun, "ended": time.time(), "tokens": sorted(tokens), "problems": problems}


def _by_hook(job: dict[str, Any]) -> Callable[[], str]:
    hook = LivestormHook(job["conn_id"])  # one for each caller, as each task has its own

    def call() -> str:
        hook.ping()
        return hook.get_token()

    return call


def _naive(job: dict[str, Any]) -> Callable[[], str]:
    credential = NaiveCredential(NaiveStore(conn_id=job["conn_id"], **job["store"]))
    client = LivestormClient(credential, base_url=job["api_url"])

    def call() -> str:
        client.request("GET", "/ping")
        return credential.authorization()

    return call
