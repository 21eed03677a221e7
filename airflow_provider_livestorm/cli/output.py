"""How commands speak: results on standard output, as people or programs read them; all else on standard error."""

from __future__ import annotations

import datetime as dt
import functools
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import msgspec
from airflow.cli.simple_table import AirflowConsole
from airflow.utils.cli import suppress_logs_and_warning

from airflow_provider_livestorm.cli.definition import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_RETRY
from airflow_provider_livestorm.exceptions import LivestormError

__all__ = ["command", "hint", "moment", "print_outcome", "print_rows"]


def command(work: Callable[[Namespace], int]) -> Callable[[Namespace], None]:
    """Make a command of a function that returns an exit code: an error of ours is one sentence, never a traceback."""

    @suppress_logs_and_warning
    @functools.wraps(work)
    def run(args: Namespace) -> None:
        try:
            code = work(args)
        except LivestormError as error:
            _fail(args, error)
        except KeyboardInterrupt:
            hint("Interrupted; nothing was stored.")
            code = EXIT_INTERRUPTED
        raise SystemExit(code)

    return run


def _fail(args: Namespace, error: LivestormError) -> NoReturn:
    conn_id = getattr(args, "conn_id", None)
    raise SystemExit(print_outcome(args, conn_id, ok=False, message=str(error), retryable=error.retryable))


def print_outcome(args: Namespace, conn_id: str | None, *, ok: bool, message: str, retryable: bool = False) -> int:
    """Print what came of an action; its exit code.

    As JSON: `{"conn_id": ..., "ok": true, "message": "...", "retryable": false}`.
    """
    outcome = {"conn_id": conn_id, "ok": ok, "message": message, "retryable": retryable}
    if args.output == "json":
        print(json.dumps(outcome))
    elif args.output in ("yaml", "plain"):
        AirflowConsole().print_as(data=[outcome], output=args.output)
    else:
        print(message, file=sys.stdout if ok else sys.stderr)
    return EXIT_OK if ok else EXIT_RETRY if retryable else EXIT_FAILED


def print_rows(args: Namespace, rows: Sequence[msgspec.Struct], shown: Callable[[Any], dict[str, str]]) -> None:
    """Print things that are known: whole as JSON, a list in each case; else what people want to see of each.

    Args:
        args: of the command.
        rows: the things.
        shown: the columns of one, by name.
    """
    if args.output == "json":
        print(json.dumps([msgspec.to_builtins(row) for row in rows]))
    else:
        AirflowConsole().print_as(data=[shown(row) for row in rows], output=args.output)


def hint(text: str) -> None:
    """Say something to a person, beside the result."""
    print(text, file=sys.stderr, flush=True)


def moment(at: float | None, otherwise: str = "") -> str:
    """A time in unix seconds, for people."""
    return otherwise if at is None else f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M} UTC"
