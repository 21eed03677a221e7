"""How commands speak: results on standard output, as people or programs read them; all else on standard error."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from airflow.cli.simple_table import AirflowConsole
from airflow.utils.cli import suppress_logs_and_warning

from airflow_provider_livestorm.cli.definition import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_RETRY
from airflow_provider_livestorm.exceptions import LivestormError

__all__ = ["Answer", "answer_outcome", "answer_rows", "command", "hint", "moment"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to.

    Attributes:
        code: to exit with.
        show: prints it.
        hints: what to say to a person after it.
    """

    code: int
    show: Callable[[], None]
    hints: Sequence[str] = ()


def command(work: Callable[[Namespace], Answer]) -> Callable[[Namespace], None]:
    """Make a command of a function: an error of ours is one sentence, never a traceback; logs are not among results."""

    @suppress_logs_and_warning
    @functools.wraps(work)
    def run(args: Namespace) -> None:
        with _stdout_to_stderr():
            answer = _answer(work, args)
        answer.show()
        for text in answer.hints:
            hint(text)
        raise SystemExit(answer.code)

    return run


def _answer(work: Callable[[Namespace], Answer], args: Namespace) -> Answer:
    try:
        return work(args)
    except LivestormError as error:
        conn_id = getattr(args, "conn_id", None)
        return answer_outcome(args, conn_id, ok=False, message=str(error), retryable=error.retryable)
    except KeyboardInterrupt:
        return Answer(EXIT_INTERRUPTED, lambda: None, ["Interrupted."])


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Let whatever is written to standard output go to standard error, as Airflow's handlers do with `--verbose`.

    By descriptor: they keep the stream that they were made with.
    """
    try:
        descriptor, other = sys.stdout.fileno(), sys.stderr.fileno()
    except OSError:  # a stream in memory has none
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    sys.stdout.flush()
    kept = os.dup(descriptor)
    try:
        os.dup2(other, descriptor)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, descriptor)
        os.close(kept)


def answer_outcome(args: Namespace, conn_id: str | None, *, ok: bool, message: str, retryable: bool = False) -> Answer:
    """What came of an action, and its exit code.

    As JSON: `{"conn_id": ..., "ok": true, "message": "...", "retryable": false}`.
    """
    outcome = {"conn_id": conn_id, "ok": ok, "message": message, "retryable": retryable}

    def show() -> None:
        if args.output == "json":
            print(json.dumps(outcome))
        elif args.output in ("yaml", "plain"):
            AirflowConsole().print_as(data=[outcome], output=args.output)
        else:
            print(message, file=sys.stdout if ok else sys.stderr)

    return Answer(EXIT_OK if ok else EXIT_RETRY if retryable else EXIT_FAILED, show)


def answer_rows(
    args: Namespace, rows: Sequence[msgspec.Struct], shown: Callable[[Any], dict[str, str]], *, code: int = EXIT_OK
) -> Answer:
    """Things that are known: whole as JSON, a list in each case; else what people want to see of each.

    Args:
        args: of the command.
        rows: the things.
        shown: the columns of one, by name.
        code: to exit with.
    """

    def show() -> None:
        if args.output == "json":
            print(json.dumps([msgspec.to_builtins(row) for row in rows]))
        else:
            AirflowConsole().print_as(data=[shown(row) for row in rows], output=args.output)

    return Answer(code, show)


def hint(text: str) -> None:
    """Say something to a person, beside the result."""
    print(text, file=sys.stderr, flush=True)


def moment(at: float | None, otherwise: str = "") -> str:
    """A time in unix seconds, for people."""
    return otherwise if at is None else f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M} UTC"
