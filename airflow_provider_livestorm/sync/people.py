"""The people of sessions, and what follows from them: the answers of their forms, people of events, contacts.

A session is asked for its people only where something shows that they changed, or where a change might not show. One
call brings all people of a session where Livestorm lets it; whether it does is checked at each session.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections.abc import Iterator
from typing import Any

from airflow_provider_livestorm.api.json_api import Resource
from airflow_provider_livestorm.api.resources import SESSION_PEOPLE
from airflow_provider_livestorm.sync.ledger import Entry, Gone
from airflow_provider_livestorm.sync.reader import ListRead, Request
from airflow_provider_livestorm.sync.visits import Visit, visits
from airflow_provider_livestorm.sync.work import Row, Work

__all__ = ["PEOPLE_STREAMS", "read_session_people", "seconds"]

_STREAM = "session_people"
PEOPLE_STREAMS = (_STREAM, "registration_answers", "event_people", "people")
# People that are taken in one answer at most; of a larger session page by page, so that memory stays bounded.
_INCLUDED_MOST = 3000

log = logging.getLogger(__name__)


def read_session_people(work: Work) -> None:
    """Read the people of the sessions that `visits` names, and write what changed."""
    if not work.wants(*PEOPLE_STREAMS) or not _from_sessions(work):
        return
    for session_id in work.gone_sessions:
        _Session(work, session_id, "").drop()
    todo = visits(work)
    if todo:
        log.info(
            "session_people: %s of %s sessions are asked (%s).",
            f"{len(todo):,}", f"{len(work.sessions):,}", _counted(visit.why for visit in todo),
        )  # fmt: skip
    work.progress.step(_STREAM, len(todo))
    for request, read in work.reader.each(_requests(work, todo)):
        _take(work, request.about, request.many, read)
        work.progress.list_done()


def _from_sessions(work: Work) -> bool:
    """Whether session people are read at all: without that stream, people and event people are lists of their own."""
    return work.wants(_STREAM, "registration_answers")


def _counted(reasons: Iterator[str]) -> str:
    counts: dict[str, int] = {}
    for why in reasons:
        counts[why] = counts.get(why, 0) + 1
    return ", ".join(f"{count:,} {why}" for why, count in sorted(counts.items()))


def _requests(work: Work, todo: list[Visit]) -> Iterator[Request[Visit]]:
    for visit in todo:
        session = visit.session
        if session.registrants == 0 and not session.is_ahead and work.knowledge.counts:
            _Session(work, session.id, session.event_id).land([], visit)  # nobody: no call
            continue
        includes = work.knowledge.people_included is not False or (work.everything and not _tried(work))
        if visit.pages > 1 and includes and (session.registrants or 0) <= _INCLUDED_MOST:
            yield Request(_STREAM, f"/sessions/{session.id}", visit, {"include": "people"}, many=False, optional=True)
        else:
            yield _list_of(visit)


def _tried(work: Work) -> bool:
    return "people_included" in work.tried


def _list_of(visit: Visit) -> Request[Visit]:
    return Request(_STREAM, SESSION_PEOPLE.path.format(parent=visit.session.id), visit)


def _take(work: Work, visit: Visit, many: bool, read: ListRead | None) -> None:
    session = _Session(work, visit.session.id, visit.session.event_id)
    if read is not None and not many:
        people = _included(read)
        work.tried.add("people_included")
        work.knowledge.saw_people_included(whole=people is not None)
        if people is not None:
            session.land(people, visit)
            return
        log.info("A session does not bring all its people (include=people); they are listed by themselves.")
        read = work.reader.read(_list_of(visit))
    if read is None:
        log.warning("Session %s was deleted while the run was under way; it has no people now.", visit.session.id)
        return
    session.land(read.resources(), visit)
    if many and visit.session.registrants is not None:
        agreed = read.rows == visit.session.registrants
        work.knowledge.counts_agreed += agreed
        work.knowledge.counts_differed += not agreed and not visit.session.is_ahead


def _included(read: ListRead) -> list[Resource] | None:
    """The people that came with a session; None where they are not all, or not in the form of a session's people."""
    document = next(iter(read.documents()))
    session, people = document.one, [one for one in document.included if one.type == "people"]
    if len({one.id for one in people}) != len(people) or len(people) != session.attributes.get("registrants_count"):
        return None
    for person in people:
        detail = person.attributes.get("registrant_detail")
        if "messages_count" not in person.attributes:
            return None
        if isinstance(detail, dict) and detail.get("session_id") not in (None, session.id):
            return None
    return people


class _Session:
    """Takes in the people of one session."""

    def __init__(self, work: Work, session_id: str, event_id: str) -> None:
        self._work = work
        self._id = session_id
        self._event = event_id
        self._messages: int | None = 0
        self._questions: int | None = 0
        self._has_answers = work.wants("registration_answers")
        self._is_followed = work.wants(*PEOPLE_STREAMS[1:])
        self._fields: dict[tuple[str, ...], str | None] = {}

    def land(self, people: Any, visit: Visit) -> None:
        """Compare and write; learn whether the session showed the change."""
        work, session = self._work, visit.session
        known = work.ledger.known(_STREAM, self._id)
        landed = work.land(
            _STREAM,
            self._id,
            people,
            wanted=work.in_roles(),
            entry=self._entry,
            seen=self._seen,
        )
        for gone in landed.gone:
            self._gone(gone)
        settled = session.updated_at is None or work.now - session.updated_at >= work.plan.overlap
        mark = {
            "session": session.mark if settled else None,
            "event": self._event,
            "messages": self._messages,
            "questions": self._questions,
        }
        number = work.ledger.begin(_STREAM, self._id)
        work.ledger.finish(number, read_at=work.now.timestamp(), mark=mark)
        was = known.mark["session"] if known and known.mark else None
        if was is not None and was[1] == session.status and (landed.changed or landed.gone):
            work.knowledge.saw_people_change(ahead=session.is_ahead, moved=was[0] != session.mark[0])

    def drop(self) -> None:
        """The session is gone, and its people with it."""
        work = self._work
        known = work.ledger.known(_STREAM, self._id)
        self._event = known.mark["event"] if known and known.mark else self._event
        gone = work.ledger.forget(_STREAM, self._id)
        if _STREAM in work.sinks:
            work.sinks[_STREAM].delete(work.key(_STREAM, self._id, one.id) for one in gone)
        for one in gone:
            self._gone(one)

    def _entry(self, row: Row, told: bytes) -> Entry:
        return Entry(row["id"], told, seconds(row["registered_at"]), self._answered(row) if self._has_answers else None)

    def _answered(self, row: Row) -> str | None:
        names = tuple(_answers(row))
        if names not in self._fields:  # a session has one form
            self._fields[names] = ",".join(str(self._work.ledger.number(name)) for name in names) or None
        return self._fields[names]

    def _seen(self, row: Row, is_new: bool, before: Gone | None) -> None:
        work = self._work
        self._messages = _sum(self._messages, row["messages_count"])
        self._questions = _sum(self._questions, row["questions_count"])
        if not is_new or not self._is_followed:
            return
        event = self._event or row["event_id"] or ""
        if self._has_answers:
            self._write_answers(row, event, before)
        if "event_people" in work.sinks and event:
            work.ledger.waiting.hold(
                "event_people", event, row["id"], seconds(row["registered_at"]), _event_person(row, event)
            )
            if row["registered_at"] is None:
                work.unclear.add((event, row["id"]))
        if "people" in work.sinks:
            work.ledger.waiting.hold("people", "", row["id"], seconds(row["updated_at"]), _person(row))

    def _write_answers(self, row: Row, event: str, before: Gone | None) -> None:
        sink, roles = self._work.sinks["registration_answers"], self._work.plan.filters.roles
        now = {} if roles and row["role"] not in roles else _answers(row)
        if before is not None and before.was_shown:
            self._delete_answers(before, but=set(now))
        sink.write(
            sink.shown(
                {
                    "session_id": self._id, "person_id": row["id"], "field_id": name, "event_id": event or None,
                    "type": _text(answer.get("type")), "value": answer.get("value"), "_extra": None,
                }
            )
            for name, answer in now.items()
        )  # fmt: skip

    def _delete_answers(self, before: Gone, but: set[str] | None = None) -> None:
        names = [self._work.ledger.name(int(number)) for number in (before.fields or "").split(",") if number]
        self._work.sinks["registration_answers"].delete(
            {"session_id": self._id, "person_id": before.id, "field_id": name}
            for name in names
            if name not in (but or ())
        )

    def _gone(self, gone: Gone) -> None:
        """Somebody is not in the session any more."""
        if self._has_answers:
            self._delete_answers(gone)
        if "event_people" in self._work.sinks:
            self._work.left.append((self._event, self._id, gone.id, gone.at))


def _answers(row: Row) -> dict[str, dict[str, Any]]:
    """The answers of a form by the field's id."""
    fields = row["fields"]
    return {
        one["id"]: one
        for one in (fields if isinstance(fields, list) else ())
        if isinstance(one, dict) and isinstance(one.get("id"), str)
    }


def _sum(so_far: int | None, more: int | None) -> int | None:
    """Where one row does not tell, the sum tells nothing."""
    return None if so_far is None or more is None else so_far + more


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


@functools.lru_cache(maxsize=4096)  # people of a session have many of their times in common
def seconds(moment: dt.datetime | None) -> int | None:
    """A time as UTC unix seconds."""
    return None if moment is None else int(moment.timestamp())


_BASE = ("role", "email", "first_name", "last_name", "timezone", "avatar_link", "created_at", "updated_at")
_REGISTERED = ("registered_at", "registration_updated_at", "fields")


def _person(row: Row) -> Row:
    return {"id": row["id"], **{name: row[name] for name in _BASE}, "_extra": None}


def _event_person(row: Row, event: str) -> Row:
    own = {name: row[name] for name in (*_BASE, *_REGISTERED)}
    return {"event_id": event, "id": row["id"], **own, "_extra": None}
