"""Scenario I: how many callers a second the token broker serves, and how long each waits, by how many ask at once.

A real api-server with the plugin, over PostgreSQL; a connection whose access token is fresh. Each caller asks again as
soon as it is answered, with a new proof each time, over a connection that is kept. Beside it, as the limit: the same
callers at the api-server's own `/api/v2/version`, which looks nothing up. All callers live in one process on an event
loop, where a call costs them half a millisecond; they, the api-server and PostgreSQL share the machine. What limits is
the broker's door, which lets callers in one after the other, so that the rest of the api-server's time is Airflow's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from airflow_provider_livestorm.plugin.token_broker import _APART_SECONDS
from trials.outcome import percentile
from trials.stage import Stage, stage

__all__ = ["CALLERS", "measure"]

CALLERS = (1, 20, 200)
_PAUSE_SECONDS = 0.05  # between the questions of a caller who is alone
_CONN_ID = "broker_bench"
_CLIENT = {"login": "client", "password": "a-client-secret-of-this-benchmark"}
_TOKEN = "an-access-token-that-lives"  # noqa: S105 - of no server
Request = Callable[[], bytes]


def measure(repeats: int, callers: Sequence[int] = CALLERS, seconds: float = 5.0) -> dict[str, Any]:
    """Medians with the least and the most over the repeats; each repeat goes through all numbers of callers.

    Args:
        repeats: so many.
        callers: who ask at once.
        seconds: that each number of callers asks, of the broker and of the limit.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as base, stage(pathlib.Path(base), servers=1) as airflow:
        _connect(airflow)
        address = urlsplit(airflow.urls[0]).netloc
        ways: dict[str, Request] = {"broker": lambda: _question(address), "version": lambda: _version(address)}
        for way in ways.values():  # the first question makes a table, imports, opens connections to the database
            asyncio.run(_rush(address, way, 4, 1.0))
        rounds: dict[str, dict[int, list[dict[str, float]]]] = {name: {one: [] for one in callers} for name in ways}
        alone: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, way in ways.items():
                alone[name].append(asyncio.run(_rush(address, way, 1, seconds, pause=_PAUSE_SECONDS)))
            for count in callers:
                for name, way in ways.items():
                    rounds[name][count].append(asyncio.run(_rush(address, way, count, seconds)))
    return {
        "repeats": repeats,
        "seconds": seconds,
        # Whatever the machine: the broker lets its callers in so far from each other (`plugin/admission.py`).
        "door_calls_a_second": round(1 / _APART_SECONDS, 1),
        # What a task waits that comes while nobody else does: the door is open.
        "alone": {
            name: {figure: _spread([one[figure] for one in told]) for figure in ("p50_ms", "p99_ms")}
            for name, told in alone.items()
        },
        "callers": {count: _figures({name: rounds[name][count] for name in ways}) for count in callers},
    }


def _figures(rounds: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Of one number of callers."""
    pairs = zip(rounds["broker"], rounds["version"], strict=True)
    return {
        **{
            name: {figure: _spread([one[figure] for one in told]) for figure in ("calls_a_second", "p50_ms", "p99_ms")}
            for name, told in rounds.items()
        },
        "to_version": _spread([one["calls_a_second"] / limit["calls_a_second"] for one, limit in pairs], 3),
        "to_door": _spread([one["calls_a_second"] * _APART_SECONDS for one in rounds["broker"]], 3),
    }


async def _rush(
    address: str, request: Request, callers: int, seconds: float, *, pause: float = 0.0
) -> dict[str, float]:
    """Let so many callers ask for so long; calls a second, and the milliseconds that a call took."""
    host, _, port = address.partition(":")
    took: list[float] = []
    connections = await asyncio.gather(*(asyncio.open_connection(host, int(port)) for _ in range(callers)))
    began = time.monotonic()

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (asked := time.monotonic()) < began + seconds:
            writer.write(request())
            await _answer(reader)
            took.append(time.monotonic() - asked)
            await asyncio.sleep(pause)

    await asyncio.gather(*(ask(*connection) for connection in connections))
    spent = time.monotonic() - began
    for _, writer in connections:
        writer.close()
    milliseconds = [1000 * one for one in took]
    return {
        "calls_a_second": len(took) / spent,
        "p50_ms": statistics.median(milliseconds),
        "p99_ms": percentile(milliseconds, 0.99),
    }


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"{head!r}: {body[:300]!r}")
    return body


def _question(address: str) -> bytes:
    """As `auth/stores/broker.py` asks it."""
    proof = sign_assertion(conn_id=_CONN_ID, client_id=_CLIENT["login"], client_secret=_CLIENT["password"])
    body = json.dumps({"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof, "refused": None}).encode()
    return (
        f"POST /livestorm/connections/{_CONN_ID}/access-token HTTP/1.1\r\nHost: {address}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _version(address: str) -> bytes:
    return f"GET /api/v2/version HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()


def _connect(airflow: Stage) -> None:
    """Save a connection with an access token that outlives the measurement."""
    extra = {
        "refresh_token": "unused", "access_token": _TOKEN, "expires_at": time.time() + 7200,
        "token_url": "http://127.0.0.1:9/oauth/token",
    }  # fmt: skip
    members = {"connection_id": _CONN_ID, "conn_type": "livestorm", "host": "http://127.0.0.1:9/v1", **_CLIENT}
    airflow.api("POST", "/connections", json={**members, "extra": json.dumps(extra)})


def _spread(figures: list[float], digits: int = 2) -> dict[str, float]:
    """Median, least, most."""
    return {
        "median": round(statistics.median(figures), digits),
        "min": round(min(figures), digits),
        "max": round(max(figures), digits),
    }


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.broker", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="over all numbers of callers (default: 5)")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each of them (default: 5)")
    options = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # PostgreSQL's wheel tells what it does
        figures = measure(options.repeats, seconds=options.seconds)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
