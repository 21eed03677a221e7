"""Carries out a plan: reads the lists, writes their rows, publishes. The operator is a shell around `run`."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_livestorm.api.client import LivestormClient, Page
from airflow_provider_livestorm.api.lists import Filter, read_pages
from airflow_provider_livestorm.api.resources import CATALOGUE, SESSIONS, ResourceList
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormDestinationError,
    LivestormListChangedError,
    LivestormNotFoundError,
)
from airflow_provider_livestorm.sync.planner import Plan
from airflow_provider_livestorm.sync.state import Destination, Manifest, RunEntry, StreamEntry
from airflow_provider_livestorm.sync.writers import ROWS_PER_PART, ListBuffer, PartWriter

__all__ = ["ON_UNKNOWN", "SyncResult", "SyncRunner"]

ON_UNKNOWN = ("keep", "ignore", "fail")
_READS = 3  # of a list that changes while it is read
_SAY_EVERY = 5.0  # seconds between two lines of progress

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a run published.

    Attributes:
        manifest: path of the manifest.
        quota_remaining: calls left this month, as the last answer told it.
    """

    run_id: str
    manifest: str
    streams: Mapping[str, StreamEntry]
    calls: int
    quota_remaining: int | None

    def summary(self) -> dict[str, Any]:
        """A small value for XCom: counts and names, no rows."""
        return {
            "run_id": self.run_id,
            "manifest": self.manifest,
            "rows": sum(entry.rows for entry in self.streams.values()),
            "files": sum(len(entry.files) for entry in self.streams.values()),
            "calls": self.calls,
            "quota_remaining": self.quota_remaining,
            "streams": {
                name: {"rows": entry.rows, "files": len(entry.files), "calls": entry.calls}
                for name, entry in self.streams.items()
            },
        }


class SyncRunner:
    """One run of a plan into a destination.

    Args:
        client: calls Livestorm.
        destination: takes the rows.
        plan: what to read.
        on_unknown: what becomes of attributes that the catalogue does not know: `keep` them in `_extra`, `ignore`
            them, or `fail`.
        rows_per_part: rows in a file, at most.
        now: the time, aware.
        monotonic: seconds, for the progress lines.

    Raises:
        LivestormConfigurationError: `on_unknown` is none of the three.
    """

    def __init__(
        self,
        client: LivestormClient,
        destination: Destination,
        plan: Plan,
        *,
        on_unknown: str = "keep",
        rows_per_part: int = ROWS_PER_PART,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if on_unknown not in ON_UNKNOWN:
            raise LivestormConfigurationError(f"on_unknown is one of {', '.join(ON_UNKNOWN)}; got {on_unknown!r}.")
        if rows_per_part < 1:
            raise LivestormConfigurationError(f"rows_per_part is at least 1; got {rows_per_part}.")
        self._client = client
        self._destination = destination
        self._plan = plan
        self._on_unknown = on_unknown
        self._rows_per_part = rows_per_part
        self._now = now
        self._monotonic = monotonic
        self._said_at = monotonic()
        self._reported: set[str] = set()

    def run(self) -> SyncResult:
        """Read, write, publish. Whatever fails, nothing of this run is published.

        Raises:
            LivestormError: see `exceptions`; the message says what to do.
        """
        seen = self._destination.open()
        started = self._now()
        run_id = f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        with contextlib.ExitStack() as undo:
            streams = {}
            for name in self._plan.streams:
                writer = PartWriter(self._destination.root, name, run_id, rows_per_part=self._rows_per_part)
                undo.callback(self._remove, writer)
                streams[name] = self._pull(name, writer)
            manifest = self._publish(seen, run_id, started, streams)
            undo.pop_all()
        path = str(self._destination.show(manifest))
        quota = self._client.quota.monthly_remaining
        return SyncResult(run_id, path, streams, sum(entry.calls for entry in streams.values()), quota)

    def _publish(self, seen: Manifest, run_id: str, started: dt.datetime, streams: dict[str, StreamEntry]) -> Manifest:
        since = self._plan.updated_since
        entry = RunEntry(
            run_id=run_id,
            mode=self._plan.mode,
            updated_since=None if since is None else _iso(since),
            started_at=_iso(started),
            published_at=_iso(self._now()),
            streams=streams,
        )
        return self._destination.publish(entry, seen=seen)

    @staticmethod
    def _remove(writer: PartWriter) -> None:
        """Tidy up after a failure; what can't be removed is unpublished all the same."""
        try:
            writer.remove()
        except (OSError, LivestormDestinationError) as error:
            log.warning("Files of the failed run could not be removed: %s", error)

    def _pull(self, name: str, writer: PartWriter) -> StreamEntry:
        """Read one stream into its files."""
        resource = CATALOGUE[name]
        calls_before = self._client.calls
        rows = 0
        with writer, ListBuffer() as buffer:
            if resource.parent is None:
                self._read(name, None, self._plan.changed, buffer, f"{name}")
                writer.append(buffer)
                rows += buffer.rows
            else:
                parents = self._session_ids()
                for number, parent in enumerate(parents, start=1):
                    buffer.clear()
                    progress = f"{name}, session {number:,} of {len(parents):,}, {rows:,} rows"
                    try:
                        # Whole: whether its `updated_since` means the person or the registration is not known.
                        self._read(name, parent, {}, buffer, progress)
                    except LivestormNotFoundError:
                        log.warning("Session %s was deleted while the run was under way; it has no people now.", parent)
                        continue
                    writer.append(buffer)
                    rows += buffer.rows
        calls = self._client.calls - calls_before
        log.info("%s: rows %s, files %s, calls %s", name, f"{rows:,}", len(writer.parts), f"{calls:,}")
        return StreamEntry(list(resource.key), rows, calls, writer.parts)

    def _session_ids(self) -> list[str]:
        """The sessions whose people are asked for, each once, in Livestorm's order."""
        ids: dict[str, None] = {}
        for filters in self._plan.parent_filters():
            for attempt in range(_READS):
                try:
                    pages = list(read_pages(self._client, SESSIONS, filters=filters))
                    break
                except LivestormListChangedError:
                    if attempt + 1 == _READS:
                        raise
            ids.update((row.id, None) for page in pages for row in page.resources)
        return list(ids)

    def _read(
        self, name: str, parent: str | None, filters: Mapping[str, Filter], buffer: ListBuffer, progress: str
    ) -> None:
        """Read one list whole into the buffer; again where it changed under our hands."""
        resource: ResourceList[Any] = CATALOGUE[name]
        for attempt in range(_READS):
            buffer.clear()
            try:
                for page in read_pages(self._client, resource, parent=parent, filters=filters):
                    for row in page.resources:
                        buffer.add(self._judged(name, resource.rows.row(row, parent=parent)))
                    self._say(progress, page)
            except LivestormListChangedError as error:
                if attempt + 1 == _READS:
                    raise
                log.warning("%s", error)
            else:
                return

    def _judged(self, name: str, row: dict[str, Any]) -> dict[str, Any]:
        extra = row["_extra"]
        if not extra:
            return row
        if self._on_unknown == "fail":
            raise LivestormConfigurationError(
                f"{name}: Livestorm sent attributes that this version does not know: {', '.join(sorted(extra))}. Set"
                " on_unknown to 'keep' or 'ignore', or update the provider."
            )
        for member in sorted(extra.keys() - self._reported):
            log.info("%s: unknown attribute %r; on_unknown=%s.", name, member, self._on_unknown)
            self._reported.add(member)
        return row if self._on_unknown == "keep" else {**row, "_extra": None}

    def _say(self, progress: str, page: Page) -> None:
        """A line that people can read, every few seconds."""
        if self._monotonic() - self._said_at < _SAY_EVERY:
            return
        self._said_at = self._monotonic()
        left = self._client.quota.monthly_remaining
        log.info(
            "%s: page %d of %s; %s calls so far, %s left this month.",
            progress,
            page.number + 1,
            page.page_count or "?",
            f"{self._client.calls:,}",
            "?" if left is None else f"{left:,}",
        )


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
