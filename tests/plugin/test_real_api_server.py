"""The token broker in a real api-server as companies run it; `real_server.py` says how."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from tests.plugin.real_server import Server
from trials.row import Row

pytestmark = pytest.mark.e2e


def test_callers_behind_a_prefix_share_one_refresh_of_two_processes(server: Server) -> None:
    Row(server.database, "conn").expire()
    before = server.sandbox.status()["counters"]
    with ThreadPoolExecutor(30) as pool:
        tokens = set(pool.map(lambda _: server.token(), range(30)))
    assert len(tokens) == 1
    counters = server.sandbox.status()["counters"]
    assert counters["refreshes"] - before["refreshes"] == 1
    assert counters["reuses_of_spent_tokens"] == before["reuses_of_spent_tokens"]


def test_a_proof_that_one_process_took_is_refused_by_the_other(server: Server) -> None:
    """Which of them answers is the kernel's choice: so one is held still at a time."""
    workers = server.workers()
    assert len(workers) == 2
    for first, second in (workers, reversed(workers)):
        proof = server.proof()
        with held_still(second):
            assert server.show(proof).status_code == requests.codes.ok
        with held_still(first):
            assert server.show(proof).status_code == requests.codes.unauthorized


@contextlib.contextmanager
def held_still(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_fab_guards_its_own_routes_and_leaves_ours_to_the_proof(server: Server) -> None:
    assert requests.get(f"{server.url}/api/v2/connections", timeout=30).status_code == requests.codes.unauthorized
    unknown, forged = server.show(server.proof("nobody"), "nobody"), server.show("forged")
    assert (unknown.status_code, unknown.content) == (forged.status_code, forged.content)
    assert unknown.json()["error"] == "unauthorized"
