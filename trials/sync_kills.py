"""Syncs that are killed, met by faults, or overtaken by another: what is published is right all the same."""

from __future__ import annotations

import contextlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

from airflow_provider_livestorm.exceptions import LivestormError, LivestormPublishConflictError
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.state import Destination
from scripts.local_airflow import REPOSITORY
from trials.outcome import Bar, Outcome, spread
from trials.syncing import COMFORTABLE, EVERYTHING, client_of, different, sync

__all__ = ["faults", "kills", "two_at_once"]

_ANSWER = 0.004  # seconds that an answer takes at least: so that a kill falls into calls as often as between them


def kills(_: Any, count: int, preset: str = "small") -> Outcome:
    """`kill -9` at random moments, each followed by another try, until so many processes were killed."""
    random_moment = random.Random(1)
    wrong: list[str] = []
    again: list[int] = []
    moments: list[float] = []
    syncs = killed = left = 0
    with (
        tempfile.TemporaryDirectory(prefix="trials-") as folder,
        SandboxProcess(preset=preset, interval_limit=0, monthly_limit=0, **COMFORTABLE) as sandbox,
    ):
        sandbox.advance(86_400)  # the session that is live at first is over then, and it is night again
        sandbox.add_fault(path_prefix="/v1/", times=0, delay=_ANSWER)
        sandbox.reset_counters()
        began = time.monotonic()
        _child(sandbox, pathlib.Path(folder) / "whole")
        length, needed = time.monotonic() - began, _calls(sandbox)
        while killed < count:
            out = pathlib.Path(folder) / f"out {syncs}"
            sandbox.reset_counters()
            mine = 0
            while True:
                moment = random_moment.uniform(0.0, 0.5 * length) if killed < count and mine < 8 else None  # noqa: PLR2004 - of one sync
                if _child(sandbox, out, moment) is not None:
                    break
                killed += 1
                mine += 1
                moments.append(moment or 0.0)
            again.append(_calls(sandbox) - needed - mine)
            wrong += [f"{stream} of sync {syncs}" for stream in different(sandbox, out)]
            left += {path.parent.name for path in out.rglob("part-*")} != _published(out)
            syncs += 1
    return Outcome(
        "kills",
        count,
        [
            Bar.equal("processes killed", killed, count),
            Bar.same("syncs that differ from the truth", ", ".join(wrong), ""),
            Bar.equal("syncs that left files of killed tries behind", left, 0),
            Bar.at_most("pages asked for again beyond one for each kill", sum(max(0, more) for more in again), 0),
        ],
        {"syncs": syncs, "calls of a sync": needed, "moments": spread(moments), "again": again},
    )


def _published(folder: pathlib.Path) -> set[str]:
    return {entry.run_id for entry in Destination(folder).published().runs}


def _calls(sandbox: SandboxProcess) -> int:
    return int(sandbox.status()["counters"]["calls_total"])


def _child(sandbox: SandboxProcess, folder: pathlib.Path, kill_after: float | None = None) -> dict[str, Any] | None:
    """Run a sync in a process; None where it was killed first."""
    told = {
        "token": sandbox.credentials()["api_token"], "url": sandbox.api_url, "folder": str(folder),
        "streams": EVERYTHING, "now": sandbox.now(),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "trials.sync_child"], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(told) + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "begins\n"
        timer = threading.Timer(kill_after, child.kill) if kill_after is not None else None
        if timer:
            timer.start()
        line = child.stdout.readline()
        if timer:
            timer.cancel()
    return json.loads(line) if line else None


def faults(_: Any, count: int, preset: str = "tiny") -> Outcome:
    """Syncs of which one call in twenty goes wrong, in a way drawn by chance."""
    failed: list[str] = []
    wrong: list[str] = []
    left: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="trials-") as folder,
        SandboxProcess(preset=preset, interval_limit=0, monthly_limit=0, **COMFORTABLE) as sandbox,
    ):
        for number in range(count):
            out = pathlib.Path(folder) / str(number)
            sandbox.add_fault(path_prefix="/v1/", times=0, body="any", chance=0.05, seed=number)
            try:
                sync(sandbox, out)
            except LivestormError as error:
                failed.append(type(error).__name__)
                left += [str(path.name) for path in out.rglob("part-*")]
                left += [path.name for path in (out / "_livestorm").glob("manifest*") if any(path.rglob("*.json"))]
            else:
                sandbox.clear_faults()
                wrong += [f"{stream} of sync {number}" for stream in different(sandbox, out)]
            sandbox.clear_faults()
        calls = sandbox.status()["counters"]["calls_total"]
    return Outcome(
        "faults",
        count,
        [
            Bar.same("syncs that differ from the truth", ", ".join(wrong), ""),
            Bar.same("published by those that failed", ", ".join(left), ""),
        ],
        {"calls": calls, "failed": failed},
    )


def two_at_once(_: Any, count: int, preset: str = "tiny") -> Outcome:
    """Two runs for one destination begin at once, so many times."""
    published: list[int] = []
    sentences: set[str] = set()
    wrong: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="trials-") as folder,
        SandboxProcess(preset=preset, interval_limit=0, monthly_limit=0, **COMFORTABLE) as sandbox,
    ):
        for number in range(count):
            out = pathlib.Path(folder) / str(number)
            # Both have read what is published before either publishes: the second waits at its last call.
            gate = threading.Barrier(2)
            ended: list[str] = []
            threads = [threading.Thread(target=_one, args=(sandbox, out, gate, ended)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            published.append(ended.count("published"))
            sentences |= {end for end in ended if end != "published"}
            wrong += [f"{stream} of sync {number}" for stream in different(sandbox, out)]
            folders = {path.parent.name for path in out.rglob("part-*")}
            wrong += ["files of the other run"] if folders != _published(out) else []
    return Outcome(
        "two_at_once",
        count,
        [
            Bar.same("runs that published, of each two", ", ".join(map(str, sorted(set(published)))), "1"),
            Bar.same("what the other said", " | ".join(sorted({one.split(":")[0] for one in sentences})), _CONFLICT),
            Bar.same("what differs from the truth", ", ".join(wrong), ""),
        ],
        {"sentences": sorted({one.replace(folder, "...") for one in sentences})[:1]},
    )


_CONFLICT = "LivestormPublishConflictError"


def _one(sandbox: SandboxProcess, out: pathlib.Path, gate: threading.Barrier, ended: list[str]) -> None:
    client = client_of(sandbox)
    request = client.request

    def gated(method: str, path: str, **more: Any) -> Any:
        answer = request(method, path, **more)
        if path == "/events":
            with contextlib.suppress(threading.BrokenBarrierError):
                gate.wait(20)
        return answer

    client.request = gated  # type: ignore[method-assign]
    try:
        sync(sandbox, out, client=client)
        ended.append("published")
    except LivestormPublishConflictError as error:
        ended.append(f"{_CONFLICT}: {error}")
    except Exception as error:  # noqa: BLE001 - the trial tells whatever it was
        ended.append(f"{type(error).__name__}: {error}")
