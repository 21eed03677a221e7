"""What a run is to do: which streams, in which mode, what is left out, how far it looks back. Pure: others act.

Three modes. `cursor`: what changed since the last published run, however it changed; the first such run reads all.
`full`: all. `interval`: what changed within two times, by Livestorm's own filters, whatever was published before; for
backfills, and for runs that must not depend on earlier ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from airflow_provider_livestorm.api.lists import Filter
from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.sync.privacy import Privacy

__all__ = ["DEFAULT_OVERLAP", "DEFAULT_RECONCILE", "DEFAULT_SETTLE", "MODES", "Filters", "Plan", "plan", "streams_of"]

MODES = ("cursor", "interval", "full")
ON_UNKNOWN = ("keep", "ignore", "fail")
# Whether a bound is inclusive is not known (api.md 8): one second more is right either way, and keys make it harmless.
_BOUND = dt.timedelta(seconds=1)
# Attendance is computed after the end, and replays are watched later; how much later is not known (api.md 8).
DEFAULT_SETTLE = dt.timedelta(days=7)
# Clocks differ, and Livestorm's times are of whole seconds: what changed so lately is looked at again.
DEFAULT_OVERLAP = dt.timedelta(minutes=1)
DEFAULT_RECONCILE = dt.timedelta(days=30)
# Streams that Livestorm gives no window for, and that hang under nothing that has one.
_WINDOWLESS = ("people",)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows are wanted; an empty filter wants all. Children follow their session, and sessions their event.

    Attributes:
        events: ids.
        tags: titles of tags, whatever their case; an event with one of them is wanted.
        statuses: of sessions.
        sessions_from, sessions_to: planned start of sessions, aware.
        roles: of people: participant, team_member.
    """

    events: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    sessions_from: dt.datetime | None = None
    sessions_to: dt.datetime | None = None
    roles: frozenset[str] = frozenset()

    @property
    def narrows(self) -> bool:
        """Whether sessions are left out, so that what follows from sessions is not all that there is."""
        return bool(self.events or self.tags or self.statuses or self.sessions_from or self.sessions_to)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        streams: to write, parents first.
        mode: of MODES.
        since, until: of the interval, aware; None for open.
        settle: how long after its end a session is still expected to change without showing it.
        overlap: what changed so lately when it was read is looked at again in the next run.
        reconcile: lists of people that were read longer ago than this are read again, though nothing shows a change.
        reconcile_calls: calls of a run that may go into that; 0 for none.
        mark_deleted: whether rows that are gone are published once more with `_deleted_at` set.
        filters: which rows are wanted.
        privacy: which columns are left out or hashed.
        on_unknown: what becomes of attributes that the catalogue does not know: `keep` in `_extra`, `ignore`, `fail`.
        jobs: ids of jobs; Livestorm lists none.
    """

    streams: tuple[str, ...]
    mode: str = "cursor"
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    settle: dt.timedelta = DEFAULT_SETTLE
    overlap: dt.timedelta = DEFAULT_OVERLAP
    reconcile: dt.timedelta = DEFAULT_RECONCILE
    reconcile_calls: int = 0
    mark_deleted: bool = False
    filters: Filters = field(default_factory=Filters)
    privacy: Privacy = field(default_factory=Privacy)
    on_unknown: str = "keep"
    jobs: tuple[str, ...] = ()

    @property
    def window(self) -> dict[str, Filter]:
        """The filters that ask for what changed in the interval."""
        asked: dict[str, Filter] = {}
        if self.since is not None:
            asked["updated_since"] = self.since - self.overlap - _BOUND
        if self.until is not None:
            asked["updated_until"] = self.until + _BOUND
        return asked

    def parent_filters(self, now: dt.datetime) -> list[dict[str, Filter]]:
        """In an interval run, the lists of sessions whose people are asked for.

        Those that changed themselves, and those that lie ahead or not long back: a registration or an attendance need
        not move `session.updated_at` (api.md 8). An interval that is long past leaves the sessions after it to those
        intervals in which they are held.
        """
        if self.since is None:
            return [self.window]
        around: dict[str, Filter] = {"date_from": self.since - self.settle}
        if self.until is not None and self.until < now - self.settle:
            around["date_to"] = self.until + _BOUND
        return [self.window, around]

    def shape(self, stream: str) -> str:
        """What decides how a stream's rows look: where it changes, all of them have to be written anew."""
        told = [
            self.on_unknown, self.mark_deleted, self.privacy.shape(stream),
            msgspec.to_builtins(self.filters, str_keys=True, order="sorted"),
            [column.name for column in CATALOGUE[stream].rows.columns],
        ]  # fmt: skip
        return msgspec.json.encode(told).decode()

    def task(self) -> str:
        """All of it, as text: two runs with the same do the same."""
        told: dict[str, Any] = {name: self.shape(name) for name in self.streams}
        window = [None if moment is None else moment.timestamp() for moment in (self.since, self.until)]
        spans = [span.total_seconds() for span in (self.settle, self.overlap, self.reconcile)]
        return msgspec.json.encode([told, self.mode, window, spans, self.reconcile_calls, self.jobs]).decode()


def streams_of(named: Iterable[str]) -> tuple[str, ...]:
    """Streams in the catalogue's order; `all` is every one that Livestorm lists.

    Raises:
        LivestormConfigurationError: a stream is not known, or none is named.
    """
    wanted = set(named)
    if "all" in wanted:
        wanted = (wanted - {"all"}) | (CATALOGUE.keys() - {"jobs"})
    if unknown := sorted(wanted - CATALOGUE.keys()):
        raise LivestormConfigurationError(
            f"There is no stream {', '.join(map(repr, unknown))}; there are {', '.join(CATALOGUE)}, and 'all'."
        )
    if not wanted:
        raise LivestormConfigurationError(f"Name at least one stream of {', '.join(CATALOGUE)}.")
    return tuple(name for name in CATALOGUE if name in wanted)


def plan(streams: Iterable[str], *, mode: str = "cursor", **how: Any) -> Plan:
    """Plan a run.

    Args:
        streams: names out of the catalogue, in any order; `all` for every one that Livestorm lists.
        mode: of MODES.
        how: further attributes of `Plan`.

    Raises:
        LivestormConfigurationError: something of it cannot be.
    """
    if mode not in MODES:
        raise LivestormConfigurationError(f"mode is one of {', '.join(MODES)}; got {mode!r}.")
    made = Plan(streams_of(streams), mode, **how)
    for name, moment in (("since", made.since), ("until", made.until)):
        if moment is not None and moment.tzinfo is None:
            raise LivestormConfigurationError(
                f"updated_{name} has no time zone: {moment.isoformat()}. Write it in UTC, as 2026-01-31T00:00:00Z."
            )
    if mode == "interval":
        _check_interval(made)
    elif made.since is not None or made.until is not None:
        raise LivestormConfigurationError(f"An interval belongs to mode 'interval'; the mode is {mode!r}.")
    for name in ("settle", "overlap", "reconcile"):
        if getattr(made, name) < dt.timedelta(0):
            raise LivestormConfigurationError(f"The {name} window is not negative; got {getattr(made, name)}.")
    if made.on_unknown not in ON_UNKNOWN:
        raise LivestormConfigurationError(f"on_unknown is one of {', '.join(ON_UNKNOWN)}; got {made.on_unknown!r}.")
    if made.reconcile_calls < 0:
        raise LivestormConfigurationError(f"reconcile_calls is not negative; got {made.reconcile_calls}.")
    if "jobs" in made.streams and not made.jobs:
        raise LivestormConfigurationError("The stream jobs needs job_ids: Livestorm lists no jobs.")
    made.privacy.check(made.streams)
    return made


def _check_interval(made: Plan) -> None:
    if made.since is None and made.until is None:
        raise LivestormConfigurationError("Mode 'interval' needs the interval's begin or its end.")
    if made.since is not None and made.until is not None and made.until <= made.since:
        raise LivestormConfigurationError(f"The interval ends before it begins: {made.since} to {made.until}.")
    if lacking := [name for name in _WINDOWLESS if name in made.streams and "session_people" not in made.streams]:
        raise LivestormConfigurationError(
            f"Livestorm cannot tell which {', '.join(lacking)} changed in an interval; add session_people, out of which"
            " they follow, or use mode 'cursor'."
        )


def filters_of(values: Mapping[str, Any]) -> Filters:
    """Filters out of plain values, as an operator has them; lists become sets, an empty value none."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dt.datetime) or value is None:
            made[name] = value
        else:
            found = [value] if isinstance(value, str) else value
            made[name] = frozenset(text.casefold() for text in found) if name == "tags" else frozenset(found)
    return Filters(**made)
