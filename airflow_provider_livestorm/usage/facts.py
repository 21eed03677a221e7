"""What is reported and kept of calls, quota and accounts, as values; and how a reading follows another. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from airflow_provider_livestorm.api.json_api import Quota

__all__ = ["DAYS", "Identity", "Known", "QuotaReading", "Report", "Usage", "day_of", "last_days"]

DAYS = 30  # Livestorm's period (api.md 3), and the chart's
_PERIOD_SECONDS = DAYS * 86_400.0
# Two readings tell when a period began only where they are close to each other.
_NEAR_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class QuotaReading:
    """Livestorm's word on the month, for the whole workspace and all who call it.

    Attributes:
        limit: calls allowed in 30 days; None where it was not said.
        remaining: of them.
        at: when it was said, UTC unix seconds.
        resets_at: when the next period begins, UTC unix seconds; None where that is not known. Livestorm says it only
            once the quota is used up.
        estimated: whether that was concluded, and not said.
    """

    limit: int | None
    remaining: int | None
    at: float
    resets_at: float | None = None
    estimated: bool = False

    @classmethod
    def of(cls, quota: Quota, at: float, resets_at: float | None = None) -> Self | None:
        """Of the headers of an answer; None where they say nothing of the month."""
        if quota.monthly_remaining is None and resets_at is None:
            return None
        return cls(quota.monthly_limit, quota.monthly_remaining, at, resets_at)

    def after(self, older: QuotaReading | None) -> QuotaReading:
        """This reading with what an older one lets us know of the next reset."""
        if self.resets_at is not None or older is None:
            return self
        if older.remaining is not None and self.remaining is not None and self.remaining > older.remaining:
            if self.at - older.at > _NEAR_SECONDS:
                return self
            return replace(self, resets_at=self.at + _PERIOD_SECONDS, estimated=True)
        return replace(self, resets_at=older.resets_at, estimated=older.estimated)

    def told_at(self, now: float) -> QuotaReading:
        """What may be told of it at `now` (UTC unix seconds): a reset that has passed is no date to wait for."""
        if self.resets_at is None or self.resets_at > now:
            return self
        return replace(self, resets_at=None, estimated=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What a process made of calls since its last report.

    Attributes:
        calls: by UTC day, ISO 8601: `{"2026-03-01": 12}`.
        quota: the newest reading, if there is one.
    """

    calls: Mapping[str, int]
    quota: QuotaReading | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What is known of a connection's calls.

    Attributes:
        days: the last 30 UTC days, oldest first, today last: day and calls; empty where nothing can be kept.
        quota: the newest reading.
    """

    days: tuple[tuple[str, int], ...] = ()
    quota: QuotaReading | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a credential belongs to at Livestorm.

    Attributes:
        name: of the user, with the e-mail address, or of the organization.
        workspace: its name.
        workspace_id: its id.
    """

    name: str | None
    workspace: str | None = None
    workspace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An identity, and when Livestorm was asked for it (UTC unix seconds)."""

    identity: Identity
    checked_at: float


def day_of(now: float) -> str:
    """The UTC day of a moment in unix seconds, ISO 8601."""
    return dt.datetime.fromtimestamp(now, dt.UTC).date().isoformat()


def last_days(now: float) -> list[str]:
    """The last 30 UTC days, oldest first, today last."""
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    return [(today - dt.timedelta(days=before)).isoformat() for before in reversed(range(DAYS))]
