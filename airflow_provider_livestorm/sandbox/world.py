"""The workspace: events, sessions, people, and how they look at a given time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Event", "Session", "Workspace"]

Resource = dict[str, Any]


@dataclass(slots=True)
class Event:
    """An event; its scheduling status and count of sessions follow from its sessions."""

    id: str
    attributes: dict[str, Any]
    tags: list[str]


@dataclass(slots=True)
class Session:
    """A session as it is planned; what it is at a given time, `Workspace.session` tells.

    Attributes:
        start: planned start, UTC unix seconds; `duration`: seconds.
        changed_at: when a person last changed it.
        status_override: `draft` or `canceled`.
        never_started: nobody opens the room.
        parent_id: of a breakout room.
    """

    id: str
    event_id: str
    name: str | None
    timezone: str
    start: int
    duration: int
    created_at: int
    changed_at: int
    status_override: str | None = None
    never_started: bool = False
    parent_id: str | None = None

    def status(self, now: float) -> str:
        """One of api.md's session statuses."""
        if self.status_override:
            return self.status_override
        if now < self.start:
            return "upcoming"
        if self.never_started:
            return "past_not_started"
        return "live" if now < self.start + self.duration else "past"


@dataclass
class Workspace:
    """All that one credential sees."""

    organization: Resource
    users: list[Resource]
    events: dict[str, Event] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    _sessions_of: dict[str, list[Session]] = field(default_factory=dict)
    _people: dict[str, dict[str, Resource]] = field(default_factory=dict)
    _attendees: dict[str, int] = field(default_factory=dict)

    def add_event(self, event: Event) -> None:
        """Add an event."""
        self.events[event.id] = event
        self._sessions_of[event.id] = []

    def add_session(self, session: Session) -> None:
        """Add a session to its event."""
        self.sessions[session.id] = session
        self._sessions_of[session.event_id].append(session)

    def set_people(self, session: Session, people: list[Resource]) -> None:
        """Say who registered."""
        self._people[session.id] = {person["id"]: person for person in people}
        # Counted once: every list of sessions tells it of every session.
        self._attendees[session.id] = sum(person["attributes"]["registrant_detail"]["attended"] for person in people)

    def sessions_of(self, event_id: str) -> list[Session]:
        """The sessions of an event."""
        return self._sessions_of[event_id]

    def people_of(self, session_id: str) -> dict[str, Resource]:
        """Who registered for a session, by id, in the session form (api.md 6.3)."""
        return self._people[session_id]

    def event(self, event: Event, now: float) -> Resource:
        """An event as the API tells it at `now`."""
        sessions = self._sessions_of[event.id]
        return {
            "id": event.id,
            "type": "events",
            "attributes": event.attributes
            | {"sessions_count": len(sessions), "scheduling_status": _scheduling_status(event, sessions, now)},
        }

    def session(self, session: Session, now: float) -> Resource:
        """A session as the API tells it at `now`; 0 is "never" (api.md 2)."""
        status = session.status(now)
        started = session.start if status in ("live", "past") else 0
        ended = session.start + session.duration if status == "past" else 0
        moved = max(session.changed_at, started, ended)
        return {
            "id": session.id,
            "type": "sessions",
            "attributes": {
                "event_id": session.event_id,
                "status": status,
                "timezone": session.timezone,
                "room_link": f"https://app.livestorm.co/p/{session.id}",
                "name": session.name,
                "attendees_count": self._attendees[session.id],
                "registrants_count": len(self._people[session.id]),
                "duration": session.duration if ended else None,
                "estimated_started_at": session.start,
                "started_at": started,
                "ended_at": ended,
                "canceled_at": session.changed_at if status == "canceled" else 0,
                "created_at": session.created_at,
                "updated_at": moved,
                "breakout_room_parent_session_id": session.parent_id,
            },
        }


def _scheduling_status(event: Event, sessions: list[Session], now: float) -> str:
    """The event's status out of its sessions'; which of them wins is not published, the liveliest does here."""
    if event.attributes["status"] == "draft":
        return "draft"
    if not sessions:
        return "not_scheduled"
    found = {session.status(now) for session in sessions}
    for status, told in (
        ("live", "live"),
        ("upcoming", "upcoming"),
        ("past", "ended"),
        ("past_not_started", "not_started"),
    ):
        if status in found:
            return told
    return "cancelled"
