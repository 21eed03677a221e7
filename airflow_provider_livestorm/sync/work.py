"""One run at work: what all its steps share, and how the rows of a list land.

A list is compared with the ledger row by row; what is new or changed goes to the stream's files, and what is gone is
told once if that was asked for.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from airflow_provider_livestorm.api.json_api import Resource
from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.sync.knowledge import Knowledge
from airflow_provider_livestorm.sync.ledger import HIDDEN, Entry, Gone, Ledger, digest
from airflow_provider_livestorm.sync.planner import Plan
from airflow_provider_livestorm.sync.progress import Progress
from airflow_provider_livestorm.sync.reader import Reader
from airflow_provider_livestorm.sync.sessions import SessionInfo
from airflow_provider_livestorm.sync.sink import Row, Shown, Sink

__all__ = ["Landed", "Row", "Work"]

_BATCH = 50

ItemT = TypeVar("ItemT")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a list: rows that are new or changed, and those that are gone."""

    changed: int
    gone: list[Gone]


@dataclass
class Work:
    """A run at work.

    Attributes:
        now: when the run began; in a run that is carried on, when its first try began.
        everything: whether all is read, whatever is known.
        anew: streams whose rows stand in for all that was published of them.
        sinks: of the streams that are asked for, by name.
        knowledge: what the API was seen to do.
        sessions: what the steps after `webinars` need to know of each session that is wanted.
        gone_sessions: ids of those that were there and are not any more.
        left: who left a session: event, session, person, when they had registered.
        unclear: event and person of a registration that does not tell when it was made.
        tried: what was put to the test in this run.
        landed: streams whose rows were compared, asked for or not.
    """

    plan: Plan
    reader: Reader
    ledger: Ledger
    knowledge: Knowledge
    progress: Progress
    now: dt.datetime
    everything: bool
    anew: frozenset[str] = frozenset()
    sinks: dict[str, Sink] = field(default_factory=dict)
    sessions: dict[str, SessionInfo] = field(default_factory=dict)
    gone_sessions: list[str] = field(default_factory=list)
    left: list[tuple[str, str, str, int | None]] = field(default_factory=list)
    unclear: set[tuple[str, str]] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)
    landed: set[str] = field(default_factory=set)
    _stamp: float = field(init=False)

    def __post_init__(self) -> None:
        self._stamp = self.now.timestamp()

    def wants(self, *streams: str) -> bool:
        """Whether one of these streams is asked for."""
        return any(name in self.sinks for name in streams)

    def in_roles(self) -> Callable[[Row], bool] | None:
        """Tells whether a person's role is asked for; None where all are."""
        roles = self.plan.filters.roles
        return (lambda row: row["role"] in roles) if roles else None

    # --- rows -----

    def land(
        self,
        stream: str,
        parent: str,
        resources: Iterable[Resource],
        *,
        mark: Any = None,
        wanted: Callable[[Row], bool] | None = None,
        entry: Callable[[Row, bytes], Entry] | None = None,
        seen: Callable[[Row, bool, Gone | None], None] | None = None,
        whole: bool = True,
    ) -> Landed:
        """Take in the rows of a list.

        Args:
            stream: whose rows; it need not be asked for.
            parent: id of the record that the list hangs under; empty for a global list.
            resources: all of the list.
            mark: kept with the list in the ledger.
            wanted: whether a row is to be written; None where all are.
            entry: what is kept of a row besides its id and digest.
            seen: told of each row before it is shaped, whether it is new or changed, and what was known of it.
            whole: whether rows that do not come are gone.
        """
        sink, reader = self.sinks.get(stream), CATALOGUE[stream].rows
        number = self.ledger.begin(stream, parent)
        key = CATALOGUE[stream].key[-1]
        made = entry or _entry
        changed = 0
        for batch in _batched(resources):
            rows = reader.rows(batch, parent=parent or None)
            shown = [sink.shown(row) if sink and (wanted is None or wanted(row)) else None for row in rows]
            entries = [
                made(row, digest(told.json) if told else HIDDEN if sink else digest(_encode(row)))
                for row, told in zip(rows, shown, strict=True)
            ]
            out: list[Shown] = []
            for row, told, one, (is_new, before) in zip(
                rows, shown, entries, self.ledger.compare(number, entries), strict=True
            ):
                assert one.id == row[key]  # noqa: S101 - a mistake in a step
                changed += is_new
                if is_new and told is not None:
                    out.append(told)
                elif sink and told is None and before is not None and before.was_shown:
                    sink.delete([self.key(stream, parent, one.id)])  # a filter leaves it out from now on
                if seen is not None:
                    seen(row, is_new, before)
            if sink:
                sink.write(out)
                self.progress.rows += len(out)
        gone = self.ledger.sweep(number) if whole else []
        if sink:
            sink.delete(self.key(stream, parent, one.id) for one in gone if one.was_shown)
        self.landed.add(stream)
        self.ledger.finish(number, read_at=self._stamp, mark=mark)
        return Landed(changed, gone)

    def put(self, stream: str, parent: str, rows: Iterable[tuple[int | None, Row]]) -> None:
        """Take in rows that were made out of others: each with the time of its registration, if it has one."""
        sink, wanted = self.sinks[stream], self.in_roles()
        number = self.ledger.begin(stream, parent)
        for batch in _batched(rows):
            shown = [sink.shown(row) if wanted is None or wanted(row) else None for _, row in batch]
            entries = [
                Entry(row["id"], HIDDEN if told is None else digest(told.json), at)
                for (at, row), told in zip(batch, shown, strict=True)
            ]
            compared = self.ledger.compare(number, entries)
            sink.delete(
                self.key(stream, parent, entry.id)
                for entry, told, (_, before) in zip(entries, shown, compared, strict=True)
                if told is None and before is not None and before.was_shown
            )
            sink.write(told for told, (is_new, _) in zip(shown, compared, strict=True) if is_new and told is not None)
        known = self.ledger.known(stream, parent)
        self.ledger.finish(number, read_at=self._stamp, mark=known.mark if known else None)

    def drop(self, stream: str, parent: str) -> None:
        """A parent is gone, and its list with it."""
        gone = self.ledger.forget(stream, parent)
        if stream in self.sinks:
            self.sinks[stream].delete(self.key(stream, parent, one.id) for one in gone if one.was_shown)

    @staticmethod
    def key(stream: str, parent: str, row_id: str) -> dict[str, str]:
        """The columns of a row's key."""
        names = CATALOGUE[stream].key
        return dict(zip(names, (row_id,) if len(names) == 1 else (parent, row_id), strict=True))


def _entry(row: Row, told: bytes) -> Entry:
    return Entry(row["id"], told)


def _batched(rows: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    rest = iter(rows)
    while batch := list(itertools.islice(rest, _BATCH)):
        yield batch
