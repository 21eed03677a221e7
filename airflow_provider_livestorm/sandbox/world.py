"""The workspace: its records, and the few ways in which they change.

Nothing here knows HTTP, JSON or time: whoever changes something says when. How a record looks from outside,
`documents.py` tells; what happens by itself, `life.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "ChatMessage", "Event", "Job", "Person", "Question", "Recording", "Registration",
    "Resource", "Session", "Webhook", "Workspace",
]  # fmt: skip

Resource = dict[str, Any]
# What an event of webhooks is about.
Happening = Callable[[str, Any, int], None]


@dataclass(slots=True)
class Person:
    """A contact of the workspace: a participant, or a team member (whose id is that of the user)."""

    id: str
    role: str
    email: str
    first_name: str | None
    last_name: str | None
    timezone: str | None
    created_at: int
    updated_at: int


@dataclass(slots=True)
class Registration:
    """A person in a session.

    Attributes:
        luck: 64 bits out of which all is told that nobody sent and nothing changes: browser, city, key, answers.
        answers: by field id, where somebody sent them; None: told by `luck`.
        tracking: referrer and utm_*, where somebody sent them; None: told by `luck`.
    """

    person: Person
    session: Session
    created_at: int
    updated_at: int
    luck: int
    attended: bool = False
    attendance_duration: int = 0
    attendance_rate: float | None = None
    has_viewed_replay: bool = False
    messages: int = 0
    questions: int = 0
    answers: dict[str, Any] | None = None
    tracking: dict[str, str] | None = None


@dataclass(slots=True)
class ChatMessage:
    """A line of a session's chat."""

    id: str
    author: Person
    text: str
    created_at: int


@dataclass(slots=True)
class Question:
    """A question of a session, answered or not; `responded_at` is None until it is."""

    id: str
    author: Person
    text: str
    created_at: int
    updated_at: int
    response: str | None = None
    responder: Person | None = None
    responded_at: int | None = None
    orally: bool = False


@dataclass(slots=True)
class Recording:
    """A session's recording; its bytes follow from its id."""

    id: str
    size: int
    name: str
    session: Session


@dataclass(slots=True)
class Session:
    """A session.

    Attributes:
        start: planned, UTC unix seconds.
        planned_duration: seconds.
        updated_at: when the session itself last changed; `people_changed_at`: when one of its registrations did.
        started_at, ended_at, canceled_at: 0 for never.
        attendees: registrations with `attended`.
        people: registrations by the person's id, in the order in which they came.
        by_caller: made through the API: what happens by itself leaves it alone.
    """

    id: str
    event: Event
    name: str | None
    timezone: str
    start: int
    planned_duration: int
    created_at: int
    updated_at: int
    status: str
    by_caller: bool = False
    parent: Session | None = None
    embed_url: str | None = None
    started_at: int = 0
    ended_at: int = 0
    canceled_at: int = 0
    people_changed_at: int = 0
    attendees: int = 0
    people: dict[str, Registration] = field(default_factory=dict)
    chat: list[ChatMessage] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)


@dataclass(slots=True)
class Event:
    """An event; its scheduling status and count of sessions follow from its sessions.

    Attributes:
        attributes: those that it holds itself (api.md 6.1).
        sessions_changed_at: when one of its sessions was made, changed or removed.
        by_caller: as of a session.
    """

    id: str
    attributes: dict[str, Any]
    tags: list[str] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    sessions_changed_at: int = 0
    by_caller: bool = False


@dataclass(slots=True)
class Webhook:
    """A subscription of one kind of happening; `enabled` ends after too many failures."""

    id: str
    url: str
    event: str
    secret: str
    created_at: int
    enabled: bool = True


@dataclass(slots=True)
class Job:
    """A bulk registration; `results` has one entry a task that was tried."""

    id: str
    session: Session
    tasks: list[Any]
    created_at: int
    organization_id: str
    status: str = "processing"
    results: list[Resource] = field(default_factory=list)


@dataclass
class Workspace:
    """All that one credential sees.

    Attributes:
        users: team members as `users` documents, by id.
        people_attributes: as documents.
        heard: told of each happening that Livestorm has webhooks for: its name, the record, the time.
    """

    organization: Resource
    users: dict[str, Resource] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    people_attributes: list[Resource] = field(default_factory=list)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    heard: Happening = field(default=lambda name, record, at: None)
    _by_email: dict[str, Person] = field(default_factory=dict)

    def registrations(self) -> Iterator[Registration]:
        """All of them, session by session."""
        for session in self.sessions.values():
            yield from session.people.values()

    def person_with(self, email: str) -> Person | None:
        """The person of exactly this address."""
        return self._by_email.get(email)

    def add_person(self, person: Person, *, first: bool = False) -> None:
        """Add a contact, at the end of the list or at its head."""
        if person.email in self._by_email:
            raise ValueError(f"{person.email} is somebody else's address")
        self._by_email[person.email] = person
        self.people[person.id] = person
        if first:
            self.people = {person.id: person, **self.people}

    def add_user(self, user: Resource, person: Person) -> None:
        """Add a member of the team, who hosts as `person`, of the same id."""
        self.users[user["id"]] = user
        person.role = "team_member"
        if person.id not in self.people:
            self.add_person(person)

    def remove_user(self, user_id: str) -> None:
        """Take somebody out of the team; the contact stays, as one like others."""
        del self.users[user_id]
        if user_id in self.people:
            self.people[user_id].role = "participant"

    def rename(self, person: Person, email: str, at: int) -> None:
        """Give a person another address."""
        del self._by_email[person.email]
        person.email, person.updated_at = email, at
        self._by_email[email] = person

    def add_event(self, event: Event) -> None:
        """Add an event."""
        self.events[event.id] = event
        self.heard("event.created", event, event.attributes["created_at"])

    def add_session(self, session: Session) -> None:
        """Add a session to its event."""
        self.sessions[session.id] = session
        session.event.sessions.append(session)
        session.event.sessions_changed_at = max(session.event.sessions_changed_at, session.created_at)
        self.heard("session.created", session, session.created_at)

    def touch_session(self, session: Session, at: float) -> None:
        """The session itself changed."""
        session.updated_at = session.event.sessions_changed_at = int(at)

    def rooms(self, session: Session) -> list[Session]:
        """Its breakout rooms."""
        return [one for one in session.event.sessions if one.parent is session]

    def remove_session(self, session: Session, at: float) -> None:
        """Remove it, with its breakout rooms."""
        for room in self.rooms(session):
            self.remove_session(room, at)
        del self.sessions[session.id]
        session.event.sessions.remove(session)
        session.event.sessions_changed_at = int(at)

    def remove_event(self, event: Event, at: float) -> None:
        """Remove it with its sessions."""
        for session in list(event.sessions):
            if session.id in self.sessions:
                self.remove_session(session, at)
        del self.events[event.id]

    def register(self, registration: Registration) -> None:
        """Put a person into a session."""
        session = registration.session
        session.people[registration.person.id] = registration
        session.people_changed_at = max(session.people_changed_at, registration.updated_at)
        self.heard("people.registered", registration, registration.created_at)

    def touch(self, registration: Registration, at: float) -> None:
        """A registration changed."""
        registration.updated_at = registration.session.people_changed_at = int(at)

    def attend(self, registration: Registration, at: float) -> None:
        """A person was there."""
        if not registration.attended:
            registration.attended = True
            registration.session.attendees += 1
        self.touch(registration, at)

    def unregister(self, registration: Registration, at: float) -> None:
        """Take a person out of a session; the contact stays."""
        session = registration.session
        del session.people[registration.person.id]
        session.attendees -= registration.attended
        session.people_changed_at = int(at)
