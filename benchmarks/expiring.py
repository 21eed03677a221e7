"""Scenario F: the access token expires while eight processes pull a list with it, and its refresh token works once.

Eight processes of one contender share one credential, as its users would configure it, and are let loose together. Each
contender first runs with a token that lives, so that the token can be made to expire in the middle of its own calls.
One refresh is needed, and one is enough.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_livestorm.auth.token import TokenRecord, TokenSet
from benchmarks.field import Contender, command, interleaved, surroundings
from benchmarks.neutral import Neutral
from scripts.local_airflow import REPOSITORY
from trials.stage import Stage, stage

__all__ = ["CONTENDERS", "measure"]

PROCESSES = 8
LATENCY = 0.05  # seconds of each answer, the token endpoint's too
_LONG_LIFE = 7200  # seconds; Livestorm's own (api.md 1.2)
_PATIENCE = 300  # seconds until a run is given up
_CLIENT = {"login": "client", "password": "secret"}  # as `contenders/kept_token.py` has them
_BROKER = Contender(
    "livestorm, token broker", "expiring_livestorm", "", "asks the api-server, which alone refreshes, under a lease"
)
_METADATA_DB = Contender(
    "livestorm, metadata DB", "expiring_livestorm", "", "refreshes in the Connection's row, under a lease in it"
)
_FILE = "refreshes by itself; the tokens are in a file that all share, read anew before a refresh"
CONTENDERS = (
    Contender("requests, shared file", "expiring_requests", "plain", _FILE),
    Contender(
        "requests, shared file, lock", "expiring_requests", "plain", f"{_FILE}, under a lock of this machine",
        options=("--lock",),
    ),
    Contender("HttpOperator", "expiring_http_operator", "http", "sends the header in its Connection; never refreshes"),
    Contender("dlt", "expiring_dlt", "dlt", f"dlt's OAuth2ClientCredentials, derived from: {_FILE}"),
    Contender(
        "airbyte-cdk", "expiring_airbyte", "airbyte",
        "OAuthAuthenticator with refresh_token_updater: each process refreshes from the config that it was given",
    ),
    _BROKER,
    _METADATA_DB,
)  # fmt: skip


@dataclass(frozen=True)
class _Credential:
    """What the processes of a run share.

    Attributes:
        name: the file, or the id of the connection.
        env: more environment variables.
        configure: puts the first pair there; told when its access token expires (UTC unix seconds) and its life.
    """

    name: str
    env: dict[str, str]
    configure: Callable[[float, float], None]


def measure(
    repeats: int, neutral: Neutral, rows: int = 5_000, contenders: Sequence[Contender] = CONTENDERS
) -> dict[str, Any]:
    """The runs of each contender, and when its token was made to expire.

    Raises:
        RuntimeError: a contender did not get all rows with a token that lives.
    """
    with contextlib.ExitStack() as running:
        airflow = None
        if {_BROKER, _METADATA_DB} & set(contenders):
            base = running.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
            airflow = running.enter_context(stage(pathlib.Path(base), servers=1))
        lives: dict[str, float] = {}
        for contender, folder in interleaved(contenders, 1):
            told = _run(contender, neutral, folder, airflow, rows=rows, life=_LONG_LIFE)
            if told["finished"] != PROCESSES:
                raise RuntimeError(f"{contender.name}: {told['problem']}")
            lives[contender.name] = (told["first_call"] + told["last_call"]) / 2
        runs: dict[str, list[dict[str, Any]]] = {contender.name: [] for contender in contenders}
        for contender, folder in interleaved(contenders, repeats):
            told = _run(contender, neutral, folder, airflow, rows=rows, life=lives[contender.name])
            runs[contender.name].append(told)
            print(json.dumps({contender.name: told}), file=sys.stderr, flush=True)  # it takes long; keep what is done
    return {
        "processes": PROCESSES, "rows_each": rows, "latency": LATENCY, "refreshes_needed": 1, "token_lives": lives,
        "does": {contender.name: contender.does for contender in contenders}, "runs": runs,
    }  # fmt: skip


def _run(
    contender: Contender, neutral: Neutral, folder: pathlib.Path, airflow: Stage | None, *, rows: int, life: float
) -> dict[str, Any]:
    """Let the processes of a contender loose once; what became of them, and the server's counts."""
    credential = _credential(contender, neutral, folder, airflow)
    with contextlib.ExitStack() as running:
        crew = [
            running.enter_context(_Process(contender, neutral, folder / str(number), credential))
            for number in range(PROCESSES)
        ]
        for process in crew:
            process.wait_until_ready()
        until = time.time() + life
        credential.configure(until, life)
        neutral.set(rows=rows, latency=LATENCY, token_life=_LONG_LIFE, first_token_life=until - time.time())
        for process in crew:
            process.let_loose()
        got = [process.report() for process in crew]
        problems = [process.last_words() for process in crew if process.failed]
    counts = neutral.counts()
    named = ("refreshes", "spent_refresh_tokens", "unauthorized", "calls")
    finished = [told for told in got if told.get("rows") == rows]
    return {
        "finished": len(finished),
        "failed": PROCESSES - len(finished),
        "rows": sum(told["rows"] for told in finished),
        # Of the slowest that finished, to its last row: Airflow's modules take Python seconds to clear away.
        "seconds": max((told["seconds"] for told in finished), default=None),
        **{name: counts.get(name, 0) for name in named},
        "refreshes_to_limit": counts.get("refreshes", 0) / 1,
        "answered_with": counts["answered_with"],
        "first_call": counts["first_call"],
        "last_call": counts["last_call"],
        "problem": problems[0] if problems else None,
    }


class _Process:
    """One of the processes; use as a context manager."""

    def __init__(self, contender: Contender, neutral: Neutral, folder: pathlib.Path, credential: _Credential) -> None:
        folder.mkdir()
        self._words = folder / "stderr"
        with self._words.open("w") as words:
            self._process = subprocess.Popen(
                [
                    *command(contender, neutral.url, folder), "--token", "Bearer access-0",
                    "--token-url", neutral.token_url, "--credential", credential.name,
                ],
                env=surroundings(folder) | credential.env, cwd=folder, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def wait_until_ready(self) -> None:
        """Until it has imported everything."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"it did not start: {self.last_words()}")

    def let_loose(self) -> None:
        """Say go."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def report(self) -> dict[str, Any]:
        """Wait for its end; what `told.Begun.report` told, and nothing of one that failed: half a list is of no use."""
        told, _ = self._process.communicate(timeout=_PATIENCE)
        return {} if self.failed else dict(json.loads(told))

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self._process.returncode != 0

    def last_words(self) -> str:
        """What it said last on stderr; of one of Airbyte's messages, the sentence for people."""
        line = (self._words.read_text().strip().splitlines() or [""])[-1]
        with contextlib.suppress(ValueError, LookupError, TypeError):
            line = json.loads(line)["trace"]["error"]["message"]
        return str(line)[:400]


def _credential(contender: Contender, neutral: Neutral, folder: pathlib.Path, airflow: Stage | None) -> _Credential:
    if airflow is None or contender not in (_BROKER, _METADATA_DB):
        file = folder / "credential.json"

        def write(until: float, _: float) -> None:
            kept = {"access_token": "access-0", "refresh_token": "refresh-0", "expires_at": until}
            file.write_text(json.dumps(kept))

        return _Credential(str(file), {}, write)
    conn_id = f"expiring_{time.time_ns()}"  # each run its own: the api-server remembers what it spent
    members = {"conn_type": "livestorm", "host": neutral.url, **_CLIENT}
    env = airflow.servers[0].env | {"PYTHONPATH": str(REPOSITORY)}
    if contender == _BROKER:
        # Its process has the Connection from its environment, in the place of Airflow's supervisor, and no token.
        told = members | {"extra": {"token_url": neutral.token_url}}
        env |= {
            "_AIRFLOW_PROCESS_CONTEXT": "client", f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(told),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/airflow.db",
        }  # fmt: skip
    else:
        env |= {"_AIRFLOW_PROCESS_CONTEXT": "server"}
    return _Credential(conn_id, env, functools.partial(_connect, airflow, conn_id, members, neutral.token_url))


def _connect(airflow: Stage, conn_id: str, members: dict[str, str], token_url: str, until: float, life: float) -> None:
    """Save the connection as a refresh would have left it."""
    record = TokenRecord("refresh-0", TokenSet("access-0", until, lifetime=life))
    extra = json.dumps(record.into({"token_url": token_url}))
    airflow.api("POST", "/connections", json={"connection_id": conn_id, **members, "extra": extra})


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.expiring", description=__doc__)
    parser.add_argument("--only", choices=[one.name for one in CONTENDERS], action="append", help="this contender")
    parser.add_argument("--repeats", type=int, default=5, help="of each contender (default: 5)")
    parser.add_argument("--rows", type=int, default=5_000, help="in the list (default: 5000, 100 pages)")
    options = parser.parse_args()
    chosen = [one for one in CONTENDERS if not options.only or one.name in options.only]
    with Neutral() as neutral, contextlib.redirect_stdout(sys.stderr):  # PostgreSQL's wheel tells what it does
        figures = measure(options.repeats, neutral, options.rows, chosen)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
