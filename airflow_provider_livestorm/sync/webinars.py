"""Events, their tags, and sessions.

The list of events is read whole in each run: a call for 50 of them brings their tags, whose changes move no
`updated_at`, and their sessions with it, whose counts tell which people changed; and an event or session that is gone
is seen at once. Whether it brings all sessions is checked, and else they are listed by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from airflow_provider_livestorm.api.json_api import Resource
from airflow_provider_livestorm.api.resources import SESSIONS
from airflow_provider_livestorm.exceptions import (
    LivestormApiError,
    LivestormDestinationError,
    LivestormResponseError,
)
from airflow_provider_livestorm.sync.reader import ListRead, Request
from airflow_provider_livestorm.sync.sessions import SessionInfo
from airflow_provider_livestorm.sync.work import Row, Work

__all__ = ["read_webinars"]

_OF_SESSIONS = (
    "sessions", "session_people", "registration_answers", "event_people", "people", "chat_messages", "questions",
    "recordings",
)  # fmt: skip

_CHILDREN = ("session_people", "chat_messages", "questions", "recordings")
# An event's own count of sessions may leave out what its list leaves out, such as breakout rooms: so often both are
# held against the list of sessions.
_COUNTED, _COUNT_EVERY = "sessions counted at", 7 * 86_400.0

log = logging.getLogger(__name__)


def read_webinars(work: Work) -> None:
    """Read events, tags and sessions as far as anything that is asked for needs them; fills `work.sessions`."""
    wants_sessions = work.wants(*_OF_SESSIONS)
    filters = work.plan.filters
    wants_tags = work.wants("event_tags") or bool(filters.tags)
    if not (wants_sessions or wants_tags or work.wants("events")):
        return
    if work.plan.mode == "interval":
        _Webinars(work).read_interval(wants_tags=wants_tags, wants_sessions=wants_sessions)
    else:
        _Webinars(work).read_whole(wants_tags=wants_tags, wants_sessions=wants_sessions)


class _Webinars:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._events: dict[str, tuple[bool, bool | None]] = {}  # wanted, recorded

    # --- the whole -----

    def read_whole(self, *, wants_tags: bool, wants_sessions: bool) -> None:
        work, knowledge = self._work, self._work.knowledge
        tries = wants_sessions and (knowledge.sessions_included is not False or work.everything)
        include = [*(["sessions"] if tries else []), *(["tags"] if wants_tags else [])]
        events = self._events_with(include, {})
        self._refuse_another_workspace(events)
        brought = None
        if tries:
            brought = _brought(events)
            if brought is not None and self._is_to_be_counted():
                brought = brought if len(brought) == self._sessions_counted() else None
                work.ledger.set_fact(_COUNTED, work.now.timestamp())
            knowledge.sessions_included = brought is not None
            if brought is None:
                log.info("The events do not bring all sessions (include=sessions); they are listed by themselves.")
        gone = self._land_events(events, wants_tags=wants_tags, whole=True)
        if wants_sessions:
            if brought is None:
                work.progress.step("sessions")
                read = work.reader.read(Request("sessions", SESSIONS.path, None, dict(_always())))
                self._land_sessions(read.resources() if read else (), whole=True)
            else:
                self._land_sessions(brought.values(), whole=True)
        for event_id in gone:
            for stream in ("event_tags", "event_people"):
                work.drop(stream, event_id)

    def _events_with(self, include: list[str], params: dict[str, Any]) -> ListRead:
        work = self._work
        work.progress.step("events")
        asked = {**params, "include": ",".join(include)} if include else params
        # Tags come by include alone; sessions also by themselves.
        optional = "sessions" in include
        read = work.reader.read(Request("events", "/events", None, asked, optional=optional))
        if optional and read is not None and any(one.id == "" for one in read.resources()):
            return self._events_with([name for name in include if name != "sessions"], params)
        if read is None:
            raise LivestormApiError("GET /events: Livestorm does not have this list.", status=404)
        return read

    def _refuse_another_workspace(self, events: ListRead) -> None:
        """Compared with another workspace's, all that is published would be taken for gone."""
        ledger = self._work.ledger
        if ledger.count("events") and not any(ledger.row("events", "", one.id) for one in events.resources()):
            raise LivestormDestinationError(
                "Not one of the events that are published in this destination is in this workspace: it holds another"
                " workspace's data. Give each workspace a destination of its own; if all events were replaced, run once"
                " in mode 'full'."
            )

    def _is_to_be_counted(self) -> bool:
        counted = self._work.ledger.fact(_COUNTED)
        return self._work.everything or counted is None or self._work.now.timestamp() - counted > _COUNT_EVERY

    def _sessions_counted(self) -> int | None:
        """How many sessions there are, in one call: an event's own count may leave out what its list leaves out."""
        params = {**_always(), "page[number]": 0, "page[size]": 1}
        read = self._work.reader.read(Request("sessions", SESSIONS.path, None, params, many=False))
        return next((document.meta.record_count for document in read.documents()), None) if read else None

    # --- an interval -----

    def read_interval(self, *, wants_tags: bool, wants_sessions: bool) -> None:
        work, window = self._work, _wire(self._work.plan.window)
        if work.wants("events", "event_tags") or work.plan.filters.tags:
            # A session's event need not have changed: its tags are asked of all.
            events = self._events_with(["tags"] if wants_tags else [], {} if work.plan.filters.tags else window)
            self._land_events(events, wants_tags=wants_tags, whole=False)
        if not wants_sessions:
            return
        found: dict[str, Resource] = {}
        changed: set[str] = set()
        lists = work.plan.parent_filters(work.now) if work.wants(*_OF_SESSIONS[1:]) else [work.plan.window]
        for number, filters in enumerate(lists):
            work.progress.step("sessions")
            read = work.reader.read(Request("sessions", SESSIONS.path, None, {**_always(), **_wire(filters)}))
            for resource in read.resources() if read else ():
                found[resource.id] = resource
                if number == 0:
                    changed.add(resource.id)
        self._land_sessions((found[one] for one in changed), whole=False)
        for resource in found.values():
            if resource.id not in changed:
                self._note(SESSIONS.rows.row(resource))

    # --- landing -----

    def _land_events(self, events: ListRead, *, wants_tags: bool, whole: bool) -> list[str]:
        """Returns the events that are gone, or not wanted any more."""
        work, filters = self._work, self._work.plan.filters
        tags: dict[str, list[Resource]] = {}
        if wants_tags:
            for document in events.documents():
                titles = {one.id: one for one in document.included if one.type == "tags"}
                if titles and not any(_linked(event, "tags") for event in document.many):
                    raise LivestormResponseError(
                        "GET /events: Livestorm sent tags, and does not tell which event has which; leave out the"
                        " stream event_tags and the filter by tags."
                    )
                for event in document.many:
                    tags[event.id] = [titles[key] for key in _linked(event, "tags") if key in titles]

        def wanted(row: Row) -> bool:
            if filters.events and row["id"] not in filters.events:
                return False
            return not filters.tags or any(
                str(one.attributes.get("title", "")).casefold() in filters.tags for one in tags.get(row["id"], ())
            )

        def note(row: Row, *_: object) -> None:
            self._events[row["id"]] = (wanted(row), row["recording_enabled"])

        landed = work.land("events", "", events.resources(), wanted=wanted, seen=note, whole=whole)
        if work.wants("event_tags"):
            for event_id, own in tags.items():
                if self._events[event_id][0]:
                    work.land("event_tags", event_id, own)
        left = [one.id for one in landed.gone]
        return left + [event_id for event_id, (is_wanted, _) in self._events.items() if whole and not is_wanted]

    def _land_sessions(self, resources: Iterable[Resource], *, whole: bool) -> None:
        self._work.land(
            "sessions", "", resources, wanted=self._wanted, seen=lambda row, *_: self._note(row), whole=whole
        )
        if whole:
            # Whoever is not wanted any more counts as gone; and what an earlier run did not look at is seen here too.
            work = self._work
            kept = {known.parent for stream in _CHILDREN for known in work.ledger.lists(stream)}
            work.gone_sessions += sorted(kept - work.sessions.keys())

    def _wanted(self, row: Row) -> bool:
        filters, starts = self._work.plan.filters, row["estimated_started_at"]
        event = row["event_id"] or ""
        if event in self._events:
            if not self._events[event][0]:
                return False
        elif filters.tags or (filters.events and event not in filters.events):
            return False
        if filters.statuses and row["status"] not in filters.statuses:
            return False
        if filters.sessions_from and (starts is None or starts < filters.sessions_from):
            return False
        return not (filters.sessions_to and (starts is None or starts > filters.sessions_to))

    def _note(self, row: Row) -> None:
        if not self._wanted(row):
            return
        event = row["event_id"] or ""
        self._work.sessions[row["id"]] = SessionInfo(
            row["id"], event, row["status"] or "", row["updated_at"], row["estimated_started_at"], row["started_at"],
            row["ended_at"], row["registrants_count"], row["attendees_count"], self._events.get(event, (True, None))[1],
        )  # fmt: skip


def _brought(events: ListRead) -> dict[str, Resource] | None:
    """The sessions that came with the events; None where they are not all of them, by the events' own counts."""
    found: dict[str, Resource] = {}
    for document in events.documents():
        included = {one.id: one for one in document.included if one.type == "sessions"}
        for event in document.many:
            links = _linked(event, "sessions")
            count = event.attributes.get("sessions_count")
            if len(links) != count or not included.keys() >= set(links):
                return None
            # An event's session tells its event by itself; where it does not, it is not the whole of it.
            if any(included[key].attributes.get("event_id") != event.id for key in links):
                return None
            found |= {key: included[key] for key in links}
    return found


def _linked(resource: Resource, name: str) -> list[str]:
    relationship = resource.relationships.get(name)
    data = relationship.get("data") if isinstance(relationship, dict) else None
    links = data if isinstance(data, list) else []
    return [one["id"] for one in links if isinstance(one, dict) and isinstance(one.get("id"), str)]


def _always() -> dict[str, Any]:
    return {f"filter[{name}]": value for name, value in SESSIONS.always.items()}


def _wire(filters: dict[str, Any]) -> dict[str, Any]:
    return {f"filter[{name}]": int(value.timestamp()) for name, value in filters.items()}
