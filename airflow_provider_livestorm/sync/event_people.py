"""The people of events. They follow from those of sessions, where Livestorm agrees; else they are listed by event.

An event tells of each person the newest of their registrations. That is seen of Livestorm at a few events in each run
(`Knowledge.event_people_agree`), and where it is not so, or where nobody reads the people of sessions, each event that
may have changed is listed by itself.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from typing import Any

from airflow_provider_livestorm.api.resources import CATALOGUE, EVENT_PEOPLE
from airflow_provider_livestorm.sync.ledger import Entry, digest
from airflow_provider_livestorm.sync.people import seconds
from airflow_provider_livestorm.sync.reader import Request
from airflow_provider_livestorm.sync.sessions import SessionInfo
from airflow_provider_livestorm.sync.visits import may_change
from airflow_provider_livestorm.sync.work import Work

__all__ = ["read_event_people"]

_STREAM = "event_people"
_SAMPLES_FULL, _SAMPLES = 3, 1  # events that are compared, in a run that reads all and in others

log = logging.getLogger(__name__)


def read_event_people(work: Work) -> None:
    """Write what changed of the people of events; after the people of sessions."""
    if not work.wants(_STREAM):
        return
    work.progress.step(_STREAM)
    _EventPeople(work).read()


class _EventPeople:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._sessions: dict[str, list[SessionInfo]] = {}
        for session in work.sessions.values():
            self._sessions.setdefault(session.event_id, []).append(session)

    def read(self) -> None:
        work = self._work
        follows = work.wants("session_people", "registration_answers") and work.plan.mode != "interval"
        if follows and (work.knowledge.event_people_agree is not False or work.everything):
            self._look_up_unclear()
            samples = self._samples()
            if all([self._agrees(event) for event in samples]):  # noqa: C419 - each call is made, so that resuming makes the same
                if samples:
                    work.knowledge.event_people_agree = True
                self._write()
                return
            work.knowledge.event_people_agree = False
            log.info("The people of events do not follow from those of sessions; they are listed by event.")
        touched = {parent for parent, _, _ in work.ledger.waiting.rows(_STREAM)} | {event for event, *_ in work.left}
        work.ledger.waiting.let_go(_STREAM)
        self._list(touched if follows else None)

    # --- they follow -----

    def _look_up_unclear(self) -> None:
        """Ask for persons of whom the sessions do not tell which registration is the newest."""
        work = self._work
        asked: dict[tuple[str, str], None] = {}
        for event, _, person, at in work.left:
            known = work.ledger.row(_STREAM, event, person)
            if known is None:
                continue
            if not any(self._registrations(event, person)):
                work.ledger.drop_row(_STREAM, event, person)
                work.ledger.waiting.let_go_row(_STREAM, event, person)
                work.sinks[_STREAM].delete([work.key(_STREAM, event, person)])
            elif at is None or known[1] is None or at >= known[1]:
                asked[event, person] = None
        for event, person in sorted(work.unclear):
            if len(list(itertools.islice(self._registrations(event, person), 2))) > 1:
                asked[event, person] = None
        for event, at, row in work.ledger.waiting.rows(_STREAM):
            known = work.ledger.row(_STREAM, event, row["id"])
            if (
                known is not None
                and known[1] is None
                and at is not None
                and len(list(itertools.islice(self._registrations(event, row["id"]), 2))) > 1
            ):
                asked[event, row["id"]] = None
        requests = (
            Request(_STREAM, f"/events/{event}/people/{person}", (event, person), many=False) for event, person in asked
        )
        for request, read in work.reader.each(requests):
            event, person = request.about
            work.ledger.waiting.let_go_row(_STREAM, event, person)
            if read is None:
                continue
            row = EVENT_PEOPLE.rows.row(next(iter(read.resources())), parent=event)
            work.ledger.waiting.hold(_STREAM, event, person, seconds(row["registered_at"]), row)
            work.ledger.forget_time(_STREAM, event, person)

    def _registrations(self, event: str, person: str) -> Iterator[tuple[bytes, int | None]]:
        """What is known of a person in the sessions of an event."""
        for session in self._sessions.get(event, ()):
            if (found := self._work.ledger.row("session_people", session.id, person)) is not None:
                yield found

    def _samples(self) -> list[str]:
        """Events to compare: of those that changed and have several sessions, the ones with the most."""
        count = _SAMPLES_FULL if self._work.everything else _SAMPLES
        changed = {event for event, _, _ in self._work.ledger.waiting.rows(_STREAM)}
        several = [(-len(self._sessions.get(event, ())), event) for event in changed]
        return [event for sessions, event in sorted(several) if sessions < -1][:count]

    def _agrees(self, event: str) -> bool:
        """Whether an event's own list tells the same, as far as its first page goes."""
        work, sink = self._work, self._work.sinks[_STREAM]
        path = EVENT_PEOPLE.path.format(parent=event)
        read = work.reader.read(Request(_STREAM, path, None, {"page[number]": 0, "page[size]": 50}, many=False))
        if read is None:
            return True
        document = next(iter(read.documents()))
        known = work.ledger.known(_STREAM, event)
        fresh = sum(
            work.ledger.row(_STREAM, event, row["id"]) is None
            for parent, _, row in work.ledger.waiting.rows(_STREAM, event)
        )
        if document.meta.record_count != (known.rows if known else 0) + fresh:
            return False
        for resource in document.many:
            row = {**CATALOGUE[_STREAM].rows.row(resource, parent=event), "_extra": None}
            held, was = work.ledger.waiting.held(_STREAM, event, row["id"]), work.ledger.row(_STREAM, event, row["id"])
            mine = digest(sink.shown(held[1]).json) if held and not _older(held[0], was) else was[0] if was else b""
            if mine != digest(sink.shown(row).json):
                return False
        return True

    def _write(self) -> None:
        work = self._work
        for event, rows in itertools.groupby(work.ledger.waiting.rows(_STREAM), key=lambda one: one[0]):
            newest = ((at, row) for _, at, row in rows if not _older(at, work.ledger.row(_STREAM, event, row["id"])))
            work.put(_STREAM, event, newest)

    # --- they are listed -----

    def _list(self, touched: set[str] | None) -> None:
        """List the people of events; of those that changed, where it is known which did."""
        work = self._work
        todo: list[Request[tuple[str, Any]]] = []
        for event, sessions in self._sessions.items():
            mark = sorted([*session.mark, session.id] for session in sessions)
            known = work.ledger.known(_STREAM, event)
            open_ = known is not None and any(may_change(work, session, known.read_at) for session in sessions)
            if known is None or known.mark != mark or (open_ if touched is None else event in touched):
                todo.append(Request(_STREAM, EVENT_PEOPLE.path.format(parent=event), (event, mark)))
        work.progress.step(_STREAM, len(todo))
        for request, read in work.reader.each(todo):
            event, mark = request.about
            if read is not None:
                work.land(
                    _STREAM,
                    event,
                    read.resources(),
                    mark=mark,
                    wanted=work.in_roles(),
                    entry=lambda row, told: Entry(row["id"], told, seconds(row["registered_at"])),
                )
            work.progress.list_done()


def _older(at: int | None, known: tuple[bytes, int | None] | None) -> bool:
    """Whether a registration is older than the one that is known to be the newest."""
    return known is not None and known[1] is not None and at is not None and at < known[1]
