"""What a run will cost, before it runs: calls by stream, why, and what is left of the quota afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from airflow_provider_livestorm.api.client import PAGE_SIZE_MAX
from airflow_provider_livestorm.sync.in_session import IN_SESSION, due
from airflow_provider_livestorm.sync.people import PEOPLE_STREAMS
from airflow_provider_livestorm.sync.visits import visits
from airflow_provider_livestorm.sync.work import Work

__all__ = ["Forecast", "StreamForecast", "forecast"]


@dataclass(frozen=True, slots=True)
class StreamForecast:
    """Calls for one stream: at least, at most, and what for."""

    stream: str
    least: int
    most: int
    why: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will cost.

    Attributes:
        mode: of the run.
        streams: in the order in which they are read.
        learned: what this workspace's API was seen to do, in sentences.
        spent: calls that went into the forecast.
        quota_remaining: calls left this month now; None where Livestorm does not say.
    """

    mode: str
    streams: tuple[StreamForecast, ...]
    learned: tuple[str, ...]
    spent: int
    quota_remaining: int | None

    @property
    def least(self) -> int:
        """Calls at least."""
        return sum(one.least for one in self.streams)

    @property
    def most(self) -> int:
        """Calls at most."""
        return sum(one.most for one in self.streams)

    def lines(self) -> list[str]:
        """For people."""
        width = max(len(one.stream) for one in self.streams)
        said = [f"{one.stream:<{width}}  {_range(one.least, one.most):>13}  {one.why}" for one in self.streams]
        said.append(f"{'in all':<{width}}  {_range(self.least, self.most):>13}  calls, in mode {self.mode}")
        if self.quota_remaining is not None:
            after = _range(self.quota_remaining - self.most, self.quota_remaining - self.least)
            said.append(f"Quota: {self.quota_remaining:,} calls left this month, {after} after the run.")
        return [*said, *self.learned, f"This forecast took {self.spent:,} calls."]


def _range(least: int, most: int) -> str:
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def forecast(work: Work, *, spent: int, quota_remaining: int | None) -> Forecast:
    """Forecast a run of which the webinars were read."""
    found: list[StreamForecast] = []
    for stream in work.plan.streams:
        if stream in PEOPLE_STREAMS or stream in IN_SESSION:
            continue
        calls = work.reader.calls[stream] - work.reader.vain[stream]
        if stream == "jobs":
            calls = len(work.plan.jobs)
        elif stream not in ("events", "event_tags", "sessions"):
            calls = max(1, -(-work.ledger.count(stream) // PAGE_SIZE_MAX))
        found.append(StreamForecast(stream, calls, calls, _why(stream)))
    found += _people(work)
    for stream in IN_SESSION:
        if work.wants(stream):
            found.append(_in_session(work, stream))
    order = {name: place for place, name in enumerate(work.plan.streams)}
    found.sort(key=lambda one: order[one.stream])
    learned = tuple(work.knowledge.sentences())
    return Forecast(work.plan.mode, tuple(found), learned, spent, quota_remaining)


def _why(stream: str) -> str:
    return {
        "events": "the list, whole: with its tags and sessions",
        "event_tags": "with the events",
        "sessions": "with the events, or listed",
        "jobs": "one each",
    }.get(stream, "the list")


def _people(work: Work) -> list[StreamForecast]:
    found: list[StreamForecast] = []
    reads = work.wants("session_people", "registration_answers")
    todo = visits(work) if reads else []
    pages = sum(visit.pages for visit in todo)
    counted = Counter(visit.why for visit in todo)
    why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counted.items())) or "nothing"
    registered = sum(session.registrants or 0 for session in work.sessions.values())
    events = len({session.event_id for session in work.sessions.values()})
    for stream in PEOPLE_STREAMS:
        if not work.wants(stream):
            continue
        least = most = 0
        told = "follow from session_people"
        if stream == "session_people" or (stream == "registration_answers" and not work.wants("session_people")):
            included = work.knowledge.people_included
            least = sum(bool(visit.session.registrants) for visit in todo) if work.knowledge.counts else len(todo)
            least, most = (pages, pages) if included is False else (least, len(todo) if included else pages + 1)
            told = f"sessions: {why}"
        elif stream == "event_people":
            lists = events + registered // PAGE_SIZE_MAX
            agrees = work.knowledge.event_people_agree if reads else False
            least, most = (1, 3) if agrees else (lists, lists) if agrees is False else (1, 3 + lists)
            told = "compared with a few events" if agrees is not False else "listed by event"
        elif stream == "people":
            lists = max(1, -(-(work.ledger.count(stream) or registered) // PAGE_SIZE_MAX))
            agrees = work.knowledge.people_agree if reads else False
            # Where they are known not to follow, they are counted first and listed all the same.
            listed = lists + 1 if reads else lists
            least, most = (1, 6) if agrees else (listed, listed) if agrees is False else (1, listed)
            told = "counted" if agrees else "listed" if agrees is False else "listed, unless sessions tell of all"
        found.append(StreamForecast(stream, least, most, told))
    return found


def _in_session(work: Work, stream: str) -> StreamForecast:
    known = [session for session in work.sessions.values() if due(work, stream, session)]
    never = sum(work.ledger.known(stream, session.id) is None for session in known)
    # Of a session whose people are not read yet nobody knows whether it has any.
    least = len(known) if IN_SESSION[stream] is None else len(known) - never
    return StreamForecast(stream, least, len(known), "sessions that are over and may have some")
