"""A process full of callers who all want a token at once: as the tasks of a worker do, or naively.

Run as a script by `crowd.py`: a line of JSON tells what to do, a second one says go, and the answer is who got what.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__: list[str] = []


def main() -> None:
    """Be one such process."""
    os.nice(10)  # a worker is another machine: it must not take the api-servers' processor, which is what is measured
    job = json.loads(sys.stdin.readline())
    get = _naive(job) if job["naive"] else _by_broker(job)
    go = threading.Event()

    def call(number: int) -> dict[str, Any]:
        go.wait()
        begun = time.time()
        try:
            token, problem = get(number), None
        except Exception as error:  # noqa: BLE001 - whatever it is, the trial wants to count it
            token, problem = "", f"{type(error).__name__}: {error}"
        return {
            "begun": begun,
            "ended": time.time(),
            "token": hashlib.sha256(token.encode()).hexdigest() if token else None,
            "problem": problem,
        }

    with ThreadPoolExecutor(job["callers"]) as pool:
        calls = [pool.submit(call, number) for number in range(job["callers"])]
        print(json.dumps("ready"), flush=True)
        sys.stdin.readline()
        go.set()
        print(json.dumps([one.result() for one in calls]), flush=True)


def _by_broker(job: dict[str, Any]) -> Callable[[int], str]:
    from airflow_provider_livestorm.auth.stores.broker import BrokerClient  # noqa: PLC0415 - the naive need it not

    def get(number: int) -> str:
        url = job["urls"][number % len(job["urls"])]
        client = BrokerClient(**job["client"], url=url, mask=lambda _: None)
        return client.get().access_token

    return get


def _naive(job: dict[str, Any]) -> Callable[[int], str]:
    from trials.naive import NaiveStore  # noqa: PLC0415 - the others need it not

    store = NaiveStore(**job["store"])
    return lambda _: store.get()


if __name__ == "__main__":
    main()
