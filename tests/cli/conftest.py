"""An Airflow of its own for the command line: a SQLite metadata database, in a process that commands are run in."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow, free_port

# Runs commands one after the other, as each start of Python with Airflow takes seconds: what it reads is a list of
# arguments and what is typed, what it writes is the exit code and the two outputs.
_SHELL = """
import contextlib, io, json, os, sys
os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
from airflow_provider_livestorm.cli import main
answers, sys.stdout = sys.stdout, sys.stderr
for line in iter(sys.stdin.readline, ""):
    asked = json.loads(line)
    out, err = io.StringIO(), io.StringIO()
    class Told(io.StringIO):
        def write(self, text):
            err.write(text)
            print(json.dumps({"said": text}), file=answers, flush=True)
            return len(text)
    class Person(io.StringIO):
        def readline(self):
            return json.loads(control.readline())["typed"]
    control, sys.stdin = sys.stdin, Person() if asked["typed"] is None else io.StringIO(asked["typed"])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(Told()):
        code = main(asked["argv"])
    sys.stdin = control
    print(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}), file=answers, flush=True)
"""


@dataclass
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Runs commands."""

    def __init__(self, airflow: LocalAirflow, sandbox: SandboxProcess, callback: str) -> None:
        self.airflow = airflow
        self.sandbox = sandbox
        self.callback = callback
        with (airflow.home / "shell.log").open("w") as log:
            self._child = subprocess.Popen(
                [str(airflow.interpreter), "-c", _SHELL], env=airflow.env, text=True, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip

    def close(self) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait(60)

    def type(self, text: str) -> None:
        """Type a line into a command that `run_until_url` began."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"typed": f"{text}\n"}) + "\n")
        self._child.stdin.flush()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._child.send_signal(signal.SIGINT)

    def begin(self, *argv: str, typed: str | None = "") -> Iterator[str]:
        """What a command says on standard error, as it says it; then `end` gives the rest."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps({"argv": list(argv), "typed": typed}) + "\n")
        self._child.stdin.flush()
        for line in self._child.stdout:
            told = json.loads(line)
            if "code" in told:
                self._done = Done(**told)
                return
            yield told["said"]
        raise AssertionError((self.airflow.home / "shell.log").read_text()[-3000:])

    def end(self, rest: Iterator[str]) -> Done:
        for _ in rest:
            pass
        return self._done

    def run(self, *argv: str, typed: str = "") -> Done:
        """A whole command."""
        return self.end(self.begin(*argv, typed=typed))

    def run_until_url(self, *argv: str) -> tuple[str, Iterator[str]]:
        """A command up to where it has said which URL a person is to open, and the rest; it reads what is typed."""
        rest = self.begin(*argv, typed=None)
        said = ""
        for text in rest:
            said += text
            found = [word for word in said.split() if word.startswith(self.sandbox.authorize_url)]
            if found and said.endswith("\n"):
                return found[0], rest
        raise AssertionError(said)


@pytest.fixture(scope="package")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    callback = f"http://127.0.0.1:{free_port()}/callback"
    with contextlib.ExitStack() as running:
        airflow = LocalAirflow(tmp_path_factory.mktemp("command-line"))
        page_callback = f"{airflow.url}/livestorm/callback"
        sandbox = running.enter_context(
            SandboxProcess(preset="empty", interval_limit=0, rotation="strict", redirect_uris=[callback, page_callback])
        )
        airflow.migrate()
        credentials = sandbox.credentials()
        urls = {"token_url": sandbox.token_url, "authorize_url": sandbox.authorize_url}
        oauth = {
            "conn_type": "livestorm", "host": sandbox.api_url, "login": credentials["client_id"],
            "password": credentials["client_secret"], "extra": json.dumps(urls),
        }  # fmt: skip
        airflow.put_connection(conn_id="conn", **oauth)
        airflow.settings["AIRFLOW_CONN_BY_TOKEN"] = json.dumps(
            {"conn_type": "livestorm", "host": sandbox.api_url, "password": credentials["api_token"]}
        )
        airflow.settings["AIRFLOW_CONN_BROKEN"] = json.dumps({"conn_type": "livestorm", "login": "client"})
        shell = Shell(airflow, sandbox, callback)
        running.callback(shell.close)
        yield shell


def agree(url: str, decision: str = "authorize") -> str:
    """Decide at Livestorm; the URL that a browser is sent back to."""
    asked = dict(parse_qsl(urlsplit(url).query))
    answer = requests.post(
        url.partition("?")[0], data={**asked, "decision": decision}, timeout=30, allow_redirects=False
    )
    return str(answer.headers["Location"])
