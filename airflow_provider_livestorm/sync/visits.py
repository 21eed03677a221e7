"""Which sessions are asked for their people, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_livestorm.api.client import PAGE_SIZE_MAX
from airflow_provider_livestorm.sync.sessions import SessionInfo
from airflow_provider_livestorm.sync.work import Work

__all__ = ["Visit", "may_change", "visits"]

# Looks at sessions that should not have changed, in each run: a trust that is never put to the test is none.
_LOOKS = 1


@dataclass(frozen=True, slots=True)
class Visit:
    """A session whose people are asked for, and why: new, changed, unseen, look, reconcile."""

    session: SessionInfo
    why: str

    @property
    def pages(self) -> int:
        """Calls that its list takes."""
        return max(1, -(-(self.session.registrants or 0) // PAGE_SIZE_MAX))


def visits(work: Work) -> list[Visit]:
    """The sessions to ask; small ones first, as they show how far a session's own counts can be relied on."""
    found: list[Visit] = []
    quiet: list[tuple[float, SessionInfo]] = []
    for session in work.sessions.values():
        why, read_at = _why(work, session)
        if why:
            found.append(Visit(session, why))
        else:
            quiet.append((read_at, session))
    quiet.sort(key=lambda one: (one[0], one[1].id))
    found += _overdue(work, quiet)
    found.sort(key=lambda visit: (not visit.session.registrants, visit.pages > 1))  # stable: in Livestorm's order
    return found


def _why(work: Work, session: SessionInfo) -> tuple[str, float]:
    """Why a session is asked, empty if it is not; and when it was asked last."""
    known = work.ledger.known("session_people", session.id)
    if known is None or work.plan.mode == "interval":
        return "new", 0.0
    if known.mark is None or known.mark["session"] != session.mark:  # what was too fresh has no mark
        return "changed", known.read_at
    if may_change(work, session, known.read_at):
        return ("" if work.knowledge.moves(ahead=session.is_ahead) else "unseen"), known.read_at
    return "", known.read_at


def may_change(work: Work, session: SessionInfo, read_at: float) -> bool:
    """Whether people still come to a session, or what they did in it was still being counted when it was last read."""
    over = session.over_at.timestamp() if session.over_at else read_at
    return session.is_ahead or (session.is_over and read_at <= over + work.plan.settle.total_seconds())


def _overdue(work: Work, quiet: list[tuple[float, SessionInfo]]) -> Iterator[Visit]:
    """Those that nothing shows a change of and that are asked all the same, within their budget."""
    chosen: set[str] = set()
    left, due = work.plan.reconcile_calls, work.now - work.plan.reconcile
    for read_at, session in quiet:
        visit = Visit(session, "reconcile")
        calls = 1 if work.knowledge.people_included else visit.pages
        if read_at > due.timestamp() or left < calls:
            break
        left -= calls
        chosen.add(session.id)
        yield visit
    looked = 0
    for read_at, session in quiet:
        if looked < _LOOKS and session.id not in chosen and may_change(work, session, read_at):
            looked += 1
            yield Visit(session, "look")
