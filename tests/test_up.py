"""`make up`: Airflow and the sandbox start together, say where they are, and stop together."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
import requests

from scripts.local_airflow import REPOSITORY


@pytest.mark.e2e
def test_make_up_says_the_url_and_the_login_and_stops_both_on_ctrl_c(tmp_path: pathlib.Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.up"], cwd=REPOSITORY, env=os.environ | {"LIVESTORM_DEMO_FOLDER": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as child:  # fmt: skip
        bound = threading.Timer(180, child.kill)
        bound.start()
        try:
            assert child.stdout is not None
            said = ""
            for line in child.stdout:
                said += line
                if "Ctrl-C stops both" in line:
                    break
            found = re.search(r"Airflow +(\S+) +user admin, password (\S+)\nSandbox +(\S+) ", said)
            assert found, said
            airflow, password, sandbox = found.groups()
            login = {"username": "admin", "password": password}
            token = requests.post(f"{airflow}/auth/token", json=login, timeout=30).json()["access_token"]
            connection = requests.get(
                f"{airflow}/api/v2/connections/livestorm_default",
                headers={"Authorization": f"Bearer {token}"},
                timeout=30,
            ).json()
            assert connection["host"] == f"{sandbox}/v1"
            extra = json.loads(connection["extra"])
            assert extra["authorize_url"] == f"{sandbox}/oauth/authorize"
            told = requests.get(f"{sandbox}/_sandbox/credentials", timeout=30).json()
            assert told["redirect_uris"] == [f"{airflow}/livestorm/callback"], "Connect would not come back"
            child.send_signal(signal.SIGINT)
            child.wait(90)  # Airflow may take 20 s of them, the sandbox 30, before they are killed
            assert "Stopping" in child.stdout.read()
        finally:
            bound.cancel()
            child.kill()
    for url in (airflow, sandbox):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5)
