"""What the trials of the sync share: a run against a sandbox, and the comparison with its truth."""

from __future__ import annotations

import datetime as dt
import pathlib
from typing import Any

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.planner import Plan, plan
from airflow_provider_livestorm.sync.privacy import Privacy
from airflow_provider_livestorm.sync.result import SyncResult
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from tests import truth

__all__ = ["COMFORTABLE", "EVERYTHING", "WEBINARS", "client_of", "different", "sync", "todo"]

EVERYTHING = tuple(stream for stream in truth.KEYS if stream != "jobs")
WEBINARS = ("events", "sessions", "session_people")
# The position of each switch in which Livestorm lets a client save calls (api.md 8).
COMFORTABLE: dict[str, Any] = {
    "session_updates": "moves",
    "event_updates": "moves",
    "people_window": "registration",
    "included_people": "complete",
    "bounds": "inclusive",
    "breakout_rooms": "shown",
}


def client_of(sandbox: SandboxProcess, *, paced: bool = False, reserve: int = 0) -> LivestormClient:
    """A client that waits for nothing, or one that keeps the 5 a second."""
    token = ApiToken(sandbox.credentials()["api_token"])
    if paced:
        return LivestormClient(token, base_url=sandbox.api_url, pacer=Pacer(min_quota_remaining=reserve))
    pacer = Pacer(min_quota_remaining=reserve, sleep=lambda _: None)
    return LivestormClient(token, base_url=sandbox.api_url, pacer=pacer, sleep=lambda _: None)


def todo(streams: tuple[str, ...] = EVERYTHING, **how: Any) -> Plan:
    """A plan that leaves out no column and tells what is gone."""
    return plan(streams, **{"privacy": Privacy(exclude=()), "mark_deleted": True, **how})


def sync(
    sandbox: SandboxProcess, folder: pathlib.Path, made: Plan | None = None, *, client: LivestormClient | None = None
) -> SyncResult:
    """One run, at the sandbox's time."""
    with client or client_of(sandbox) as calling:
        return SyncRunner(
            calling,
            Destination(folder),
            made or todo(),
            now=lambda: dt.datetime.fromtimestamp(sandbox.now(), dt.UTC),
        ).run()


def different(sandbox: SandboxProcess, folder: pathlib.Path, streams: tuple[str, ...] = EVERYTHING) -> list[str]:
    """The streams whose published state, merged by key, is not the sandbox's truth."""
    found = []
    for stream in streams:
        rows, expected = truth.published_rows(folder, stream), truth.of(sandbox, stream)
        if len(rows) != len(expected) or truth.digest(stream, rows) != truth.digest(stream, expected):
            found.append(stream)
    return found
