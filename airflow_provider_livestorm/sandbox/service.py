"""What the operations share: the workspace with all around it, one call, and one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_livestorm.sandbox.clock import Clock
from airflow_provider_livestorm.sandbox.documents import Documents
from airflow_provider_livestorm.sandbox.errors import not_found
from airflow_provider_livestorm.sandbox.life import Life
from airflow_provider_livestorm.sandbox.makers import Maker
from airflow_provider_livestorm.sandbox.queries import Query
from airflow_provider_livestorm.sandbox.recordings import Storage
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import Event, Registration, Resource, Session, Workspace

__all__ = ["Answer", "Call", "Service", "found"]

Record = TypeVar("Record")


@dataclass(frozen=True)
class Call:
    """One call, checked.

    Attributes:
        now: the sandbox's time, UTC unix seconds.
        base_url: under which the caller reached the sandbox.
        user: the `users` document of whoever consented; None for a private API token.
        body: the document's `data`, of the operation's type; None where it takes none.
    """

    query: Query
    now: int
    base_url: str
    user: Resource | None
    body: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers; `delay` is how many seconds late."""

    document: Resource | None
    status: int = 200
    delay: float = 0.0


@dataclass
class Service:
    """The workspace with all that serves it.

    Attributes:
        maker: draws what callers make; `life` has one of its own, so that no caller changes what life draws.
    """

    life: Life
    settings: Settings
    clock: Clock
    storage: Storage
    maker: Maker
    documents: Documents = field(init=False)

    def __post_init__(self) -> None:
        self.documents = Documents(self.settings)

    @property
    def workspace(self) -> Workspace:
        """The records."""
        return self.life.workspace

    def catch_up(self) -> float:
        """Let all happen that is due by now; returns the time."""
        now = self.clock.now()
        self.life.timeline.run_to(now)
        return now

    def event(self, event_id: str) -> Event:
        """An event; ApiError 404."""
        return found(self.workspace.events, event_id)

    def session(self, session_id: str) -> Session:
        """A session; ApiError 404."""
        return found(self.workspace.sessions, session_id)

    def registration(self, session_id: str, person_id: str) -> Registration:
        """A person in a session; ApiError 404."""
        return found(self.session(session_id).people, person_id)


def found(records: Mapping[str, Record], key: str) -> Record:
    """The record of this id; ApiError 404. Whether Livestorm takes an id in capitals is not known; it writes none."""
    if key not in records:
        raise not_found()
    return records[key]
