"""An api-server that is told to stop finishes the refresh it has begun: what was redeemed is stored."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys

import requests

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from scripts.local_airflow import free_port

SECRET = "the-client-secret-of-forty-characters-or-so"
SERVER = """
import pathlib, sys, time
import uvicorn
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentHere
from airflow_provider_livestorm.auth.token import TokenSet
from airflow_provider_livestorm.hooks.connection import ConnectionSettings
from airflow_provider_livestorm.plugin.token_broker import TokenBroker, create_app

folder, port, secret = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

class Lease:
    def stored(self, *, refused=None):
        return None

    def get(self, *, refused=None):
        (folder / "redeemed").touch()
        while not (folder / "go-on").exists():
            time.sleep(0.01)
        (folder / "stored").touch()
        return TokenSet("token")

settings = ConnectionSettings("conn", "client", secret)
broker = TokenBroker(settings=lambda _: settings, lease=lambda _: Lease(), proofs=SpentHere())
config = uvicorn.Config(create_app(broker), port=port, log_level="critical")
server = uvicorn.Server(config)

async def startup(sockets=None, begin=server.startup):
    await begin(sockets)
    print("up", flush=True)

server.startup = startup
server.run()
"""


def test_sigterm_during_a_refresh_waits_for_its_write(tmp_path: pathlib.Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path), str(port), SECRET], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "up\n"
            for _ in range(5):  # more than are let in at a time
                proof = sign_assertion(conn_id="conn", client_id="client", client_secret=SECRET)
                with requests.Session() as web:
                    answer = web.post(
                        f"http://127.0.0.1:{port}/connections/conn/access-token",
                        json={"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof}, timeout=10,
                    )  # fmt: skip
                assert answer.status_code == 202, "at once: nobody waits for Livestorm, nor for who was there before"
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(1)
            except subprocess.TimeoutExpired:
                pass
            else:
                raise AssertionError("it stopped amid the refresh")
            (tmp_path / "go-on").touch()
            server.wait(20)
        finally:
            server.kill()
    assert (tmp_path / "redeemed").exists()
    assert (tmp_path / "stored").exists()
