"""What the steps of a run need to know of a session."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

__all__ = ["SessionInfo"]

_NEVER_HELD = ("canceled", "draft", "past_not_started")


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What the steps after this one need to know of a session.

    Attributes:
        mark: all that shows a change of its people, if Livestorm shows it.
        is_recorded: whether its event records; None where it does not say.
    """

    id: str
    event_id: str
    status: str
    updated_at: dt.datetime | None
    starts_at: dt.datetime | None
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    registrants: int | None
    attendees: int | None
    is_recorded: bool | None

    @property
    def mark(self) -> list[Any]:
        """Comparable with the one that the ledger kept."""
        updated = self.updated_at.timestamp() if self.updated_at else None
        return [updated, self.status, self.registrants, self.attendees]

    @property
    def is_over(self) -> bool:
        """Whether it was held and is over."""
        return (self.started_at or self.ended_at) is not None and self.status not in ("live", "upcoming", *_NEVER_HELD)

    @property
    def is_ahead(self) -> bool:
        """Whether people may still come to it."""
        return not self.is_over and self.status not in (*_NEVER_HELD, "past")

    @property
    def over_at(self) -> dt.datetime | None:
        """When it ended, as well as can be told."""
        return self.ended_at or self.started_at or self.starts_at
