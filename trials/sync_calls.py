"""How many calls a sync takes, against the fewest that the API allows, and whether what it publishes is the truth."""

from __future__ import annotations

import datetime as dt
import pathlib
import tempfile
from collections import Counter
from typing import Any

import msgspec

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from trials.outcome import Bar, Outcome
from trials.syncing import COMFORTABLE, EVERYTHING, WEBINARS, client_of, different, sync, todo

__all__ = ["BAD", "daily", "first_full", "first_full_cut", "positions"]

DAY = 86_400
_PAGE = 50
# Each switch on which the calls depend, in its bad position while the others are comfortable.
BAD: dict[str, Any] = {
    "session_updates": "stays",
    "event_updates": "stays",
    "people_window": "person",
    "included_people": "cut",
    "bounds": "exclusive",
    "breakout_rooms": "hidden",
}
_IN_SESSION = ("chat_messages", "questions", "recordings")
_SMALL = ("organization", "users", "people_attributes", "webhooks")


def _pages(rows: int) -> int:
    return -(-rows // _PAGE)


def first_full(_: Any, count: int, preset: str = "real") -> Outcome:
    """The first sync where a session brings all its people; `count` times."""
    return _first_full("first_full", count, preset, COMFORTABLE)


def first_full_cut(_: Any, count: int, preset: str = "real") -> Outcome:
    """The first sync where it brings the first 50 only."""
    return _first_full("first_full_cut", count, preset, COMFORTABLE | {"included_people": "cut"})


def _first_full(name: str, count: int, preset: str, settings: dict[str, Any]) -> Outcome:
    bars: list[Bar] = []
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="trials-") as folder:
        for number in range(count):
            with SandboxProcess(preset=preset, seed=number + 1, interval_limit=0, **settings) as sandbox:
                sessions = Counter(row["session_id"] for row in sandbox.truth("session_people"))
                people = sum(
                    1 if settings["included_people"] == "complete" else _pages(rows) for rows in sessions.values()
                )
                floor = _pages(len(sandbox.truth("events"))) + people
                result = sync(sandbox, pathlib.Path(folder) / str(number), todo(WEBINARS))
                wrong = different(sandbox, pathlib.Path(folder) / str(number), WEBINARS)
            bars.append(Bar.at_most(f"calls, to the floor of {floor:,}", round(result.calls / floor, 4), 1.05))
            bars.append(Bar.same("streams that differ from the truth", ", ".join(wrong), ""))
            figures[f"seed {number + 1}"] = {"floor": floor, "calls": result.calls}
    return Outcome(name, count, bars, figures)


def daily(_: Any, days: int, preset: str = "real", settings: dict[str, Any] | None = None) -> Outcome:
    """A sync of all streams a day, over so many days of ordinary life."""
    settings = settings or COMFORTABLE
    with (
        tempfile.TemporaryDirectory(prefix="trials-") as folder,
        SandboxProcess(preset=preset, interval_limit=0, monthly_limit=0, **settings) as sandbox,
    ):
        out = pathlib.Path(folder)
        first = sync(sandbox, out)
        before = _changing(sandbox)
        calls: list[int] = []
        floors: list[int] = []
        issue = 0
        wrong: list[str] = []
        for day in range(1, days + 1):
            sandbox.advance(DAY)
            calls.append(sync(sandbox, out).calls)
            after = _changing(sandbox)
            floor, by_page = _floor(before, after, len(sandbox.truth("events")))
            floors.append(floor)
            issue += by_page
            before = after
            wrong += [f"{stream} on day {day}" for stream in different(sandbox, out)]
    total, floor = sum(calls), sum(floors)
    return Outcome(
        "daily",
        days,
        [
            Bar.same("streams that differ from the truth", ", ".join(wrong), ""),
            Bar.at_most(f"calls, to the fewest possible ({floor:,})", round(total / floor, 4), 1.1),
            Bar.at_most(f"calls, to one per list and per page with a change ({issue:,})", round(total / issue, 4), 1.1),
            Bar.at_most("calls in 30 days", round(total * 30 / days), 2000),
        ],
        {"first": first.calls, "by day": calls, "floor by day": floors},
    )


def _changing(sandbox: SandboxProcess) -> dict[str, dict[str, dict[str, bytes]]]:
    """By stream and list: each row's attributes."""
    found: dict[str, dict[str, dict[str, bytes]]] = {}
    encode = msgspec.json.encode
    for stream in ("session_people", "event_people", *_IN_SESSION):
        lists: dict[str, dict[str, bytes]] = {}
        parent = "event_id" if stream == "event_people" else "session_id"
        for row in sandbox.truth(stream):
            lists.setdefault(row[parent], {})[row["id"]] = encode(row["attributes"])
        found[stream] = lists
    found["people"] = {"": {row["id"]: encode(row["attributes"]) for row in sandbox.truth("people")}}
    return found


def _floor(before: dict[str, Any], after: dict[str, Any], events: int) -> tuple[int, int]:
    """The fewest calls that bring a day's changes; and one per list, and per page of a child list with a change.

    The fewest: the small lists and one to count the contacts; the events whole, as a new tag moves nothing; a call for
    each session whose people changed; a call for each chat, list of questions and of recordings that changed. The
    people of events and the contacts follow from those of sessions.
    """
    fewest = len(_SMALL) + 1 + _pages(events)
    by_page = len(_SMALL) + 3  # events, sessions, contacts: a call for each list
    for stream in ("session_people", "event_people", "people", *_IN_SESSION):
        for parent in before[stream].keys() | after[stream].keys():
            was, now = before[stream].get(parent, {}), after[stream].get(parent, {})
            if was == now:
                continue
            places = {place // _PAGE for place, key in enumerate(now) if was.get(key) != now[key]}
            by_page += max(1, len(places))
            fewest += stream in ("session_people", *_IN_SESSION)
    return fewest, by_page


def positions(_: Any, days: int, preset: str = "small") -> Outcome:
    """Each switch in its bad position: what is published is right all the same, at more calls, and the plan says so."""
    bars: list[Bar] = []
    figures: dict[str, Any] = {}
    for name, value in {"": None, **BAD}.items():
        settings = COMFORTABLE | ({name: value} if name else {})
        total, wrong, said = _over_days(days, preset, settings)
        position = f"{name}={value}" if name else "comfortable"
        figures[position] = {"calls": total, "said": said}
        bars.append(Bar.same(f"{position}: streams that differ from the truth", ", ".join(wrong), ""))
    for position in ("session_updates=stays", "included_people=cut"):
        more = figures[position]["calls"] / figures["comfortable"]["calls"]
        bars.append(Bar.at_least(f"{position}: calls, to those of the comfortable position", round(more, 3), 1.0))
        differs = set(figures[position]["said"]) != set(figures["comfortable"]["said"])
        bars.append(Bar.same(f"{position}: whether the plan says so", str(differs), "True"))
    return Outcome("positions", days, bars, figures)


def _over_days(days: int, preset: str, settings: dict[str, Any]) -> tuple[int, list[str], list[str]]:
    """Calls, what differs at the end of a period, and what the plan says then.

    Where `updated_at` does not move, what happens to the people of a session long past shows nowhere: so it is compared
    after a run whose reconcile reaches all sessions.
    """
    with (
        tempfile.TemporaryDirectory(prefix="trials-") as folder,
        SandboxProcess(preset=preset, interval_limit=0, monthly_limit=0, **settings) as sandbox,
    ):
        out = pathlib.Path(folder)
        total = sync(sandbox, out).calls
        for _ in range(days):
            sandbox.advance(DAY)
            total += sync(sandbox, out).calls
        hidden = settings["session_updates"] == "stays"
        if hidden:
            total += sync(sandbox, out, todo(reconcile=dt.timedelta(0), reconcile_calls=100_000)).calls
        wrong = different(sandbox, out)
        with client_of(sandbox) as client:
            said = planned(sandbox, out, client)
    return total, wrong, said


def planned(sandbox: SandboxProcess, out: pathlib.Path, client: Any) -> list[str]:
    """What the plan says it learned."""
    now = dt.datetime.fromtimestamp(sandbox.now(), dt.UTC)
    made = SyncRunner(client, Destination(out), todo(EVERYTHING), now=lambda: now).plan()
    return [*made.learned, f"{made.least} to {made.most} calls"]
