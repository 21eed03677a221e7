"""What each readable operation answers: rows chosen by filters, with what was asked to be included."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_livestorm.sandbox.queries import ApiError, Predicate, Query, Resource, bound, envelope, moment
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import Event, Session, Workspace

__all__ = ["OPERATIONS", "Operation", "Reader"]

_WINDOW = ("created_since", "created_until", "updated_since", "updated_until")
_SESSION_FILTERS = (*_WINDOW, "status", "date_from", "date_to", "include_breakout_rooms")
_SESSION_STATUSES = ("upcoming", "live", "on_demand", "past", "past_not_started", "canceled", "draft")
_SCHEDULING_STATUSES = (
    "live", "upcoming", "on_demand", "ended", "not_started", "draft", "cancelled", "not_scheduled",
)  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """Reads a workspace at a given time.

    Attributes:
        person: the `users` document of whoever consented; None for a private API token.
    """

    workspace: Workspace
    settings: Settings
    now: float
    person: Resource | None

    def ping(self, query: Query) -> None:
        """Nothing: an empty body."""

    def me(self, query: Query) -> Resource:
        """`users` for OAuth, `organizations` for an API token (api.md 6.6)."""
        organization = self.workspace.organization
        if self.person is None:
            return {"data": organization}
        identifier = {"type": "organizations", "id": organization["id"]}
        document: Resource = {"data": self.person | {"relationships": {"organization": {"data": identifier}}}}
        if "organization" in query.include:
            document["included"] = [organization]
        return document

    def organization(self, query: Query) -> Resource:
        """The workspace."""
        return {"data": self.workspace.organization}

    # --- events -----

    def events(self, query: Query) -> Resource:
        """The list of events."""
        title, tag = query.filters.get("title"), query.filters.get("tag")
        speak, status = query.flag("everyone_can_speak"), query.choice("scheduling_status", _SCHEDULING_STATUSES)
        wanted_tags = {name.strip().lower() for name in tag.split(",")} if tag is not None else None
        rows = []
        for event in self.workspace.events.values():
            row = self.workspace.event(event, self.now)
            attributes = row["attributes"]
            if (
                (title is None or title.lower() in attributes["title"].lower())
                and (wanted_tags is None or wanted_tags & {name.lower() for name in event.tags})
                and (speak is None or attributes["everyone_can_speak"] is speak)
                and (status is None or attributes["scheduling_status"] == status)
            ):
                rows.append(row)
        document = envelope(_passing(rows, query.window(self.settings)), query, self.settings)
        return self._with_event_includes(document, document["data"], query)

    def event(self, query: Query, event_id: str) -> Resource:
        """One event."""
        document = {"data": self.workspace.event(self._event(event_id), self.now)}
        return self._with_event_includes(document, [document["data"]], query)

    def _with_event_includes(self, document: Resource, rows: list[Resource], query: Query) -> Resource:
        included: dict[str, Resource] = {}
        for row in rows:
            related: dict[str, list[Resource]] = {}
            if "sessions" in query.include:
                sessions = self.workspace.sessions_of(row["id"])
                related["sessions"] = [self.workspace.session(session, self.now) for session in sessions]
            if "tags" in query.include:
                related["tags"] = [_tag(title) for title in self.workspace.events[row["id"]].tags]
            if related:
                row["relationships"] = {
                    name: {"data": [_identifier(one) for one in many]} for name, many in related.items()
                }
                included |= {one["id"]: one for many in related.values() for one in many}
        if query.include:
            document["included"] = list(included.values())
        return document

    # --- sessions -----

    def sessions(self, query: Query) -> Resource:
        """The list of all sessions."""
        return self._session_list(self.workspace.sessions.values(), query)

    def event_sessions(self, query: Query, event_id: str) -> Resource:
        """The sessions of one event."""
        document = self._session_list(self.workspace.sessions_of(self._event(event_id).id), query)
        return self._with_session_includes(document, document["data"], query)

    def session(self, query: Query, session_id: str) -> Resource:
        """One session."""
        document = {"data": self.workspace.session(self._session(session_id), self.now)}
        return self._with_session_includes(document, [document["data"]], query)

    def _session_list(self, sessions: Iterable[Session], query: Query) -> Resource:
        status, rooms = query.choice("status", _SESSION_STATUSES), query.flag("include_breakout_rooms")
        if rooms is None:
            rooms = self.settings.breakout_rooms == "shown"
        rows = [
            self.workspace.session(session, self.now)
            for session in sessions
            if (rooms or session.parent_id is None) and (status is None or session.status(self.now) == status)
        ]
        predicates = query.window(self.settings)
        for name, sign in (("date_from", 1), ("date_to", -1)):
            if name in query.filters:
                limit = moment(name, query.filters[name])
                predicates.append(bound("estimated_started_at", sign, limit, self.settings))
        return envelope(_passing(rows, predicates), query, self.settings)

    def _with_session_includes(self, document: Resource, rows: list[Resource], query: Query) -> Resource:
        included: dict[str, Resource] = {}
        for row in rows:
            relationships: Resource = {}
            if "event" in query.include:
                event = self.workspace.event(self.workspace.events[row["attributes"]["event_id"]], self.now)
                included[event["id"]] = event
                relationships["event"] = {"data": _identifier(event)}
            if "people" in query.include:
                people = self.workspace.people_of(row["id"])
                included |= people
                relationships["people"] = {"data": [_identifier(person) for person in people.values()]}
            if relationships:
                row["relationships"] = relationships
        if query.include:
            document["included"] = list(included.values())
        return document

    # --- session people -----

    def session_people(self, query: Query, session_id: str) -> Resource:
        """The people of one session."""
        people: Iterable[Resource] = self.workspace.people_of(self._session(session_id).id).values()
        role, attended = query.choice("role", ("participant", "team_member")), query.flag("attended")
        email = query.filters.get("email")
        rows = [
            row
            for row in people
            if (role is None or row["attributes"]["role"] == role)
            and (email is None or row["attributes"]["email"] == email)
            and (attended is None or row["attributes"]["registrant_detail"]["attended"] is attended)
        ]
        document = envelope(_passing(rows, query.window(self.settings)), query, self.settings)
        if query.include:
            session = self.workspace.session(self.workspace.sessions[session_id], self.now)
            event = self.workspace.event(self.workspace.events[session["attributes"]["event_id"]], self.now)
            wanted = {name: {"event": event, "session": session}[name] for name in query.include}
            relationships = {name: {"data": _identifier(one)} for name, one in wanted.items()}
            document["data"] = [row | {"relationships": relationships} for row in document["data"]]
            document["included"] = list(wanted.values()) if document["data"] else []
        return document

    def session_person(self, query: Query, session_id: str, person_id: str) -> Resource:
        """One person in one session."""
        person = self.workspace.people_of(self._session(session_id).id).get(person_id)
        if person is None:
            raise _not_found()
        return {"data": person}

    def _event(self, event_id: str) -> Event:
        if event_id not in self.workspace.events:
            raise _not_found()
        return self.workspace.events[event_id]

    def _session(self, session_id: str) -> Session:
        if session_id not in self.workspace.sessions:
            raise _not_found()
        return self.workspace.sessions[session_id]


@dataclass(frozen=True)
class Operation:
    """One operation of openapi.yaml.

    Attributes:
        name: its operationId.
        path: below `/v1`, in Starlette's notation.
        scopes: of which the credential needs one; none for any live credential.
    """

    name: str
    path: str
    scopes: tuple[str, ...]
    answer: Callable[..., Resource | None]
    paged: bool = False
    filters: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()


_EVENTS, _IDENTITY = ("events:read", "events:write"), ("identity:read", "identity:write")

OPERATIONS = (
    Operation("ping", "/ping", (), Reader.ping),
    Operation("getMe", "/me", _IDENTITY, Reader.me, includes=("organization",)),
    Operation("getOrganization", "/organization", (*_IDENTITY, "admin:read", "admin:write"), Reader.organization),
    Operation(
        "listEvents", "/events", _EVENTS, Reader.events, paged=True,
        filters=(*_WINDOW, "title", "everyone_can_speak", "scheduling_status", "tag"), includes=("sessions", "tags"),
    ),
    Operation("getEvent", "/events/{event_id}", _EVENTS, Reader.event, includes=("sessions", "tags")),
    Operation(
        "listEventSessions", "/events/{event_id}/sessions", _EVENTS, Reader.event_sessions, paged=True,
        filters=_SESSION_FILTERS, includes=("event", "people"),
    ),
    Operation("listSessions", "/sessions", _EVENTS, Reader.sessions, paged=True, filters=_SESSION_FILTERS),
    Operation("getSession", "/sessions/{session_id}", _EVENTS, Reader.session, includes=("people", "event")),
    Operation(
        "listSessionPeople", "/sessions/{session_id}/people", _EVENTS, Reader.session_people, paged=True,
        filters=(*_WINDOW, "role", "attended", "email"), includes=("event", "session"),
    ),
    Operation("getSessionPerson", "/sessions/{session_id}/people/{person_id}", _EVENTS, Reader.session_person),
)  # fmt: skip


def _passing(rows: list[Resource], predicates: list[Predicate]) -> list[Resource]:
    return [row for row in rows if all(predicate(row) for predicate in predicates)]


def _identifier(resource: Resource) -> dict[str, Any]:
    return {"type": resource["type"], "id": resource["id"]}


def _tag(title: str) -> Resource:
    return {"id": str(uuid.uuid5(uuid.NAMESPACE_OID, title)), "type": "tags", "attributes": {"title": title}}


def _not_found() -> ApiError:
    return ApiError(404, "Record not found", "The record could not be found")
