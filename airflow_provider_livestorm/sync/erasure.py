"""Where a person is in a destination: for a request to erase, or to tell, what is kept of them.

Rows with an address have the column `email_hash` where the sync was given a key; by it the person's ids are found, and
by these all other rows that are theirs.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from airflow_provider_livestorm.sync.privacy import EMAIL_HASH, email_hash
from airflow_provider_livestorm.sync.state import Destination, PartEntry

__all__ = ["RowsOfPerson", "find_person"]

# The columns that name a person, by stream.
_PERSON = {
    "session_people": ("id",),
    "event_people": ("id",),
    "people": ("id",),
    "users": ("id",),
    "registration_answers": ("person_id",),
    "chat_messages": ("author_id",),
    "questions": ("question_author_id", "response_author_id"),
    "events": ("owner_id",),
}


class RowsOfPerson(msgspec.Struct, frozen=True):
    """Rows of one file that are a person's: their places in it, from 0."""

    stream: str
    file: str
    rows: list[int]


def find_person(destination: Destination, email: str, key: str) -> list[RowsOfPerson]:
    """The published rows of a person.

    Args:
        destination: that syncs wrote, with this key.
        email: the person's address, whatever its case.
        key: of the hashes.

    Raises:
        LivestormDestinationError: it cannot be read.
    """
    wanted = email_hash(email, key)
    parts = [
        (stream, part)
        for run in destination.published().runs
        for stream, entry in run.streams.items()
        for part in entry.files
        if stream in _PERSON
    ]
    persons: set[str] = set()
    for stream, part in parts:
        if stream in ("session_people", "event_people", "people", "users"):
            persons.update(row["id"] for row in _rows(destination, part) if row.get(EMAIL_HASH) == wanted)
    found: list[RowsOfPerson] = []
    for stream, part in parts if persons else ():
        rows = [
            place
            for place, row in enumerate(_rows(destination, part))
            if any(row.get(column) in persons for column in _PERSON[stream])
        ]
        if rows:
            found.append(RowsOfPerson(stream, part.path, rows))
    return found


def _rows(destination: Destination, part: PartEntry) -> Iterator[dict[str, Any]]:
    content = destination.path_of(part.path).read_bytes()
    if part.path.endswith((".jsonl", ".jsonl.gz")):
        file = io.BytesIO(content)
        with gzip.open(file) if part.path.endswith(".gz") else file as lines:
            for line in lines:
                yield msgspec.json.decode(line)
    elif part.path.endswith(".csv"):
        yield from csv.DictReader(io.StringIO(content.decode(), newline=""))
    else:
        from pyarrow import parquet  # noqa: PLC0415 - heavy, and of an extra

        file = parquet.ParquetFile(io.BytesIO(content))
        columns = [name for name in file.schema_arrow.names if name == EMAIL_HASH or name.endswith("id")]
        for batch in file.iter_batches(columns=columns):
            yield from batch.to_pylist()
