"""Twelve tasks of a Celery worker call Livestorm at once, ten times each, with tokens that live two seconds."""

from __future__ import annotations

import math
from itertools import pairwise

from trials.cluster import Cluster
from trials.outcome import Bar, Outcome, spread
from trials.row import Row
from trials.stage import sandbox

__all__ = ["celery_calls"]

CALLS = 10
TOKEN_LIFE = 2  # seconds
ANSWER_SECONDS = 1.0  # the API's: so that the tasks overlap, and each of them outlives a few tokens
# The provider takes a token for stale in the last tenth of its life (auth/token.py), and no sooner.
_NEAR_ITS_END = 0.9 * TOKEN_LIFE


def celery_calls(cluster: Cluster, count: int = 12) -> Outcome:
    """All calls succeed, no refresh token is spent twice, and no access token is replaced before its time.

    One refresh to a life is judged by the Connection's row, whose every write PostgreSQL notes with its time. A token
    is made after its refresh took the lease, so it lives for TOKEN_LIFE after that at least, by the server's clock; the
    next refresh may take the lease when nine tenths of that are over. Between two leases there must hence be nine
    tenths of a life, whatever the machine does: latency only lengthens it. Where a token expires on its way to the API,
    the 401 leads to a refresh too, which is the one that was due.
    """
    with sandbox(token_life=TOKEN_LIFE) as livestorm:
        livestorm.add_fault(path_prefix="/v1/ping", delay=ANSWER_SECONDS, when="after", times=0)
        cluster.database.watch()
        row = cluster.connect("celery_calls", livestorm)
        tasks = cluster.run_dag("celery_calls", conf={"tasks": count, "calls": CALLS})
        status = livestorm.status()["counters"]
        newest, leaked = livestorm.newest_refresh_token(), livestorm.secrets()
    calls = [one for one in tasks.values() if one["task_id"] == "call"]
    done = [cluster.xcoms("celery_calls", one) for one in calls if one["state"] == "success"]
    leases = _leases(row)
    apart = [later - earlier for earlier, later in pairwise(leases)]
    most = 1 + math.floor((leases[-1] - leases[0]) / _NEAR_ITS_END) if leases else 0
    return Outcome(
        "celery",
        count,
        [
            Bar.equal("tasks that succeeded", len(done), count),
            Bar.equal("of them in the Celery worker", sum(one["executor"] == "CeleryExecutor" for one in calls), count),
            Bar.equal("calls answered", sum(one["answered"] for one in done), count * CALLS),
            Bar.equal("answers 200", status["answers_by_status"].get("200", 0), count * CALLS),
            Bar.equal("reuses of spent tokens", status["reuses_of_spent_tokens"], 0),
            Bar.equal("refused refreshes", status["refused_refreshes"], 0),
            Bar.at_least("refreshes", status["refreshes"], 3),
            Bar.at_most("refreshes, to one for each life", status["refreshes"], most),
            Bar.at_least("least seconds between two refreshes", min(apart, default=math.nan), _NEAR_ITS_END),
            Bar.equal("the newest refresh token is stored", int(row.read()["refresh_token"] == newest), 1),
        ],
        {
            "calls_sent": sum(one["sent"] for one in done),
            "answers_by_status": status["answers_by_status"],
            "seconds_between_refreshes": spread(apart),
            "tasks_at_once": _most_at_once([(one["start_date"], one["end_date"]) for one in calls]),
            "task_seconds": spread([one["duration"] for one in calls if one["duration"]]),
        },
        secrets=leaked,
    )


def _leases(row: Row) -> list[float]:
    """When each refresh took its lease, UTC unix seconds."""
    owners: dict[str, float] = {}
    for write in row.writes():
        if (lease := write.state.get("lease")) is not None:
            owners.setdefault(lease["owner"], write.at)
    return sorted(owners.values())


def _most_at_once(spans: list[tuple[str | None, str | None]]) -> int:
    """How many tasks ran at the same time; times are ISO 8601 in UTC, which sort as text."""
    begun = [(start, 1) for start, end in spans if start and end]
    ended = [(end, -1) for start, end in spans if start and end]
    most = now = 0
    for _, step in sorted(begun + ended):
        now += step
        most = max(most, now)
    return most
