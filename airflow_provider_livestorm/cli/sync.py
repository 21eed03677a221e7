"""`streams` and `plan`: what there is to pull, and what pulling it takes."""

from __future__ import annotations

from argparse import Namespace

import msgspec

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.cli.definition import EXIT_OK
from airflow_provider_livestorm.cli.output import Answer, answer_rows, command
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.operators.parameters import storage_path
from airflow_provider_livestorm.sync.planner import plan as planned
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination

__all__ = ["plan", "streams"]


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
