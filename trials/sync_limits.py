"""The 5 requests a second, the month's reserve, and memory."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from airflow_provider_livestorm.exceptions import LivestormQuotaExceededError
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import REPOSITORY
from trials.outcome import Bar, Outcome
from trials.syncing import COMFORTABLE, client_of, different, sync

__all__ = ["memory", "pace", "reserve"]

_LATENCY = 0.2  # seconds
_RESERVE = 30  # calls
_SMALL_RUN = 10_000  # registrations of the run that others are held against


def pace(_: Any, count: int, preset: str = "small") -> Outcome:
    """The first `count` pages' worth of a sync where 5 a second is enforced and each answer takes 200 ms."""
    with (
        tempfile.TemporaryDirectory(prefix="trials-") as folder,
        SandboxProcess(preset=preset, interval_limit=5, monthly_limit=0, **COMFORTABLE) as sandbox,
    ):
        sandbox.add_fault(path_prefix="/v1/", times=0, delay=_LATENCY)
        sandbox.reset_counters()
        began = time.monotonic()
        result = sync(sandbox, pathlib.Path(folder), client=client_of(sandbox, paced=True))
        wall = time.monotonic() - began
        counters = sandbox.status()["counters"]
        sandbox.clear_faults()
    wanted = counters["calls_total"] / 5
    return Outcome(
        "pace",
        count,
        [
            Bar.at_most("wall time, to calls / 5", round(wall / wanted, 4), 1.03),
            Bar.at_most("answers 429", counters["refused_by_limit"].get("interval", 0), 1),
        ],
        {"wall": round(wall, 2), "calls": counters["calls_total"], "rows": result.summary()["rows"]},
    )


def reserve(_: Any, count: int, preset: str = "tiny") -> Outcome:
    """Syncs with `min_quota_remaining`, again and again, over `count` months that are too short for one sync."""
    least: list[int] = []
    stops = finished = 0
    with tempfile.TemporaryDirectory(prefix="trials-") as folder:
        settings = {**COMFORTABLE, "life": "none"}
        with SandboxProcess(preset=preset, interval_limit=0, monthly_limit=_RESERVE + 20, **settings) as sandbox:
            out = pathlib.Path(folder)
            for _month in range(count):
                for _retry in range(3):
                    try:
                        sync(sandbox, out, client=client_of(sandbox, reserve=_RESERVE))
                        finished += 1
                    except LivestormQuotaExceededError:
                        stops += 1
                    least.append(_RESERVE + 20 - sandbox.status()["counters"]["used_this_month"])
                sandbox.advance(31 * 86_400)
            # What a month began, a later one ended: it is as of its begin, and a last run brings it up to date.
            sandbox.configure(monthly_limit=0)
            sync(sandbox, out)
            wrong = different(sandbox, out)
    return Outcome(
        "reserve",
        count,
        [
            Bar.at_least("calls left in any month", min(least), _RESERVE),
            Bar.at_least("syncs that finished, in several months", finished, 1),
            Bar.same("streams that differ from the truth", ", ".join(wrong), ""),
        ],
        {"stops": stops, "finished": finished, "least left": sorted(set(least))},
    )


def memory(_: Any, registrations: int) -> Outcome:
    """Peak memory of a sync of so many registrations, against one of 10,000, in each format."""
    bars: list[Bar] = []
    figures: dict[str, Any] = {}
    small = min(_SMALL_RUN, registrations // 4)
    for file_format in ("jsonl.gz", "csv", "parquet"):
        few, many = (_weigh(count, file_format) for count in (small, registrations))
        bars.append(Bar.equal(f"{file_format}: rows of session people", many["people"], registrations))
        bars.append(
            Bar.at_most(f"{file_format}: MiB above a run with {small:,}", round(many["peak"] - few["peak"], 1), 60)
        )
        figures[file_format] = {str(small): few, str(registrations): many}
    return Outcome("memory", registrations, bars, figures)


def _weigh(registrations: int, file_format: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="trials-") as folder, _neutral(registrations) as url:
        told = {
            "token": "a.neutral.token", "url": url, "folder": folder, "file_format": file_format,
            "streams": ["events", "sessions", "session_people", "registration_answers", "event_people", "people"],
            "now": dt.datetime(2026, 3, 1, tzinfo=dt.UTC).timestamp(),
        }  # fmt: skip
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "trials.sync_child"], cwd=REPOSITORY, input=json.dumps(told) + "\n", text=True,
            stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        seconds = time.monotonic() - began
        manifest = json.loads((pathlib.Path(folder) / "_livestorm" / "manifest.json").read_bytes())
        people = manifest["runs"][0]["streams"]["session_people"]["rows"]
    end = json.loads(done.stdout.splitlines()[-1])
    return {"people": people, "peak": round(end["peak"], 1), "calls": end["calls"], "seconds": round(seconds, 1)}


@contextlib.contextmanager
def _neutral(registrations: int) -> Iterator[str]:
    """The neutral server, in a process of its own; its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "trials.neutral", str(registrations)], cwd=REPOSITORY, stdout=subprocess.PIPE,
        stdin=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip()
        finally:
            child.kill()
