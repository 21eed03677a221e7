"""The workspace of scenarios D, E and G: the sandbox's preset `real`, written down for the neutral server.

The data are the sandbox's, as it is what is known of a real workspace's size and life; whoever serves them is not.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from trials.syncing import COMFORTABLE

__all__ = ["changed", "fewest_calls", "rows_of", "write"]

_SHARE = 0.01  # of the sessions that change at once
Workspace = dict[str, Any]


def write(folder: pathlib.Path, preset: str = "real") -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """Write it as it is, with a hundredth of its sessions changed, and as it is a day later; returns the files."""
    settings = {"interval_limit": 0, "monthly_limit": 0, **COMFORTABLE}
    with SandboxProcess(preset=preset, **settings) as sandbox:
        first = _snapshot(sandbox)
        sandbox.advance(86_400)
        later = _snapshot(sandbox)
    files = []
    for name, workspace in (("first", first), ("changed", changed(first)), ("later", later)):
        files.append(folder / f"{name}.json")
        files[-1].write_text(json.dumps(workspace), encoding="utf-8")
    return files[0], files[1], files[2]


def changed(workspace: Workspace) -> Workspace:
    """The same with a hundredth of its sessions changed: one of their people left halfway, and the session tells so."""
    copy: Workspace = json.loads(json.dumps(workspace))
    over = [one for one in copy["sessions"] if one["attributes"]["status"] == "past" and copy["people"].get(one["id"])]
    count = max(1, round(len(copy["sessions"]) * _SHARE))
    for session in over[:: len(over) // count][:count]:
        at = max(one["attributes"]["updated_at"] for one in copy["sessions"]) + 60
        session["attributes"]["updated_at"] = at
        detail = copy["people"][session["id"]][0]["attributes"]["registrant_detail"]
        detail |= {"has_viewed_replay": not detail["has_viewed_replay"], "updated_at": at}
    return copy


def rows_of(workspace: Workspace) -> int:
    """Rows in events, sessions and people of sessions."""
    return len(workspace["events"]) + len(workspace["sessions"]) + sum(map(len, workspace["people"].values()))


def fewest_calls(before: pathlib.Path, after: pathlib.Path) -> int:
    """The fewest calls that can bring what `after` has and `before` has not; with one file twice, all of it.

    A page of 50 events brings their sessions, and a session all of its people (`include`, api.md 8): so it takes the
    list of events, and each session with people that changed.
    """
    now: Workspace = json.loads(after.read_bytes())
    was: Workspace = json.loads(before.read_bytes()) if before != after else {"people": {}}
    changed_lists = sum(1 for session, people in now["people"].items() if people != was["people"].get(session, []))
    return -(-len(now["events"]) // 50) + changed_lists


def _snapshot(sandbox: SandboxProcess) -> Workspace:
    people: dict[str, list[dict[str, Any]]] = {}
    for row in sandbox.truth("session_people"):
        people.setdefault(row["session_id"], []).append({name: row[name] for name in ("id", "type", "attributes")})
    return {
        "events": sandbox.truth("events"),
        "sessions": sandbox.truth("sessions"),
        "people": people,
        "tags": sandbox.truth("event_tags"),
    }
