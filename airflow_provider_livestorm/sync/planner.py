"""Which lists to read for the streams that were asked for, parents before children.

Pure: it decides, `runner.py` acts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_livestorm.api.lists import Filter
from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.exceptions import LivestormConfigurationError

__all__ = ["DEFAULT_SETTLE", "Plan", "plan"]

# Whether a bound is inclusive is not known (api.md 8): one second more is right either way, and keys make it harmless.
_BOUND = dt.timedelta(seconds=1)
# Attendance is computed after the end, and replays are watched later; how much later is not known (api.md 8).
DEFAULT_SETTLE = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will read.

    Attributes:
        streams: to write, parents first.
        updated_since: only rows that changed since then; None for all.
        settle: how long after its start a session's people are still expected to change.
    """

    streams: tuple[str, ...]
    updated_since: dt.datetime | None = None
    settle: dt.timedelta = DEFAULT_SETTLE

    @property
    def mode(self) -> str:
        """`full` or `updated_since`."""
        return "full" if self.updated_since is None else "updated_since"

    @property
    def changed(self) -> dict[str, Filter]:
        """The filters that ask for what changed; none in a full run."""
        return {} if self.updated_since is None else {"updated_since": self.updated_since - _BOUND}

    def parent_filters(self) -> list[dict[str, Filter]]:
        """The lists of sessions whose people are asked for: in a full run all.

        Otherwise those that changed themselves, and those that lie ahead or not long back: a registration or an
        attendance need not move `session.updated_at` (api.md 8). What happens to the people of an older session
        without moving it, such as a replay watched late, only a full run finds.
        """
        if self.updated_since is None:
            return [{}]
        return [self.changed, {"date_from": self.updated_since - self.settle}]


def plan(
    streams: Iterable[str],
    *,
    updated_since: dt.datetime | None = None,
    settle: dt.timedelta = DEFAULT_SETTLE,
) -> Plan:
    """Plan a run.

    Args:
        streams: names out of the catalogue, in any order.
        updated_since: with a time zone.
        settle: not negative.

    Raises:
        LivestormConfigurationError: a stream is not known, or none is named, or the time has no zone.
    """
    wanted = set(streams)
    unknown = sorted(wanted - CATALOGUE.keys())
    if unknown:
        raise LivestormConfigurationError(
            f"There is no stream {', '.join(map(repr, unknown))}; there are {', '.join(CATALOGUE)}."
        )
    if not wanted:
        raise LivestormConfigurationError(f"Name at least one stream of {', '.join(CATALOGUE)}.")
    if updated_since is not None and updated_since.tzinfo is None:
        raise LivestormConfigurationError(
            f"updated_since has no time zone: {updated_since.isoformat()}. Write it in UTC, as 2026-01-31T00:00:00Z."
        )
    if settle < dt.timedelta(0):
        raise LivestormConfigurationError(f"The settle window is not negative; got {settle}.")
    # The catalogue lists parents before children.
    return Plan(tuple(name for name in CATALOGUE if name in wanted), updated_since, settle)
