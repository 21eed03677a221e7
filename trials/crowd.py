"""Two hundred callers at once, two api-servers, one expired token: one refresh, and everybody served soon after it."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import Any

from trials.outcome import Bar, Outcome, spread
from trials.stage import Child, Stage, sandbox

__all__ = ["crowd", "naive_crowd"]

ANSWER_SECONDS = 3  # the token endpoint's
SERVED_SECONDS = 2.0  # the bar: after the new token is in the row
_PROCESSES = 4


def crowd(stage: Stage, count: int = 200) -> Outcome:
    """Tasks ask the broker, the token endpoint answers after 3 s; strict rotation."""
    with sandbox() as livestorm:
        livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS, times=0)
        row, client = stage.connect("crowd", livestorm)
        before = time.time()
        calls = rush(stage, count, {"naive": False, "client": client, "urls": stage.urls})
        counters = livestorm.status()["counters"]
        stored = [write.at for write in row.writes(before) if write.generation]
        served = [call["ended"] - stored[0] for call in calls if call["token"]] if stored else []
        granted = livestorm.newest_refresh_token()
    problems = Counter(call["problem"] for call in calls if call["problem"])
    return Outcome(
        "crowd",
        count,
        [
            Bar.equal("refreshes", counters["refreshes"], 1),
            Bar.equal("refused refreshes", counters["refused_refreshes"], 0),
            Bar.equal("reuses of spent tokens", counters["reuses_of_spent_tokens"], 0),
            Bar.equal("callers served", len(served), count),
            Bar.equal("different tokens", len({call["token"] for call in calls if call["token"]}), 1),
            Bar.equal("the newest refresh token is stored", int(row.read()["refresh_token"] == granted), 1),
            Bar.at_most("last caller served, s after the commit", max(served, default=float("nan")), SERVED_SECONDS),
        ],
        {"served_s_after_commit": spread(served), "problems": dict(problems)},
    )


def naive_crowd(stage: Stage, count: int = 200) -> Outcome:
    """The same crowd with the naive store, which must spend tokens more than once."""
    with sandbox() as livestorm:
        livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS, times=0)
        _, client = stage.connect("naive_crowd", livestorm)
        store = client | {"uri": stage.database.uri, "fernet": stage.database.fernet}
        calls = rush(stage, count, {"naive": True, "store": store})
        counters = livestorm.status()["counters"]
    return Outcome(
        "crowd, naive control",
        count,
        [Bar.at_least("reuses of spent tokens", counters["reuses_of_spent_tokens"], 1)],
        {"counters": counters, "callers_served": sum(call["token"] is not None for call in calls)},
    )


def rush(stage: Stage, count: int, job: dict[str, Any]) -> list[dict[str, Any]]:
    """Let `count` callers in a few processes loose at once; what `callers.py` says of each."""
    with contextlib.ExitStack() as running:
        shares = [len(range(first, count, _PROCESSES)) for first in range(min(_PROCESSES, count))]
        children = [running.enter_context(Child("trials.callers", stage.servers[0].env)) for _ in shares]
        for child, share in zip(children, shares, strict=True):
            child.tell(job | {"callers": share})
        for child in children:
            child.hear()
        for child in children:
            child.tell("go")
        return [call for child in children for call in child.hear()]
