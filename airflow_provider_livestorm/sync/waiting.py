"""Rows that follow from several others: they wait until all of these were read, in a table of the run's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

__all__ = ["WaitingRows"]


class WaitingRows:
    """The rows that wait, by stream, parent and id; on disk, so that memory stays bounded.

    Args:
        db: where a temporary table of them is made.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._db.execute(
            "CREATE TEMP TABLE pending (stream TEXT, parent TEXT, id TEXT, at INTEGER, row BLOB,"
            " PRIMARY KEY (stream, parent, id)) WITHOUT ROWID"
        )

    def hold(self, stream: str, parent: str, row_id: str, at: int | None, row: Mapping[str, Any]) -> None:
        """Keep a row of a stream that is derived; of several with one id the latest by `at`, else the last."""
        self._db.execute(
            "INSERT INTO pending VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, row = excluded.row"
            " WHERE COALESCE(excluded.at, 0) >= COALESCE(at, 0)",
            (stream, parent, row_id, at, msgspec.msgpack.encode(row)),
        )

    def held(self, stream: str, parent: str, row_id: str) -> tuple[int | None, dict[str, Any]] | None:
        """One of the rows that wait, with its `at`."""
        found = self._db.execute(
            "SELECT at, row FROM pending WHERE stream = ? AND parent = ? AND id = ?", (stream, parent, row_id)
        ).fetchone()
        return (found[0], msgspec.msgpack.decode(found[1])) if found else None

    def rows(self, stream: str, parent: str | None = None) -> Iterator[tuple[str, int | None, dict[str, Any]]]:
        """The rows that wait, of all parents or of one: parent, `at`, row; in the order of their ids."""
        for of, at, row in self._db.execute(
            "SELECT parent, at, row FROM pending WHERE stream = ? AND (? IS NULL OR parent = ?) ORDER BY parent, id",
            (stream, parent, parent),
        ):
            yield of, at, msgspec.msgpack.decode(row)

    def let_go_row(self, stream: str, parent: str, row_id: str) -> None:
        """Forget one of the rows that wait."""
        self._db.execute("DELETE FROM pending WHERE stream = ? AND parent = ? AND id = ?", (stream, parent, row_id))

    def let_go(self, stream: str, parent: str | None = None) -> None:
        """Forget the rows that wait, of a stream or of one parent in it."""
        self._db.execute("DELETE FROM pending WHERE stream = ? AND (? IS NULL OR parent = ?)", (stream, parent, parent))
