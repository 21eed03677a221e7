"""The field: who is measured, in which environment, and how one of them is run once."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.neutral import Neutral, environment
from scripts.local_airflow import REPOSITORY

__all__ = ["CLIENT", "FIELD", "JSON_LOOP", "MSGSPEC_LOOP", "OPERATOR", "Contender", "interleaved", "run"]

_CONTENDERS = pathlib.Path(__file__).parent / "contenders"
_PATIENCE = 1800  # seconds until a contender is given up
_LOOK = 0.2  # seconds between two looks at the memory of a contender's processes


@dataclass(frozen=True)
class Contender:
    """One way to get rows out of Livestorm into files.

    Attributes:
        name: in tables.
        script: of `contenders/`.
        environment: of `.bench/`; empty for the project's own.
        does: what it does more or less than the plain loop.
        file_format: that it writes.
        options: more arguments.
    """

    name: str
    script: str
    environment: str
    does: str
    file_format: str = "jsonl"
    options: tuple[str, ...] = ()


JSON_LOOP = Contender("requests, json", "requests_json", "plain", "rows as they came; nothing is kept between runs")
MSGSPEC_LOOP = Contender("requests, msgspec", "requests_msgspec", "plain", "the same: what Python can do at best")
HTTP_OPERATOR = Contender(
    "HttpOperator", "http_operator", "http", "rows as they came, all in memory at once; nothing is kept between runs"
)
_DLT = (
    "flat rows, typed as they come, lists in them as JSON; evolves a schema; keeps each load's package, and cursors in"
    " its state and beside the rows"
)
_AIRBYTE = "rows in Airbyte's messages with a schema check; keeps a cursor for each session"
DLT = Contender("dlt", "dlt_rest_api", "dlt", _DLT)
DLT_PARQUET = Contender("dlt, Parquet", "dlt_rest_api", "dlt", _DLT, "parquet")
AIRBYTE = Contender("airbyte-cdk", "airbyte_cdk_source", "airbyte", _AIRBYTE)
CLIENT = Contender(
    "livestorm client", "livestorm_client", "", "rows as they came; quota, pace, retries; nothing kept between runs"
)
_OPERATOR = (
    "flat typed rows without secrets; checks that lists are whole; keeps each answer until the run is published, and a"
    " ledger that tells new, changed and gone rows"
)
OPERATOR = Contender("livestorm operator", "livestorm_operator", "", _OPERATOR)
_GZIP, _CSV, _PARQUET = (
    Contender(f"{OPERATOR.name}, {name}", OPERATOR.script, "", _OPERATOR, file_format)
    for name, file_format in (("JSONL.gz", "jsonl.gz"), ("CSV", "csv"), ("Parquet", "parquet"))
)
# The operator's formats do not follow each other: ext4 keeps the inodes of thousands of files that were just removed,
# as its journal's are, from being taken again for half a minute, and looks for others so long in each new file.
FIELD = (
    OPERATOR, JSON_LOOP, MSGSPEC_LOOP, HTTP_OPERATOR, _CSV, CLIENT, DLT, _GZIP, DLT_PARQUET, _PARQUET, AIRBYTE,
)  # fmt: skip


def command(contender: Contender, url: str, folder: pathlib.Path, *, work: str = "list") -> list[str]:
    """The command that runs a contender once; its rows and its state are kept in the folder."""
    return [
        str(environment(contender.environment)), str(_CONTENDERS / f"{contender.script}.py"), "--url", url,
        "--out", str(folder / "rows"), "--state", str(folder / "state"), "--format", contender.file_format,
        "--work", work, *contender.options,
    ]  # fmt: skip


def surroundings(folder: pathlib.Path) -> dict[str, str]:
    """The environment variables of a contender: the project can be imported, and bytecode is kept as anywhere else."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **inherited,
        "PYTHONPATH": str(REPOSITORY),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


def run(
    contender: Contender, neutral: Neutral, folder: pathlib.Path, *, work: str = "list", serve: dict[str, Any]
) -> dict[str, Any]:
    """Run a contender once in a process of its own.

    Args:
        contender: which.
        neutral: the server, which is set anew for it.
        folder: its rows and state; what an earlier run left there counts as that.
        work: of `contenders/told.py`.
        serve: what the server is set to.

    Returns:
        what `told.Begun.report` told, the seconds of the whole process, and the server's counts.

    Raises:
        RuntimeError: it failed; its last words are in the message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    neutral.set(**serve)
    began = time.monotonic()
    with subprocess.Popen(
        command(contender, neutral.url, folder, work=work), env=surroundings(folder), cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        out, err, together = _watched(child)
    whole = time.monotonic() - began
    if child.returncode:
        raise RuntimeError(f"{contender.name} failed ({child.returncode}): {err[-2000:]}")
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return {**told, "peak": max(told["peak"], together), "whole": whole, **neutral.counts()}


def _watched(child: subprocess.Popen[str]) -> tuple[str, str, float]:
    """Wait for a contender; its stdout and stderr, and the most MiB that it and its own processes took together.

    Where it starts no process, the last is 0: a process knows its own peak better than one who looks now and then.
    """
    together, until = 0.0, time.monotonic() + _PATIENCE
    while True:
        try:
            out, err = child.communicate(timeout=_LOOK)
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                child.kill()
                raise
            family = [*_family(child.pid)]
            if len(family) > 1:
                together = max(together, sum(map(_proportional, family)))
        else:
            return out, err, together


def _family(pid: int) -> Iterator[int]:
    """A process and those that it started, and they."""
    yield pid
    with suppress(OSError):  # it ended meanwhile
        for thread in list(pathlib.Path(f"/proc/{pid}/task").iterdir()):
            with suppress(OSError):  # likewise
                for child in (thread / "children").read_text().split():
                    yield from _family(int(child))


def _proportional(pid: int) -> float:
    """MiB of a process, what it shares with others counted in part (PSS)."""
    with suppress(OSError):
        told = re.search(r"^Pss: +(\d+) kB$", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        return int(told[1]) / 1024 if told else 0.0
    return 0.0


def interleaved(contenders: Sequence[Contender], repeats: int) -> Iterator[tuple[Contender, pathlib.Path]]:
    """Each contender in turn, so many times, with an empty folder; each round begins with another one."""
    for number in range(repeats):
        begin = number % len(contenders)
        for contender in (*contenders[begin:], *contenders[:begin]):
            with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                yield contender, pathlib.Path(folder)
