"""`streams`, `plan` and `find_person`: what there is to pull, what it takes, and where somebody is in it."""

from __future__ import annotations

import sys
from argparse import Namespace

import msgspec
from airflow.providers.common.compat.sdk import Variable

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.cli.definition import EXIT_OK
from airflow_provider_livestorm.cli.output import Answer, answer_rows, command, hint
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.operators.parameters import storage_path
from airflow_provider_livestorm.sync.erasure import find_person as found_person
from airflow_provider_livestorm.sync.planner import plan as planned
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination

__all__ = ["find_person", "plan", "streams"]


class StreamOfCatalogue(msgspec.Struct, frozen=True):
    """What `streams --output json` tells of a stream; `columns` maps a column to what it holds."""

    stream: str
    about: str
    key: list[str]
    cursor: str | None
    scope: str
    calls: str
    columns: dict[str, str]


class CallsOfStream(msgspec.Struct, frozen=True):
    """What `plan --output json` tells of a stream: calls at least, at most, and what for."""

    stream: str
    least: int
    most: int
    why: str


@command
def streams(args: Namespace) -> Answer:
    """The catalogue."""
    found = [
        StreamOfCatalogue(
            one.name,
            one.about,
            list(one.key),
            one.cursor,
            one.scope,
            one.calls,
            {column.name: column.kind for column in one.rows.columns},
        )
        for one in CATALOGUE.values()
    ]
    return answer_rows(args, found, _shown)


def _shown(one: StreamOfCatalogue) -> dict[str, str]:
    return {
        "stream": one.stream,
        "key": ", ".join(one.key),
        "cursor": one.cursor or "",
        "scope": one.scope,
        "calls": one.calls,
    }


@command
def plan(args: Namespace) -> Answer:
    """The forecast of a run."""
    todo = planned(args.stream or ["all"], mode=args.mode)
    destination = Destination(storage_path(args.destination))
    with LivestormHook(args.conn_id).get_conn() as client:
        made = SyncRunner(client, destination, todo, source=args.conn_id).plan()
    if args.output == "table":

        def show() -> None:
            for line in made.lines():
                print(line)

        return Answer(EXIT_OK, show)
    rows = [CallsOfStream(one.stream, one.least, one.most, one.why) for one in made.streams]
    return answer_rows(args, rows, lambda one: {name: str(value) for name, value in msgspec.to_builtins(one).items()})


@command
def find_person(args: Namespace) -> Answer:
    """Where a person is in a destination; the address comes by standard input, so that no process list shows it."""
    key = Variable.get(args.hash_key_variable, None)
    if not key:
        raise LivestormConfigurationError(f"There is no Airflow Variable {args.hash_key_variable!r}, or it is empty.")
    if sys.stdin.isatty():
        hint("Address:")
    email = sys.stdin.readline().strip()
    if not email:
        raise LivestormConfigurationError("No address came on standard input.")
    found = found_person(Destination(storage_path(args.destination)), email, str(key))
    return answer_rows(
        args, found, lambda one: {"stream": one.stream, "file": one.file, "rows": ", ".join(map(str, one.rows))}
    )
