"""What is left of a session that is over: chat, questions, recordings.

None has a window (api.md 8). How many messages and questions there are, the session's people tell, so a session without
is not asked, and one that was asked is asked again only where these numbers moved, where an answer is still awaited or
where a recording is: at ever longer intervals, until the settle window is over.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.sync.ledger import Gone, KnownList
from airflow_provider_livestorm.sync.reader import ListRead, Request
from airflow_provider_livestorm.sync.sessions import SessionInfo
from airflow_provider_livestorm.sync.work import Row, Work

__all__ = ["IN_SESSION", "due", "read_in_session"]

# The stream, and the number in a session's people that tells how many there are.
IN_SESSION = {"chat_messages": "messages", "questions": "questions", "recordings": None}
_SOONEST = dt.timedelta(hours=12)  # between two looks for what is awaited

log = logging.getLogger(__name__)


def read_in_session(work: Work) -> None:
    """Read them for the sessions that are due; after the people of sessions."""
    for stream in IN_SESSION:
        if not work.wants(stream):
            continue
        for session_id in work.gone_sessions:
            work.drop(stream, session_id)
        todo = [session for session in work.sessions.values() if due(work, stream, session)]
        work.progress.step(stream, len(todo))
        for request, read in work.reader.each(_requests(stream, todo)):
            if read is not None:
                _take(work, stream, request.about, read)
            work.progress.list_done()


def _requests(stream: str, todo: list[SessionInfo]) -> Iterator[Request[SessionInfo]]:
    for session in todo:
        yield Request(stream, CATALOGUE[stream].path.format(parent=session.id), session)


def due(work: Work, stream: str, session: SessionInfo) -> bool:
    """Whether a session is to be asked."""
    known = work.ledger.known(stream, session.id)
    told = _told(work, stream, session)
    if not session.is_over:
        # Before its end only what is on demand has anything that will stay.
        return session.status == "on_demand" and told is not None and bool(told) and _moved(known, told)
    if known is None:
        return told is None or told > 0
    if told is not None and _moved(known, told):
        return True
    return bool(known.mark["awaited"]) and _is_time(work, session, known)


def _told(work: Work, stream: str, session: SessionInfo) -> int | None:
    """How many there are by the session's people; None where they do not tell."""
    name = IN_SESSION[stream]
    people = work.ledger.known("session_people", session.id)
    return people.mark[name] if name and people and people.mark else None


def _moved(known: KnownList | None, told: int) -> bool:
    return known is None or known.mark["told"] != told


def _is_time(work: Work, session: SessionInfo, known: KnownList) -> bool:
    """Each pause as long as the session had been over at the last look, until the settle window is over."""
    over = session.over_at.timestamp() if session.over_at else known.read_at
    if over + work.plan.settle.total_seconds() < known.read_at:
        return False
    pause = max(_SOONEST.total_seconds(), known.read_at - over)
    return work.now.timestamp() - known.read_at >= pause


def _take(work: Work, stream: str, session: SessionInfo, read: ListRead) -> None:
    told = _told(work, stream, session)
    unanswered = 0

    def seen(row: Row, is_new: bool, before: Gone | None) -> None:
        nonlocal unanswered
        del is_new, before
        unanswered += stream == "questions" and row["responded_at"] is None

    work.land(stream, session.id, read.resources(), seen=seen)
    awaited = {
        # Somebody may answer later; where the people did not tell the number, more may come.
        "questions": unanswered > 0 or told != read.rows,
        "chat_messages": told != read.rows,
        "recordings": read.rows == 0 and session.is_recorded is not False,
    }[stream]
    number = work.ledger.begin(stream, session.id)
    work.ledger.finish(number, read_at=work.now.timestamp(), mark={"told": told, "awaited": awaited})
