"""The workspace of scenarios D, E and G: the sandbox's preset `real`, written down for the neutral server.

The data are the sandbox's, as it is what is known of a real workspace's size and life; whoever serves them is not.
"""

from __future__ import annotations

import json
import pathlib
import uuid
from typing import Any

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from trials.syncing import COMFORTABLE

__all__ = ["SYNCS", "changed", "fewest_calls", "rows_of", "write"]

SYNCS = ("first", "second", "third", "fourth")
_SHARE = 0.01  # of the sessions that change between two syncs
Workspace = dict[str, Any]


def write(folder: pathlib.Path, preset: str = "real") -> list[pathlib.Path]:
    """Write it as it is, and each time with another hundredth of its sessions changed; the files, as of `SYNCS`."""
    settings = {"interval_limit": 0, "monthly_limit": 0, **COMFORTABLE}
    with SandboxProcess(preset=preset, **settings) as sandbox:
        workspace = _snapshot(sandbox)
    files = []
    for turn, name in enumerate(SYNCS):
        workspace = changed(workspace, turn) if turn else workspace
        files.append(folder / f"{name}.json")
        files[-1].write_text(json.dumps(workspace), encoding="utf-8")
    return files


def changed(workspace: Workspace, turn: int) -> Workspace:
    """The same with a hundredth of its sessions changed, others in each turn.

    Half of them are ahead, and somebody registered; half are over, and somebody saw the replay. The session tells so.
    """
    copy: Workspace = json.loads(json.dumps(workspace))
    at = max(one["attributes"]["updated_at"] for one in copy["sessions"]) + 60
    count = max(2, round(len(copy["sessions"]) * _SHARE))
    for status, some in (("past", count // 2), ("upcoming", count - count // 2)):
        having = [
            one for one in copy["sessions"] if one["attributes"]["status"] == status and copy["people"].get(one["id"])
        ]
        step = max(1, len(having) // some)
        for session in having[turn % step :: step][:some]:
            session["attributes"]["updated_at"] = at
            people = copy["people"][session["id"]]
            if status == "upcoming":
                people.append(json.loads(json.dumps(people[0])))
                people[-1]["id"] = str(uuid.uuid5(uuid.UUID(session["id"]), str(turn)))
                session["attributes"]["registrants_count"] += 1
            attributes = people[-1]["attributes"]
            attributes["registrant_detail"] |= {"has_viewed_replay": status == "past", "updated_at": at}
            attributes["updated_at"] = at
    return copy


def rows_of(workspace: Workspace) -> int:
    """Rows in events, sessions and people of sessions."""
    return len(workspace["events"]) + len(workspace["sessions"]) + sum(map(len, workspace["people"].values()))


def fewest_calls(before: pathlib.Path, after: pathlib.Path) -> int:
    """The fewest calls that can bring what `after` has and `before` has not; with one file twice, all of it.

    A page of 50 events brings their sessions, and a session all of its people (`include`, api.md 8): so all of it takes
    the list of events, and each session with people. What changed takes a filtered list of events, one of sessions, and
    each session with people that changed: if the filters can be trusted, and nothing was deleted.
    """
    now: Workspace = json.loads(after.read_bytes())
    if before == after:
        return -(-len(now["events"]) // 50) + sum(map(bool, now["people"].values()))
    was: Workspace = json.loads(before.read_bytes())
    return 2 + sum(1 for session, people in now["people"].items() if people != was["people"].get(session, []))


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
