"""The console script on Airflow 2.11, which has no `airflow livestorm` and no page: connect, then see how it is."""

from __future__ import annotations

import json
import subprocess
from urllib.parse import parse_qsl, urlsplit

import requests

from tests.airflow2.conftest import Stack
from trials.row import Row


def command(stack: Stack, *arguments: str) -> list[str]:
    return [str(stack.airflow.interpreter.with_name("airflow-livestorm")), *arguments]


def run(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(stack, *arguments), env=stack.airflow.env, text=True, capture_output=True, timeout=120, check=False
    )


def test_a_person_connects_by_the_loopback_address(stack: Stack) -> None:
    arguments = (
        "connect",
        "livestorm_default",
        "--redirect-uri",
        stack.callback,
        "--timeout",
        "90",
        "--output",
        "json",
    )
    with subprocess.Popen(
        command(stack, *arguments), env=stack.airflow.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        url = next(line.strip() for line in child.stderr if line.strip().startswith(stack.sandbox.authorize_url))
        asked = dict(parse_qsl(urlsplit(url).query)) | {"decision": "authorize"}
        page = requests.post(url.partition("?")[0], data=asked, timeout=60)  # follows the way back, as a browser does
        assert "Connected as" in page.text
        said, _ = child.communicate(timeout=60)
    assert (child.returncode, json.loads(said)["ok"]) == (0, True)
    stored = Row(stack.database, "livestorm_default").read()
    assert stored["refresh_token"] == stack.sandbox.newest_refresh_token()

    done = run(stack, "status", "livestorm_default", "--output", "json")
    (status,) = json.loads(done.stdout)
    assert (done.returncode, status["state"]) == (0, "connected")
    assert sum(day["calls"] for day in status["calls"]) > 0


def test_logs_are_not_among_results(stack: Stack) -> None:
    """Airflow 2 writes them to standard output."""
    stack.sandbox.add_fault(path_prefix="/v1/me", status=503, body="html", times=1)
    done = run(stack, "test", "livestorm_default", "--verbose", "--output", "json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True)
    assert "try 1 failed" in done.stderr


def test_without_a_page_a_redirect_uri_must_be_named(stack: Stack) -> None:
    done = run(stack, "connect", "livestorm_default")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Airflow 2 has no page for Livestorm to send people back to: name one")
