"""Processes that refresh a row's token by the provider's own lease and note each step's time, one to be killed each.

Run as a script by `kill.py`. It imports Airflow once and forks a process for each line of JSON that it reads.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import Any
from unittest import mock

import authlib.integrations.requests_client  # noqa: F401 - so that no child has to
import requests
from airflow import settings

from airflow_provider_livestorm.auth import lease
from airflow_provider_livestorm.auth.stores.metadata_db import MetadataDbStore
from airflow_provider_livestorm.hooks.connection import open_lease, server_side_settings

__all__: list[str] = []


def main() -> None:
    """Serve line after line."""
    lease.LEASE_SECONDS = float(os.environ["TRIAL_LEASE_SECONDS"])  # so that the next one need not wait a minute
    lease.REDEEM_SECONDS = lease.LEASE_SECONDS / 2
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # Airflow logs to standard output
        for line in sys.stdin:
            print(json.dumps(_run(json.loads(line))), file=answers, flush=True)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, listen to the child's notes, kill it when it is time; the notes and the time of the kill."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        try:
            _refresh(job, writing)
        finally:
            os._exit(0)
    os.close(writing)
    notes: list[dict[str, Any]] = []
    text, kill_at, killed_at = b"", float("inf"), None
    while True:
        left = max(0.0, kill_at - time.time())
        if select.select([reading], [], [], min(left, 60.0))[0]:
            arrived = os.read(reading, 65536)
            if not arrived:
                break
            text += arrived
            *lines, text = text.split(b"\n")
            notes += [json.loads(one) for one in lines]
            first = next((one for one in notes if job["kill"] and one["note"] == job["kill"]["after"]), None)
            if first and killed_at is None:
                kill_at = first["at"] + job["kill"]["delay"]
        elif time.time() >= kill_at:
            os.kill(pid, signal.SIGKILL)
            killed_at, kill_at = time.time(), float("inf")
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    return {"notes": notes, "killed_at": killed_at if os.WIFSIGNALED(status) else None}


def _refresh(job: dict[str, Any], pipe: int) -> None:
    """Be the child: its notes go out by a write each, so that a kill leaves them whole."""

    def note(what: str, **more: Any) -> None:
        os.write(pipe, json.dumps({"note": what, "at": time.time(), **more}).encode() + b"\n")

    send, swap = requests.adapters.HTTPAdapter.send, MetadataDbStore.compare_and_swap

    def noted_send(*arguments: Any, **named: Any) -> Any:
        note("request")
        answer = send(*arguments, **named)
        note("answer")
        return answer

    def noted_swap(*arguments: Any) -> Any:
        note("write")
        done = swap(*arguments)
        note("written", took=done is not None)
        return done

    assert settings.engine is not None
    settings.engine.dispose(close=False)
    try:
        with (
            mock.patch.object(requests.adapters.HTTPAdapter, "send", noted_send),
            mock.patch.object(MetadataDbStore, "compare_and_swap", noted_swap),
        ):
            note("start")
            found = server_side_settings(job["conn_id"])
            token = open_lease(found).get().access_token
        answer = requests.get(f"{found.api_url}/ping", headers={"Authorization": f"Bearer {token}"}, timeout=10)
        note("token", status=answer.status_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, the trial wants to count it
        note("error", kind=type(error).__name__, message=str(error))


if __name__ == "__main__":
    main()
