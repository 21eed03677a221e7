"""`kill -9` in the middle of a refresh, again and again: what becomes of the token."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from trials.outcome import Bar, Outcome, spread
from trials.row import Row
from trials.stage import Child, Stage, sandbox

__all__ = ["kill_grace", "kill_strict"]

ANSWER_SECONDS = 0.2  # the token endpoint's
LEASE_SECONDS = 0.8
_LANES = 3  # rows that are refreshed and killed side by side


def kill_grace(stage: Stage, count: int = 300) -> Outcome:
    """A server that keeps the old pair until the new one is used: nothing may be lost."""
    kills, counters = _kills(stage, count, "grace")
    return Outcome(
        "kill, grace",
        count,
        [
            Bar.at_least("processes killed", sum(one["killed"] for one in kills), count * 0.6),
            Bar.equal("lost tokens", sum(one["lost"] for one in kills), 0),
            Bar.equal("reuses of spent tokens", counters["reuses_of_spent_tokens"], 0),
        ],
        _figures(kills, counters),
    )


def kill_strict(stage: Stage, count: int = 300) -> Outcome:
    """A server that ends the old pair at once: lost is what it had spent and we had not stored yet, no more.

    The window opens when the request is sent, not when the answer arrives: the server carries it out though nobody is
    left to hear of it. Its first part is the server's time and cannot be shortened from here; the second is ours.
    """
    kills, counters = _kills(stage, count, "strict")
    losses = [one for one in kills if one["lost"]]
    return Outcome(
        "kill, strict",
        count,
        [
            Bar.at_least("processes killed", sum(one["killed"] for one in kills), count * 0.6),
            Bar.equal("losses outside request to commit", sum(not one["in_window"] for one in losses), 0),
            Bar.equal("losses that end in one clear error", sum(one["clear"] for one in losses), len(losses)),
            Bar.equal("spent tokens sent, once a loss", counters["reuses_of_spent_tokens"], len(losses)),
        ],
        _figures(kills, counters),
    )


def _figures(kills: list[dict[str, Any]], counters: dict[str, Any]) -> dict[str, Any]:
    return {
        "losses": sum(one["lost"] for one in kills),
        "losses_while_the_answer_was_under_way": sum(one["lost"] and not one["answered"] for one in kills),
        "losses_between_answer_and_commit": sum(one["lost"] and one["answered"] for one in kills),
        "window_s_request_to_answer": spread([one["wait"] for one in kills if one["wait"]], 5),
        "killed_at_step": dict(Counter(one["last"] for one in kills if one["killed"])),
        "lost_at_step": dict(Counter(one["last"] for one in kills if one["lost"])),
        "window_s_answer_to_commit": spread([one["window"] for one in kills if one["window"]], 5),
        "lost_s_after_answer": spread([one["after_answer"] for one in kills if one["lost"] and one["after_answer"]], 5),
        "lost_s_after_request": spread([one["after_request"] for one in kills if one["lost"]], 5),
        "endings": dict(Counter(one["ending"] for one in kills)),
        "error": next((one["message"] for one in kills if one["lost"]), None),
        "refreshes": counters["refreshes"],
        "refused_refreshes": counters["refused_refreshes"],
    }


def _kills(stage: Stage, count: int, rotation: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Spread the kills over a few rows; each one's story, and the sandbox's counters."""
    with sandbox(rotation=rotation) as livestorm, ThreadPoolExecutor(_LANES) as pool:
        livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS, times=0)
        plan = [_when(random.Random(f"{rotation} {number}"), number) for number in range(count)]
        lanes = [
            pool.submit(_lane, stage, livestorm, f"kill_{rotation}_{lane}", plan[lane::_LANES])
            for lane in range(_LANES)
        ]
        kills = [one for lane in lanes for one in lane.result()]
        return kills, livestorm.status()["counters"]


def _when(chance: random.Random, number: int) -> dict[str, Any]:
    """Before the request, during it, around the answer, around the commit: turn by turn."""
    match number % 4:
        case 0:
            return {"after": "start", "delay": chance.uniform(0, 0.03)}
        case 1:
            return {"after": "request", "delay": chance.uniform(0, ANSWER_SECONDS)}
        case 2:
            return {"after": "request", "delay": ANSWER_SECONDS + chance.uniform(-0.01, 0.02)}
        case _:
            return {"after": "answer", "delay": chance.uniform(0, 0.008)}


def _lane(stage: Stage, livestorm: SandboxProcess, conn_id: str, plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
    row, _ = stage.connect(conn_id, livestorm)
    env = stage.servers[0].env | {
        "_AIRFLOW_PROCESS_CONTEXT": "server",
        "TRIAL_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    with Child("trials.refresher", env) as refresher:
        return [_one(row, livestorm, refresher.ask, when) for when in plan]


def _one(row: Row, livestorm: SandboxProcess, ask: Callable[[object], Any], when: dict[str, Any]) -> dict[str, Any]:
    """Kill one refresh, see what a fresh process gets, and mend what was lost."""
    row.expire()
    job = {"conn_id": row.conn_id}
    killed = ask(job | {"kill": when})
    notes, at = killed["notes"], killed["killed_at"]
    ending = ask(job | {"kill": None})["notes"][-1]
    lost = ending["note"] != "token" or ending["status"] != 200  # noqa: PLR2004 - HTTP
    times = {one["note"]: one["at"] for one in notes}
    answer = times.get("answer")
    committed = answer is not None and times.get("written", 0.0) > answer
    story = {
        "killed": at is not None,
        "last": notes[-1]["note"] if not committed else "committed",
        "answered": answer is not None,
        "wait": answer - times["request"] if answer is not None else None,
        "window": times["written"] - answer if answer is not None and committed else None,
        "after_answer": at - answer if at and answer else None,
        "after_request": at - times["request"] if at and "request" in times else None,
        "lost": lost,
        "ending": ending.get("kind") or f"token, HTTP {ending['status']}",
        "message": ending.get("message"),
        "in_window": at is not None and not committed and "request" in times,
        "clear": False,
    }
    if lost:
        again = ask(job | {"kill": None})["notes"]
        story["clear"] = (
            ending.get("kind") == "LivestormReconnectRequiredError"
            and "\n" not in ending["message"]
            and again[-1].get("message") == ending["message"]
            and "request" not in {one["note"] for one in again}
        )
        grant = livestorm.grant()
        row.write(
            {name: grant[name] for name in ("refresh_token", "access_token")}
            | {"expires_at": time.time() - 1, "token_url": livestorm.token_url}
        )
    return story
