"""The broker goes away amid a call: its callers wait a bounded time, and are served or told one clear thing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import psycopg2  # type: ignore[import-untyped]  # it has no types

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow, free_port
from trials.asking import SERVED, Told, asking, calls_of, endings, is_clear
from trials.outcome import Bar, Outcome
from trials.row import Listener, Row
from trials.stage import Child, Stage, sandbox

__all__ = ["killed", "outage"]

ANSWER_SECONDS = 3  # the token endpoint's
RETRIES = 7
# Where a lease is left behind: its minute, and what an api-server takes to start.
KILLED_SECONDS = 110.0
STOPPED_SECONDS = 60.0
RECONNECT, UNAVAILABLE = "LivestormReconnectRequiredError", "LivestormBrokerError"


class Server:
    """One more api-server over the stage's database, which can be ended and started again where it was."""

    def __init__(self, stage: Stage, running: contextlib.ExitStack) -> None:
        self._airflow: LocalAirflow = replace(stage.servers[0], port=free_port())
        self._running = running
        self._child: subprocess.Popen[bytes] | None = None
        self.url = self._airflow.url
        self.start()

    def start(self) -> None:
        """Start it; waits until it answers."""
        self._child = self._running.enter_context(self._airflow.process("api-server"))
        self._airflow.wait_until_up(self._child)

    def kill(self) -> None:
        """All of its processes, at once."""
        assert self._child is not None
        os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def stop(self) -> None:
        """As systemd and Kubernetes do; waits for its end."""
        assert self._child is not None
        self._child.terminate()
        self._child.wait(60)


def outage(stage: Stage, count: int = 10) -> Outcome:
    """Nothing listens; Airflow's database is away; SIGTERM amid a refresh, and a start after it."""
    bars = [*_nobody(stage), *_database_away(stage, count)]
    with contextlib.ExitStack() as running, sandbox() as livestorm:
        server = Server(stage, running)
        row, client = _connect(stage, livestorm, "stopped")
        before = row.read()["refresh_token"]
        callers = _refreshing(stage, running, row, client, count, server)
        server.stop()
        stored = row.read()["refresh_token"]
        newest = livestorm.newest_refresh_token()
        server.start()
        told = [one.result() for one in callers]
        bars += [
            Bar.equal("SIGTERM: the refresh it had begun is stored", int(before != stored == newest), 1),
            Bar.same("SIGTERM: callers end", endings(told), SERVED),
            Bar.equal("SIGTERM: calls of the token endpoint", calls_of(livestorm), 1),
            Bar.at_most("SIGTERM: last caller served, s", _longest(told), STOPPED_SECONDS),
        ]
    return Outcome("outage", count, bars)


def killed(stage: Stage, count: int = 10) -> Outcome:
    """`kill -9` amid a refresh, and a start after it, in both rotations; the lease that is left lasts a minute."""
    with contextlib.ExitStack() as running:
        server, worlds = Server(stage, running), []
        for rotation in ("grace", "strict"):
            livestorm = running.enter_context(sandbox(rotation=rotation))
            worlds.append((rotation, livestorm, *_connect(stage, livestorm, f"killed_{rotation}")))
        asked = [_refreshing(stage, running, row, client, count, server) for _, _, row, client in worlds]
        for _, livestorm, *_ in worlds:
            _wait_until_asked(livestorm)
        server.kill()
        server.start()
        bars = []
        for (rotation, livestorm, row, client), callers in zip(worlds, asked, strict=True):
            told = [one.result() for one in callers]
            served = rotation == "grace"
            calls = calls_of(livestorm)
            with asking([server.url, *stage.urls], client, count) as again:
                later = [one.result() for one in again]
            kept = row.read()["refresh_token"] == livestorm.newest_refresh_token()
            reuses = livestorm.status()["counters"]["reuses_of_spent_tokens"]
            bars += [
                Bar.same(f"kill -9, {rotation}: callers end", endings(told), SERVED if served else RECONNECT),
                Bar.equal(f"kill -9, {rotation}: one line that names the connection", int(is_clear(told)), 1),
                Bar.equal(f"kill -9, {rotation}: what they are told", len({one.text for one in told}), 1),
                Bar.at_most(f"kill -9, {rotation}: last caller has an answer, s", _longest(told), KILLED_SECONDS),
                Bar.equal(f"kill -9, {rotation}: calls of the token endpoint", calls, 2),
                Bar.equal(f"kill -9, {rotation}: calls of later callers", calls_of(livestorm) - calls, 0),
                Bar.same(f"kill -9, {rotation}: later callers end", endings(later), endings(told)),
                Bar.equal(f"kill -9, {rotation}: the newest token is stored", int(kept), int(served)),
                Bar.equal(f"kill -9, {rotation}: spent tokens sent", reuses, int(not served)),
            ]
    return Outcome("outage, kill -9", count, bars)


def _connect(stage: Stage, livestorm: SandboxProcess, name: str) -> tuple[Row, dict[str, Any]]:
    livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS)
    return stage.connect(name, livestorm)


def _refreshing(
    stage: Stage, running: contextlib.ExitStack, row: Row, client: dict[str, Any], count: int, server: Server
) -> list[Future[Told]]:
    """Callers of one api-server that has just taken the lease."""
    with contextlib.closing(Listener(stage.database, row.conn_id)) as listener:
        callers = running.enter_context(asking([server.url], client, count))
        listener.wait()
    return callers


def _wait_until_asked(livestorm: SandboxProcess, patience: float = 20.0) -> None:
    """Until the token endpoint has the request, and is taking its time over it."""
    give_up = time.monotonic() + patience
    while not livestorm.status()["counters"]["faults_met"]:
        if time.monotonic() > give_up:
            raise TimeoutError(f"Nobody asked the token endpoint in {patience:.0f} s.")
        time.sleep(0.02)  # between two questions; there is nothing to wait on


def _nobody(stage: Stage) -> list[Bar]:
    """A worker whose broker is nowhere, though it could reach the database and the token endpoint itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    env = stage.servers[0].env | {"_AIRFLOW_PROCESS_CONTEXT": "client", "AIRFLOW__LIVESTORM__BROKER_URL": url}
    with sandbox() as livestorm, Child("trials.worker", env) as worker:
        row, client = stage.connect("nobody", livestorm)
        before = row.read()
        job = {"conn_id": "nobody", "client_id": client["client_id"], "secret": client["client_secret"]}
        urls = {"token_url": livestorm.token_url, "api_url": livestorm.api_url}
        told = worker.ask(job | urls | {"extra": before})
        return [
            Bar.same("nothing listens: the worker's source", told["source"], "BrokerClient"),
            Bar.same("nothing listens: it ends", told["found"], UNAVAILABLE),
            Bar.equal("nothing listens: retries", len(told["slept"]), RETRIES),
            Bar.equal("nothing listens: calls of the token endpoint", calls_of(livestorm), 0),
            Bar.equal("nothing listens: the row is as it was", int(row.read() == before), 1),
            Bar.equal("nothing listens: its error names the place", int(url in told["message"]), 1),
        ]


def _database_away(stage: Stage, count: int) -> list[Bar]:
    with sandbox() as livestorm:
        _, client = stage.connect("away", livestorm)
        with _no_database(stage):
            with asking(stage.urls, client, count, patience=5.0) as callers:
                told = [one.result() for one in callers]
            calls = calls_of(livestorm)
        with asking(stage.urls, client, count) as callers:
            later = [one.result() for one in callers]
    return [
        Bar.same("database away: callers end", endings(told), UNAVAILABLE),
        Bar.equal("database away: one line that names the connection", int(is_clear(told)), 1),
        Bar.equal("database away: calls of the token endpoint", calls, 0),
        Bar.at_most("database away: last caller told so, s", _longest(told), 20.0),
        Bar.same("database away: once it is back", endings(later), SERVED),
    ]


@contextlib.contextmanager
def _no_database(stage: Stage) -> Iterator[None]:
    """PostgreSQL lets nobody in to Airflow's database, and whoever was in goes; but for our own connection."""
    (((name, ours)),) = stage.database.execute("SELECT current_database(), pg_backend_pid()")
    with contextlib.closing(psycopg2.connect(stage.database.uri, dbname="template1")) as elsewhere:
        elsewhere.autocommit = True

        def allow(*, connections: bool) -> None:
            with elsewhere.cursor() as cursor:
                cursor.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {str(connections).lower()}')

        allow(connections=False)
        try:
            with elsewhere.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                    (name, ours),
                )
            yield
        finally:
            allow(connections=True)


def _longest(told: list[Told]) -> float:
    return max(one.seconds for one in told)
