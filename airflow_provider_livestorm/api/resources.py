"""The catalogue: every readable resource with its path, key, parent, filters, includes and columns.

The hook's typed readers, the sync and the docs all read it, so a resource added here is typed, described and tested
without another line. The columns come from `records`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from airflow_provider_livestorm.api.records import (
    ChatMessage,
    Event,
    EventPerson,
    EventTag,
    Job,
    Organization,
    Person,
    PersonAttribute,
    Question,
    Record,
    Recording,
    RegistrationAnswer,
    Session,
    SessionPerson,
    User,
    Webhook,
)
from airflow_provider_livestorm.api.rows import RowReader

__all__ = [
    "CATALOGUE", "EVENTS", "EVENT_PEOPLE", "PEOPLE", "RECORDINGS", "SESSIONS", "SESSION_PEOPLE", "ResourceList",
]  # fmt: skip

RecordT = TypeVar("RecordT", bound=Record)

_WINDOW = ("created_since", "created_until", "updated_since", "updated_until")


@dataclass(frozen=True)
class ResourceList(Generic[RecordT]):
    """A list of Livestorm's, as a stream of records.

    Attributes:
        name: of the stream, in code, configuration and folders.
        path: of the list; `{parent}` stands for the parent's id.
        record: what each row is.
        key: columns that together name a row.
        cursor: the column that moves when a row changes; None where Livestorm has none.
        scope: what the credential must be allowed.
        calls: how many calls it takes, for people.
        parent: the stream whose rows this list hangs under; None for a global list.
        many: whether a list comes; else a single resource.
        filters: what `filter[...]` takes, by name.
        includes: what `include` takes.
        always: filters that a whole list needs whatever the server's default is.
        dropped: attributes left out of the rows because another column tells the same, or nobody needs them.
        secrets: names of members that open a door; never written.
    """

    name: str
    path: str
    record: type[RecordT]
    key: tuple[str, ...]
    cursor: str | None
    scope: str
    calls: str
    parent: str | None = None
    many: bool = True
    filters: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    always: Mapping[str, bool] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> RowReader[RecordT]:
        """Turns this list's resources into rows and records."""
        return RowReader(self.record, dropped=self.dropped, secrets=self.secrets)

    @property
    def about(self) -> str:
        """What a row is, in one sentence."""
        return (self.record.__doc__ or "").strip().partition("\n")[0].partition(" (api.md")[0].rstrip(".") + "."


_PAGE = "one per 50 rows"

ORGANIZATION = ResourceList(
    "organization", "/organization", Organization, ("id",), None, "identity:read", "one", many=False
)
USERS = ResourceList(
    "users", "/users", User, ("id",), "updated_at", "admin:read", _PAGE, filters=("email", "role", "pending_invite")
)
EVENTS = ResourceList(
    name="events",
    path="/events",
    record=Event,
    key=("id",),
    cursor="updated_at",
    scope="events:read",
    calls=_PAGE,
    filters=(*_WINDOW, "title", "everyone_can_speak", "scheduling_status", "tag"),
    includes=("sessions", "tags"),
    # The owner is a team member like any other; the events keep who it is, not their whole profile.
    dropped=(
        "attributes.owner.type",
        *(
            f"attributes.owner.attributes.{name}"
            for name in ("role", "created_at", "updated_at", "timezone", "avatar_link")
        ),
    ),
)
EVENT_TAGS = ResourceList(
    "event_tags", "/events?include=tags", EventTag, ("event_id", "id"), None, "events:read",
    "none beside those of events", parent="events",
)  # fmt: skip
SESSIONS = ResourceList(
    name="sessions",
    path="/sessions",
    record=Session,
    key=("id",),
    cursor="updated_at",
    scope="events:read",
    calls="none beside those of events, where events bring all of them; else one per 50 rows",
    filters=(*_WINDOW, "status", "date_from", "date_to", "include_breakout_rooms"),
    always={"include_breakout_rooms": True},  # whether they are listed without it is not known (api.md 9)
)
SESSION_PEOPLE = ResourceList(
    name="session_people",
    path="/sessions/{parent}/people",
    record=SessionPerson,
    key=("session_id", "id"),
    cursor="updated_at",
    scope="events:read",
    calls="one per session whose people changed, where a session brings all of them; else one per 50 people",
    parent="sessions",
    filters=(*_WINDOW, "role", "attended", "email"),
    includes=("event", "session"),
    # Whoever has one of these enters the room as that person (api.md 6.3).
    secrets=("password_key", "connection_link"),
    dropped=("attributes.registrant_detail.session_id",),
)
REGISTRATION_ANSWERS = ResourceList(
    "registration_answers", "/sessions/{parent}/people", RegistrationAnswer, ("session_id", "person_id", "field_id"),
    None, "events:read", "none beside those of session_people", parent="sessions",
)  # fmt: skip
EVENT_PEOPLE = ResourceList(
    name="event_people",
    path="/events/{parent}/people",
    record=EventPerson,
    key=("event_id", "id"),
    cursor="updated_at",
    scope="events:read",
    calls="none beside those of session_people, but for a few to see that they agree; without session_people one per"
    " 50 people of an event that changed",
    parent="events",
    filters=("role", "email"),
    dropped=("attributes.registrant_detail.event_id",),
)
PEOPLE = ResourceList(
    name="people",
    path="/people",
    record=Person,
    key=("id",),
    cursor="updated_at",
    scope="events:read",
    calls="one to count them beside those of session_people; without session_people one per 50 people",
    filters=("role", "email"),
)
PEOPLE_ATTRIBUTES = ResourceList(
    "people_attributes", "/people_attributes", PersonAttribute, ("id",), "updated_at", "events:read", _PAGE,
    filters=("builtin", "description", "name", "placeholder", "slug", "type", "user_id"),
)  # fmt: skip
_IN_SESSION = "one per session that ended and has some, again where they may have changed"
CHAT_MESSAGES = ResourceList(
    "chat_messages", "/sessions/{parent}/chat_messages", ChatMessage, ("session_id", "id"), "created_at",
    "events:read", _IN_SESSION, parent="sessions", dropped=("attributes.session_id",),
)  # fmt: skip
QUESTIONS = ResourceList(
    "questions", "/sessions/{parent}/questions", Question, ("session_id", "id"), "updated_at", "events:read",
    _IN_SESSION, parent="sessions", includes=("asker", "responder"), dropped=("attributes.session_id",),
)  # fmt: skip
RECORDINGS = ResourceList(
    "recordings", "/sessions/{parent}/recordings", Recording, ("session_id", "id"), None, "events:read",
    "one per session that ended, again until there is one", parent="sessions",
    # The URL opens the recording to whoever has it, and is made anew at each reading.
    secrets=("url",), dropped=("attributes.session_id", "attributes.url_generated_at", "attributes.url_expires_in"),
)  # fmt: skip
WEBHOOKS = ResourceList(
    "webhooks", "/webhooks", Webhook, ("id",), "updated_at", "webhooks:read", _PAGE, filters=("event",)
)
JOBS = ResourceList(
    "jobs", "/jobs/{parent}", Job, ("id",), None, "events:read",
    "one per job that is named in job_ids; Livestorm lists none", many=False,
    dropped=("attributes.input",),  # the registrations that somebody sent: they are session people now
)  # fmt: skip

# Parents before children, and what is derived after what it is derived from.
CATALOGUE: dict[str, ResourceList[Any]] = {
    resource.name: resource
    for resource in (
        ORGANIZATION, USERS, EVENTS, EVENT_TAGS, SESSIONS, SESSION_PEOPLE, REGISTRATION_ANSWERS, EVENT_PEOPLE, PEOPLE,
        PEOPLE_ATTRIBUTES, CHAT_MESSAGES, QUESTIONS, RECORDINGS, WEBHOOKS, JOBS,
    )
}  # fmt: skip
