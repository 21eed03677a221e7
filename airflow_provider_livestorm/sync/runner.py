"""Carries out a plan: reads the lists, writes their rows, publishes. The operator is a shell around `run`."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import logging
import pathlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from typing import Any, TypeVar

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormDestinationError,
    LivestormPublishConflictError,
)
from airflow_provider_livestorm.sync.contacts import read_people
from airflow_provider_livestorm.sync.event_people import read_event_people
from airflow_provider_livestorm.sync.forecast import Forecast, forecast
from airflow_provider_livestorm.sync.formats import encoder_of
from airflow_provider_livestorm.sync.in_session import read_in_session
from airflow_provider_livestorm.sync.journal import Journal
from airflow_provider_livestorm.sync.knowledge import read_knowledge, write_knowledge
from airflow_provider_livestorm.sync.ledger import Ledger
from airflow_provider_livestorm.sync.people import PEOPLE_STREAMS, read_session_people
from airflow_provider_livestorm.sync.planner import Plan
from airflow_provider_livestorm.sync.progress import Progress
from airflow_provider_livestorm.sync.quota import QuotaMemory
from airflow_provider_livestorm.sync.reader import ListMoved, Reader
from airflow_provider_livestorm.sync.result import SyncResult
from airflow_provider_livestorm.sync.sink import NullWriter, Sink, columns_of
from airflow_provider_livestorm.sync.state import Destination, Manifest, RunEntry, StreamEntry
from airflow_provider_livestorm.sync.webinars import read_webinars
from airflow_provider_livestorm.sync.work import Work
from airflow_provider_livestorm.sync.workspace import read_workspace
from airflow_provider_livestorm.sync.writers import ROWS_PER_PART, PartWriter

__all__ = ["SyncRunner"]

# Parents before children, and what follows from others after them.
_STEPS = (read_workspace, read_webinars, read_session_people, read_event_people, read_people, read_in_session)

ResultT = TypeVar("ResultT")
log = logging.getLogger(__name__)


class SyncRunner:
    """One run of a plan into a destination.

    Args:
        client: calls Livestorm.
        destination: takes the rows.
        plan: what to read.
        file_format: of `formats.FORMATS`.
        rows_per_part: rows in a file, at most.
        source: whose data it is, such as the name of the connection; a try is carried on by one of the same source.
        now: the time, aware.
        clock: UTC unix seconds, for the age of what an earlier try had read.
        monotonic: seconds, for the progress lines.

    Raises:
        LivestormConfigurationError: `file_format` or `rows_per_part` cannot be.
    """

    def __init__(
        self,
        client: LivestormClient,
        destination: Destination,
        plan: Plan,
        *,
        file_format: str = "jsonl.gz",
        rows_per_part: int = ROWS_PER_PART,
        source: str = "",
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        encoder_of(file_format)  # before the first call
        if rows_per_part < 1:
            raise LivestormConfigurationError(f"rows_per_part is at least 1; got {rows_per_part}.")
        self._client = client
        self._destination = destination
        self._plan = plan
        self._format = file_format
        self._rows_per_part = rows_per_part
        self._source = source
        self._now = now
        self._clock = clock
        self._progress = Progress(client, monotonic)

    def run(self) -> SyncResult:
        """Read, write, publish. Whatever fails, nothing of this run is published, and the next try carries it on.

        Raises:
            LivestormError: see `exceptions`; the message says what to do.
        """
        seen = self._destination.open()
        remembered = QuotaMemory(self._destination.folder, self._now)
        remembered.remind(self._client.pacer)
        try:
            journal = self._journal(seen)
            reader = Reader(self._client, journal, said=self._progress.page)
            # Whoever published meanwhile took journal and ledger away: all would be asked anew, and for nothing.
            still = functools.partial(self._destination.refuse_overtaken, seen)
            return _until_whole(lambda: self._carry_out(seen, journal, reader), again=still)
        finally:
            remembered.keep(self._client.pacer)

    def _carry_out(self, seen: Manifest, journal: Journal, reader: Reader) -> SyncResult:
        with contextlib.ExitStack() as closing, contextlib.ExitStack() as undo:
            folder = pathlib.Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="livestorm-")))
            ledger = self._ledger(seen, folder)
            closing.callback(ledger.close)
            run_id = f"{journal.started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"

            def writer(stream: str) -> PartWriter:
                made = PartWriter(
                    self._destination.root, stream, run_id, columns_of(stream, self._plan),
                    file_format=self._format, rows_per_part=self._rows_per_part,
                )  # fmt: skip
                undo.callback(_remove, made)
                return made

            try:
                journal.begin_try(run_id)
                work = self._work(ledger, journal, reader, writer)
                for step in _STEPS:
                    step(work)
            except FileNotFoundError as error:  # of the journal
                raise self._destination.conflict() from error
            streams = {
                name: _written(sink, calls=reader.calls[name], replaces=name in work.anew)
                for name, sink in work.sinks.items()
            }
            entry, ledger_path = self._entry(seen, run_id, work, streams)
            try:
                manifest = self._destination.publish(entry, seen=seen, ledger=ledger_path)
            except LivestormPublishConflictError:
                raise
            except BaseException:
                undo.pop_all()  # whether the manifest was stored cannot be told: what it names must stay
                raise
            undo.pop_all()
        tries = Journal.discard(self._destination.folder / "runs", manifest.sequence)
        self._destination.tidy(manifest, seen=seen, tries=tries)
        path = str(self._destination.show(manifest))
        calls, quota = reader.calls.total(), self._client.quota.monthly_remaining
        return SyncResult(run_id, path, _iso(journal.started_at), streams, calls, quota, journal.resumed)

    def plan(self) -> Forecast:
        """What `run` would cost now; reads the events and sessions, and writes nothing.

        Raises:
            LivestormError: as `run`.
        """
        before = self._client.calls
        with tempfile.TemporaryDirectory(prefix="livestorm-") as folder:
            journal = Journal(pathlib.Path(folder), "plan", 0, now=self._now, clock=self._clock)
            reader = Reader(self._client, journal, said=self._progress.page)
            return _until_whole(lambda: self._foresee(journal, reader, before))

    def _foresee(self, journal: Journal, reader: Reader, before: int) -> Forecast:
        seen = self._destination.published()  # by now: another run may take away the ledger of the state before
        with contextlib.ExitStack() as closing:
            folder = pathlib.Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="livestorm-")))
            ledger = self._ledger(seen, folder)
            closing.callback(ledger.close)
            work = self._work(ledger, journal, reader, NullWriter)
            read_webinars(work)
            if self._client.calls == before:
                self._client.request("GET", "/ping")  # for the quota
            spent = self._client.calls - before
            return forecast(work, spent=spent, quota_remaining=self._client.quota.monthly_remaining)

    def _work(self, ledger: Ledger, journal: Journal, reader: Reader, writer: Callable[[str], Any]) -> Work:
        anew = self._read_anew(ledger)
        work = Work(
            plan=self._plan,
            reader=reader,
            ledger=ledger,
            knowledge=read_knowledge(ledger),
            progress=self._progress,
            now=journal.started_at,
            everything=self._plan.mode != "interval" and anew >= set(self._plan.streams),
            anew=frozenset(anew),
        )
        for name in self._plan.streams:
            work.sinks[name] = Sink(name, self._plan, writer(name), journal.started_at)
        return work

    # --- what was before -----

    def _ledger(self, seen: Manifest, folder: pathlib.Path) -> Ledger:
        """The ledger as it was published; an empty one where none was, or in a run that does not lean on it."""
        if self._plan.mode != "interval" and seen.ledger is not None:
            try:
                with self._destination.path_of(seen.ledger).open("rb") as packed:
                    return Ledger(folder, packed)
            except (ValueError, OSError) as error:
                log.warning("The ledger %s is lost (%s): this run reads everything anew.", seen.ledger, error)
                shutil.rmtree(folder)
                folder.mkdir()
        return Ledger(folder)

    def _journal(self, seen: Manifest) -> Journal:
        journal = Journal(
            self._destination.folder / "runs",
            f"{self._client.base_url} {self._source} {self._plan.task()}",
            seen.sequence,
            now=self._now,
            clock=self._clock,
            key=self._plan.privacy.key,
        )
        if journal.resumed:
            log.info(
                "An earlier try read %s pages from %s on; this one carries it on.",
                f"{journal.resumed:,}", _iso(journal.started_at),
            )  # fmt: skip
        return journal

    def _read_anew(self, ledger: Ledger) -> set[str]:
        """Streams of which the ledger knows nothing, or nothing of this shape; it then forgets what it knew."""
        if self._plan.mode == "interval":
            return set()
        streams = set(self._plan.streams)
        anew = {
            name
            for name in streams
            if self._plan.mode == "full" or ledger.fact(f"shape of {name}") != self._plan.shape(name)
        }
        if anew & set(PEOPLE_STREAMS):
            # They are read together: what the one needs, the others may have read, and who left, only they know.
            anew |= streams & set(PEOPLE_STREAMS)
            ledger.forget("session_people")
        for name in anew:
            ledger.forget(name)
        return anew

    # --- what is now -----

    def _entry(
        self, seen: Manifest, run_id: str, work: Work, streams: dict[str, StreamEntry]
    ) -> tuple[RunEntry, str | None]:
        """What is to be published, and the path of the ledger that belongs to it, which is kept already."""
        plan, ledger = self._plan, seen.ledger
        if plan.mode != "interval":
            write_knowledge(work.ledger, work.knowledge)
            # What was compared and not published, or could have followed and did not, is read anew when asked for.
            follow = PEOPLE_STREAMS if work.wants("session_people", "registration_answers") else ()
            for name in {*plan.streams, *follow, *work.landed}:
                work.ledger.set_fact(f"shape of {name}", plan.shape(name) if name in plan.streams else None)
            ledger = self._destination.write_ledger(run_id, work.ledger.pack)
        entry = RunEntry(
            run_id=run_id,
            mode="full" if all(one.replaces for one in streams.values()) else plan.mode,
            updated_since=_iso(plan.since),
            updated_until=_iso(plan.until),
            started_at=_iso(work.now) or "",
            published_at=_iso(self._now()) or "",
            streams=streams,
        )
        return entry, ledger


def _until_whole(work: Callable[[], ResultT], again: Callable[[], object] = lambda: None) -> ResultT:
    """Begin again where a long list changed on the way; the reader says when that is enough, or `again` beforehand."""
    while True:
        with contextlib.suppress(ListMoved):
            return work()
        again()
        log.info("The run begins again with what it has read, but for that list.")


def _written(sink: Sink, *, calls: int, replaces: bool) -> StreamEntry:
    sink.writer.close()
    entry = StreamEntry(list(CATALOGUE[sink.stream].key), sink.rows, calls, sink.writer.parts, replaces, sink.deleted)
    log.info(
        "%s: rows %s, gone %s, files %s, calls %s",
        sink.stream, f"{sink.rows:,}", f"{sink.deleted:,}", len(entry.files), f"{calls:,}",
    )  # fmt: skip
    return entry


def _remove(writer: PartWriter) -> None:
    """Tidy up after a failure; what can't be removed is unpublished all the same."""
    try:
        writer.remove()
    except (OSError, LivestormDestinationError) as error:
        log.warning("Files of the failed run could not be removed: %s", error)


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
