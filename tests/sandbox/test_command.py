"""The console command, and that a sandbox does not outlive whoever started it."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess

COMMAND = [str(pathlib.Path(sys.executable).with_name("airflow-livestorm")), "sandbox"]


def test_it_says_where_it_is_and_ends_on_ctrl_c() -> None:
    with subprocess.Popen([*COMMAND, "--port", "0", "--preset", "tiny"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = list(iter(child.stdout.readline, "Ctrl-C stops it.\n"))
        child.send_signal(signal.SIGINT)
        child.stdout.read()
        child.wait(10)
    assert lines[0] == "Livestorm sandbox, preset tiny, seed 1\n"
    assert re.fullmatch(r"  page         http://127\.0\.0\.1:\d+/_sandbox/\n", lines[1])
    assert lines[2].startswith("  API          http://127.0.0.1:")
    assert "client_secret" not in "".join(lines)


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr == f"airflow-livestorm sandbox: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize("arguments", [["--rotation", "sometimes"], ["--preset", "huge"], ["--token-life", "-1"]])
def test_a_wrong_option_is_refused(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "error" in done.stderr or "is one of" in done.stderr or "whole number" in done.stderr


def test_listening_on_all_addresses_is_warned_of() -> None:
    with subprocess.Popen(
        [*COMMAND, "--host", "0.0.0.0", "--port", "0", "--preset", "empty", "--ready-json"],  # noqa: S104
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        assert json.loads(child.stdout.readline())["url"].startswith("http://0.0.0.0:")
        assert child.stderr.readline().startswith("Warning: on 0.0.0.0 anyone who reaches this machine")
        child.terminate()


def test_it_ends_when_the_process_that_started_it_is_killed() -> None:
    code = (
        "from airflow_provider_livestorm.sandbox.process import SandboxProcess\n"
        "import sys\n"
        "with SandboxProcess(preset='empty') as sandbox:\n"
        "    print(sandbox.url, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        assert requests.get(url, timeout=10).ok
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as witness:
            os.kill(child.pid, signal.SIGKILL)
            witness.settimeout(20)
            assert witness.recv(1) == b"", "the sandbox still holds our connection open"


def test_ctrl_c_is_quiet_as_soon_as_it_says_that_it_is_ready() -> None:
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--preset", "empty", "--ready-json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, "")


def test_redirect_uris_may_be_named() -> None:
    named = ["http://127.0.0.1:1/a", "https://airflow.example/livestorm/callback"]
    with SandboxProcess(preset="empty", redirect_uris=named) as sandbox:
        assert sandbox.credentials()["redirect_uris"] == named
    with SandboxProcess(preset="empty") as sandbox:
        assert sandbox.credentials()["redirect_uris"] == [
            "http://127.0.0.1:8080/livestorm/callback", "http://localhost:8080/livestorm/callback",
        ]  # fmt: skip


@pytest.mark.parametrize(
    "uri",
    ["http://airflow.example/livestorm/callback", "https://airflow.example/#", "https://[", "/livestorm/callback"],
)
def test_a_redirect_uri_that_livestorm_would_not_register_is_refused(uri: str) -> None:
    done = subprocess.run([*COMMAND, "--redirect-uri", uri], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert f"{uri!r} is not https, or http on loopback, without a fragment" in done.stderr


def test_a_port_that_does_not_exist_is_refused() -> None:
    done = subprocess.run([*COMMAND, "--port", "70000"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_what_is_missing_is_named_with_the_command_that_installs_it() -> None:
    code = "import sys; sys.modules['uvicorn'] = None\nfrom airflow_provider_livestorm.sandbox.command import run\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(run([]))"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    expected = "uvicorn is missing: pip install 'airflow-provider-livestorm[sandbox]'\n"
    assert done.stderr == f"airflow-livestorm sandbox: {expected}"


def test_answers_do_not_wait_for_a_delayed_acknowledgement(sandbox: SandboxProcess) -> None:
    """Without TCP_NODELAY each answer with a body takes 40 ms, whatever the machine."""
    with requests.Session() as web:
        web.headers["Authorization"] = sandbox.credentials()["api_token"]
        begun = time.monotonic()
        for _ in range(20):
            assert web.get(f"{sandbox.api_url}/events", timeout=10).ok
    assert time.monotonic() - begun < 0.6
