"""Scenario C taken apart: what each step of the operator's way takes for a row, one page at a time, in one process."""

from __future__ import annotations

import datetime as dt
import pathlib
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.json_api import decode_document
from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.api.transport import Transport
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.sync.journal import Journal
from airflow_provider_livestorm.sync.ledger import Entry, Ledger, digest
from airflow_provider_livestorm.sync.planner import plan
from airflow_provider_livestorm.sync.privacy import Privacy
from airflow_provider_livestorm.sync.reader import scrubbed
from airflow_provider_livestorm.sync.sink import NullWriter, Sink, columns_of
from airflow_provider_livestorm.sync.writers import PartWriter
from benchmarks.neutral import Neutral
from benchmarks.workspace import SESSION

__all__ = ["STAGES", "measure"]

_STREAM, _ROWS, _PAGE = "session_people", 10_000, 50
_PATH = f"/sessions/{SESSION}/people"
STAGES = {
    "call": "send the call and read the answer",
    "client": "all that the client does for a call: the call, pace, quota, decoding",
    "decode": "JSON to resources",
    "scrub": "drop what opens a door, before anything is kept",
    "journal": "keep the page, so that a run that is killed goes on from here",
    "rows": "resources to flat typed rows",
    "privacy and JSON": "leave out and hash columns; encode",
    "digest": "what tells a row from its former self",
    "ledger": "compare with what was published, and remember",
    "jsonl": "write and digest the file",
    "jsonl.gz": "the same, compressed",
    "csv": "encode, write and digest",
    "parquet": "gather columns, encode, write and digest",
}
ResultT = TypeVar("ResultT")


def measure(neutral: Neutral, repeats: int) -> dict[str, Any]:
    """Microseconds a row for each of `STAGES`: the figure of each repeat."""
    figures: dict[str, list[float]] = defaultdict(list)
    neutral.set(rows=_ROWS)
    for number in range(repeats + 1):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            spent = _once(neutral, pathlib.Path(folder))
        if number:  # the first warms up
            for name, seconds in spent.items():
                figures[name].append(round(seconds / _ROWS * 1e6, 2))
    return {
        name: {"runs": figures[name], "median": statistics.median(figures[name]), "what": what}
        for name, what in STAGES.items()
    }


def _once(neutral: Neutral, folder: pathlib.Path) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, work: Callable[..., ResultT], *arguments: Any) -> ResultT:
        began = time.perf_counter()
        result = work(*arguments)
        spent[name] += time.perf_counter() - began
        return result

    made = plan([_STREAM], mode="cursor", privacy=Privacy(exclude=()))
    now = dt.datetime.now(dt.UTC)
    sink, columns = Sink(_STREAM, made, NullWriter(_STREAM), now), columns_of(_STREAM, made)
    journal = Journal(folder, "stages", 0, now=lambda: now)
    ledger, reader = Ledger(folder), CATALOGUE[_STREAM].rows
    number = ledger.begin(_STREAM, SESSION)
    writers = {name: PartWriter(folder, name, "run", columns, file_format=name) for name in list(STAGES)[-4:]}

    for page, body in enumerate(_bodies(neutral, spent)):
        document = timed("decode", partial(decode_document, what=_PATH), body)
        timed("scrub", scrubbed, document)
        timed("journal", journal.put, "list", page, document)
        rows = timed("rows", partial(reader.rows, parent=SESSION), document.many)
        shown = timed("privacy and JSON", list, map(sink.shown, rows))
        lines = [one.json for one in shown]
        digests = timed("digest", list, map(digest, lines))
        entries = [Entry(row["id"], told) for row, told in zip(rows, digests, strict=True)]
        timed("ledger", ledger.compare, number, entries)
        for name, writer in writers.items():
            timed(name, writer.append, [one.row for one in shown], lines)
    for name, writer in writers.items():
        timed(name, writer.close)
    ledger.close()
    with LivestormClient(ApiToken("a.neutral.token"), base_url=neutral.url) as client:
        timed("client", list, (page.number for page in client.paginate(_PATH)))
    return spent


def _bodies(neutral: Neutral, spent: dict[str, float]) -> Iterator[bytes]:
    transport = Transport(neutral.url, {}, (10.0, 60.0))
    for page in range(_ROWS // _PAGE):
        began = time.perf_counter()
        reply = transport.send("GET", _PATH, {"page[number]": str(page), "page[size]": str(_PAGE)}, None, "a.b.c")
        spent["call"] += time.perf_counter() - began
        yield reply.content
    transport.close()
