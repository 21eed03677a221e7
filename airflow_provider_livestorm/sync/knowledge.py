"""What this workspace's API was seen to do, where its documentation is silent (api.md 8).

Each question has an answer that is right in any case and costs more calls, and one that costs less and is right only if
Livestorm behaves so. A run takes the cheap one once it was seen to be right often enough, keeps looking, and goes back
when it was seen to be wrong.
"""

from __future__ import annotations

import msgspec

from airflow_provider_livestorm.sync.ledger import Ledger

__all__ = ["Knowledge", "read_knowledge", "write_knowledge"]

_ENOUGH = 10  # times that something was seen before it is relied on
_WEIGHT = 50  # times that outweigh one to the contrary, which a change between two calls can feign
_COUNTS_ENOUGH = 20
_CUT = 3  # sessions in a row whose people do not all come, before it is taken for the rule


class Knowledge(msgspec.Struct):
    """Kept in the ledger from run to run.

    Attributes:
        ahead_moved: sessions ahead of us whose people changed, and `updated_at` with them.
        ahead_stayed: those whose people changed and `updated_at` did not.
        past_moved, past_stayed: the same of sessions that are over.
        counts_agreed: lists of people as long as the session's `registrants_count`.
        counts_differed: those of another length.
        people_included: whether `include=people` brings all of a session; None: not tried.
        people_cut: times in a row that it did not.
        sessions_included: whether `include=sessions` brings all sessions; None: not tried.
        event_people_agree: whether an event's people are those of its sessions, as in their newest registration.
        people_agree: whether the workspace's people are those of its sessions.
    """

    ahead_moved: int = 0
    ahead_stayed: int = 0
    past_moved: int = 0
    past_stayed: int = 0
    counts_agreed: int = 0
    counts_differed: int = 0
    people_included: bool | None = None
    people_cut: int = 0
    sessions_included: bool | None = None
    event_people_agree: bool | None = None
    people_agree: bool | None = None

    def moves(self, *, ahead: bool) -> bool:
        """Whether a session's `updated_at` moves with its people, ahead of it or once it is over."""
        moved, stayed = (self.ahead_moved, self.ahead_stayed) if ahead else (self.past_moved, self.past_stayed)
        return moved >= _ENOUGH + _WEIGHT * stayed

    def saw_people_change(self, *, ahead: bool, moved: bool) -> None:
        """A session's people changed while its status stayed what it was."""
        name = f"{'ahead' if ahead else 'past'}_{'moved' if moved else 'stayed'}"
        setattr(self, name, getattr(self, name) + 1)

    def saw_people_included(self, *, whole: bool) -> None:
        """A session brought all its people, or not: one that does not is no proof where others did."""
        self.people_cut = 0 if whole else self.people_cut + 1
        if whole:
            self.people_included = True
        elif self.people_included is None or self.people_cut == _CUT:
            self.people_included = False

    @property
    def counts(self) -> bool:
        """Whether a session's `registrants_count` tells the length of its list of people."""
        return self.counts_agreed >= _COUNTS_ENOUGH + _WEIGHT * self.counts_differed

    def sentences(self) -> list[str]:
        """What was seen, for the plan; only what costs or saves calls."""
        said = []
        for ahead, what in ((True, "sessions ahead"), (False, "sessions that are over")):
            moved, stayed = (self.ahead_moved, self.ahead_stayed) if ahead else (self.past_moved, self.past_stayed)
            if self.moves(ahead=ahead):
                said.append(f"updated_at of {what} moves with their people (seen {moved} times): only those are asked.")
            elif stayed:
                said.append(
                    f"updated_at of {what} does not move with their people (seen {stayed} times): each is asked in each"
                    " run."
                )
            else:
                said.append(f"Not known yet whether updated_at of {what} moves with their people: each is asked.")
        for known, yes, no in (
            (
                self.people_included,
                "A session brings all its people in one call.",
                "A session does not bring all its people (include=people): a call for every 50.",
            ),
            (
                self.sessions_included,
                "The events bring all sessions.",
                "The events do not bring all sessions (include=sessions): sessions are listed by themselves.",
            ),
            (
                self.event_people_agree,
                "The people of events follow from those of sessions.",
                "The people of events do not follow from those of sessions: they are listed by event.",
            ),
            (
                self.people_agree,
                "The contacts follow from the people of sessions.",
                "The contacts do not follow from the people of sessions: they are listed by themselves.",
            ),
        ):
            if known is not None:
                said.append(yes if known else no)
        return said


def read_knowledge(ledger: Ledger) -> Knowledge:
    """What a ledger remembers."""
    return msgspec.convert(ledger.fact("knowledge") or {}, Knowledge)


def write_knowledge(ledger: Ledger, knowledge: Knowledge) -> None:
    """Have a ledger remember it."""
    ledger.set_fact("knowledge", msgspec.to_builtins(knowledge))
