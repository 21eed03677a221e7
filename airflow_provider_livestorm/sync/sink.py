"""Where the rows of a stream go: what is left out of them, and how they are told to be gone."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.api.rows import Column
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.sync.planner import Plan
from airflow_provider_livestorm.sync.privacy import EMAIL_HASH, Veil
from airflow_provider_livestorm.sync.state import PartEntry
from airflow_provider_livestorm.sync.writers import PartWriter

__all__ = ["DELETED_AT", "NullWriter", "Row", "Shown", "Sink", "columns_of"]

DELETED_AT = "_deleted_at"
_NOT_DELETED = f',"{DELETED_AT}":null}}'.encode()
_EXTRA = "_extra"

Row = dict[str, Any]
_encode = msgspec.json.Encoder().encode
log = logging.getLogger(__name__)


class Shown(msgspec.Struct, frozen=True, gc=False):
    """A row as it is written, and its JSON: what tells it from its former self, and what is a line of a file."""

    row: Row
    json: bytes


def columns_of(stream: str, plan: Plan) -> list[Column]:
    """The columns of a stream's files, in their order."""
    excluded = plan.privacy.columns_of(stream, plan.privacy.exclude)
    columns = [column for column in CATALOGUE[stream].rows.columns if column.name not in excluded]
    columns.append(Column(_EXTRA, "json", ()))
    if plan.privacy.adds_email_hash(stream):
        columns.append(Column(EMAIL_HASH, "text", ()))
    if plan.mark_deleted:
        columns.append(Column(DELETED_AT, "timestamp", ()))
    return columns


class NullWriter:
    """Takes rows and keeps none; for a run that only plans."""

    def __init__(self, stream: str) -> None:
        del stream
        self.parts: list[PartEntry] = []

    def append(self, rows: Iterable[Row], lines: Iterable[bytes] | None = None) -> None:
        """Take rows."""

    def close(self) -> None:
        """Nothing is open."""


class Sink:
    """Where the rows of one stream go.

    Args:
        stream: its name.
        plan: says what is left out.
        writer: takes what is left.
        now: of the run, for `_deleted_at`.
    """

    def __init__(self, stream: str, plan: Plan, writer: PartWriter | NullWriter, now: dt.datetime) -> None:
        self.stream = stream
        self.writer = writer
        self.rows = 0
        self.deleted = 0
        self._plan = plan
        self._now = now
        self._veil = Veil(plan.privacy, stream)
        self._columns = [column.name for column in columns_of(stream, plan)]
        self._reported: set[str] = set()

    def shown(self, row: Row) -> Shown:
        """A row as it is written."""
        shown = self._judged(row) if row[_EXTRA] else row
        if not self._veil.is_idle:
            shown = self._veil.over(shown)
        return Shown(shown, _encode(shown))

    def write(self, rows: Iterable[Shown]) -> None:
        """Write rows that `shown` gave."""
        more = list(rows)
        told, lines = [one.row for one in more], [one.json for one in more]
        if self._plan.mark_deleted:
            told = [{**row, DELETED_AT: None} for row in told]
            lines = [line[:-1] + _NOT_DELETED for line in lines]
        self.writer.append(told, lines)
        self.rows += len(more)

    def delete(self, keys: Iterable[Mapping[str, str]]) -> None:
        """Tell that rows are gone, by the columns of their key."""
        if not self._plan.mark_deleted:
            return
        rows = [{**dict.fromkeys(self._columns), **key, DELETED_AT: self._now} for key in keys]
        self.writer.append(rows)
        self.deleted += len(rows)

    def _judged(self, row: Row) -> Row:
        extra = row[_EXTRA]
        if self._plan.on_unknown == "fail":
            raise LivestormConfigurationError(
                f"{self.stream}: Livestorm sent attributes that this version does not know: {', '.join(sorted(extra))}."
                " Set on_unknown to 'keep' or 'ignore', or update the provider."
            )
        for member in sorted(extra.keys() - self._reported):
            log.info("%s: unknown attribute %r; on_unknown=%s.", self.stream, member, self._plan.on_unknown)
            self._reported.add(member)
        return row if self._plan.on_unknown == "keep" else {**row, _EXTRA: None}
