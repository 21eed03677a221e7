"""The catalogue: every readable resource with its path, key, parent, filters, includes and columns.

The hook's typed readers, the planner and the writers all read it, so a resource added here is pulled, typed and tested
without another line. The columns come from `records.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from airflow_provider_livestorm.api.records import Event, Record, Session, SessionPerson
from airflow_provider_livestorm.api.rows import RowReader

__all__ = ["CATALOGUE", "EVENTS", "SESSIONS", "SESSION_PEOPLE", "ResourceList"]

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
        parent: the stream whose rows this list hangs under; None for a global list.
        filters: what `filter[...]` takes, by name.
        includes: what `include` takes.
        always: filters that a whole list needs whatever the server's default is.
        dropped: attributes left out of the rows because another column tells the same.
        secrets: names of members that open a door; never written.
    """

    name: str
    path: str
    record: type[RecordT]
    key: tuple[str, ...]
    cursor: str | None
    parent: str | None = None
    filters: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    always: Mapping[str, bool] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> RowReader[RecordT]:
        """Turns this list's resources into rows and records."""
        return RowReader(self.record, dropped=self.dropped, secrets=self.secrets)


EVENTS = ResourceList(
    name="events",
    path="/events",
    record=Event,
    key=("id",),
    cursor="updated_at",
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
SESSIONS = ResourceList(
    name="sessions",
    path="/sessions",
    record=Session,
    key=("id",),
    cursor="updated_at",
    filters=(*_WINDOW, "status", "date_from", "date_to", "include_breakout_rooms"),
    always={"include_breakout_rooms": True},  # whether they are listed without it is not known (api.md 9)
)
SESSION_PEOPLE = ResourceList(
    name="session_people",
    path="/sessions/{parent}/people",
    record=SessionPerson,
    key=("session_id", "id"),
    cursor="updated_at",
    parent="sessions",
    filters=(*_WINDOW, "role", "attended", "email"),
    includes=("event", "session"),
    # Whoever has one of these enters the room as that person (api.md 6.3).
    secrets=("password_key", "connection_link"),
    dropped=("attributes.registrant_detail.session_id",),
)

CATALOGUE: dict[str, ResourceList[Event] | ResourceList[Session] | ResourceList[SessionPerson]] = {
    resource.name: resource for resource in (EVENTS, SESSIONS, SESSION_PEOPLE)
}
