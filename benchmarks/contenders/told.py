"""What a contender is told, and what it tells: one line of JSON on its stdout, which is no contender's log.

Standard library alone: each contender runs in an environment of its own. Time and CPU are counted from `Begun`, after
its imports, to the report.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
import time

__all__ = ["Begun", "arguments", "wait"]

SESSION = "00000000-0000-4000-8000-0000000005e5"


def arguments() -> argparse.Namespace:
    """The arguments of every contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True, help="of the API, with /v1")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for rows; kept between runs")
    parser.add_argument("--state", type=pathlib.Path, required=True, help="folder for whatever else is kept")
    parser.add_argument("--format", default="jsonl", help="of the files")
    parser.add_argument("--work", choices=("list", "workspace"), default="list", help="one long list, or three streams")
    parser.add_argument("--token", default="a.neutral.token", help="of the API, sent raw")
    parser.add_argument("--trusting", action="store_true", help="lean on the updated_at of a list's parent")
    parser.add_argument("--per-second", type=int, default=0, help="calls a second that there may be; 0: no limit")
    parser.add_argument("--token-url", default="", help="where tokens are refreshed")
    parser.add_argument("--credential", default="", help="a file with the tokens, or the id of a connection")
    parser.add_argument("--lock", action="store_true", help="one process at a time may refresh")
    return parser.parse_args()


def wait() -> None:
    """Say that all is imported, and wait to be let loose together with the others."""
    os.write(_stdout, b"ready\n")
    sys.stdin.readline()


class Begun:
    """The work begins."""

    def __init__(self) -> None:
        self._at, self._cpu = time.monotonic(), _cpu()

    def report(self, rows: int) -> None:
        """The work is done: seconds, CPU seconds (this process and its children), MiB at its own peak, rows."""
        # Not getrusage, whose peak begins with that of the process which started this one.
        status = pathlib.Path("/proc/self/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        told = {"seconds": time.monotonic() - self._at, "cpu": _cpu() - self._cpu, "peak": peak, "rows": rows}
        os.write(_stdout, (json.dumps(told) + "\n").encode())


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


# Whatever else is printed goes to stderr.
_stdout = os.dup(1)
os.dup2(2, 1)
