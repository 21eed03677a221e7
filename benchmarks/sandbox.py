"""`python -m benchmarks.sandbox`: how fast the sandbox starts and answers, and what it holds in memory.

The sandbox has one core to itself where the machine has two; a client with one kept-alive connection asks page after
page, and reads each body without decoding it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import statistics
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from airflow_provider_livestorm.sandbox.generate import PRESETS
from airflow_provider_livestorm.sandbox.process import SandboxProcess

PAGE = {"page[size]": 50}


def main() -> None:
    """Measure and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=list(PRESETS), default="real", help="workspace (default: real)")
    parser.add_argument("--seconds", type=float, default=3.0, help="to ask for each list (default: 3)")
    parser.add_argument("--repeats", type=int, default=5, help="starts, and rounds over the lists (default: 5)")
    options = parser.parse_args()
    print(json.dumps(measure(options.preset, options.seconds, options.repeats), indent=2))


def measure(preset: str, seconds: float, repeats: int) -> dict[str, Any]:
    """The figures: medians with the least and the most."""
    starts: list[float] = []
    for _ in range(repeats):
        begun = time.monotonic()
        with SandboxProcess(preset=preset, interval_limit=0, monthly_limit=0):
            starts.append(time.monotonic() - begun)
    cores = sorted(os.sched_getaffinity(0))
    with SandboxProcess(preset=preset, interval_limit=0, monthly_limit=0) as sandbox:
        pid = sandbox.pid
        os.sched_setaffinity(pid, {cores[-1]})
        os.sched_setaffinity(0, set(cores[:-1]) or set(cores))
        at_start = resident(pid)
        paths = lists(sandbox)
        rounds = [
            {name: pages_a_second(sandbox, path, seconds) for name, path in paths.items()} for _ in range(repeats)
        ]
        for stream in ("session_people", "people"):
            sandbox.truth(stream)
        workspace = sandbox.status()["workspace"]
        return {
            "preset": preset,
            "cores": len(cores),
            "workspace": {name: workspace[name] for name in ("events", "sessions", "session_people", "people")},
            "start_seconds": spread(starts),
            "resident_mb_at_start": at_start,
            "resident_mb_at_the_end": resident(pid),
            "pages_of_50_a_second": {name: spread([one[name] for one in rounds]) for name in paths},
        }


def lists(sandbox: SandboxProcess) -> dict[str, str]:
    """Paths of lists with many full pages."""
    counts: dict[str, int] = {}
    for row in sandbox.truth("session_people"):
        counts[row["session_id"]] = counts.get(row["session_id"], 0) + 1
    session = max(counts, key=lambda one: counts[one])
    events: dict[str, int] = {}
    for row in sandbox.truth("sessions"):
        event = row["attributes"]["event_id"]
        events[event] = events.get(event, 0) + counts.get(row["id"], 0)
    event = max(events, key=lambda one: events[one])
    return {
        "events": "/events", "sessions": "/sessions", "people": "/people",
        "session people": f"/sessions/{session}/people", "event people": f"/events/{event}/people",
    }  # fmt: skip


def pages_a_second(sandbox: SandboxProcess, path: str, seconds: float) -> float:
    """Ask for the full pages of a list, over and over."""
    address = urlsplit(sandbox.api_url)
    headers = {"Authorization": sandbox.credentials()["api_token"]}
    connection = http.client.HTTPConnection(address.netloc)

    def ask(number: int) -> bytes:
        query = urlencode(PAGE | {"page[number]": number})
        connection.request("GET", f"{address.path}{path}?{query}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:  # noqa: PLR2004 - HTTP status
            raise RuntimeError(f"{path}: HTTP {answer.status}: {body[:200]!r}")
        return body

    full = json.loads(ask(0))["meta"]["record_count"] // 50 or 1
    begun, count = time.monotonic(), 0
    while (spent := time.monotonic() - begun) < seconds:
        ask(count % full)
        count += 1
    connection.close()
    return count / spent


def resident(pid: int) -> float:
    """Megabytes (10^6) of a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    kibibytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return round(kibibytes * 1024 / 1e6, 1)


def spread(figures: list[float]) -> dict[str, float]:
    """Median, least, most."""
    return {
        "median": round(statistics.median(figures), 2),
        "min": round(min(figures), 2),
        "max": round(max(figures), 2),
    }


if __name__ == "__main__":
    main()
