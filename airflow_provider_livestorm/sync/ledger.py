"""What is known of the published rows: one SQLite file beside the data, so that a run can tell what is new.

It holds no personal data but ids: a row's id, a digest of what was published, when it was registered. With it a list
that is read whole gives the rows that changed and those that are gone; a session whose state is the one at the last
reading need not be asked for; and it is remembered what this workspace's API was seen to do (`knowledge.py`).

One run works on a copy in a temporary folder, and publishes it together with its manifest.
"""

from __future__ import annotations

import gzip
import hashlib
import pathlib
import re
import shutil
import sqlite3
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from airflow_provider_livestorm.sync.waiting import WaitingRows

__all__ = ["HIDDEN", "Entry", "Gone", "KnownList", "Ledger", "digest"]

_FORMAT = 1
_BLOCK = 1 << 20  # bytes in memory at a time
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lists (
  id INTEGER PRIMARY KEY, stream TEXT, parent TEXT, read_at REAL, mark TEXT, rows INTEGER, UNIQUE (stream, parent));
CREATE TABLE IF NOT EXISTS rows (
  list INTEGER, id BLOB, digest BLOB, at INTEGER, fields TEXT, run INTEGER, PRIMARY KEY (list, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
"""

# The digest of a row that a filter leaves out: where it is wanted one day, it is new.
HIDDEN = b""

_encode = msgspec.json.Encoder().encode
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def digest(row: bytes) -> bytes:
    """Eight bytes that tell a row, as JSON, from what it was."""
    return hashlib.blake2b(row, digest_size=8).digest()


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A row as it comes: its id in the list, its digest, when it was registered (unix seconds), its answers' ids."""

    id: str
    digest: bytes
    at: int | None = None
    fields: str | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A row that was there and is not any more, or its earlier state: as `Entry`; and whether it was published."""

    id: str
    at: int | None
    fields: str | None
    was_shown: bool = True


@dataclass(frozen=True, slots=True)
class KnownList:
    """A list as it was last read: when (unix seconds), the caller's mark, the rows in it."""

    id: int
    parent: str
    read_at: float
    mark: Any
    rows: int


class Ledger:
    """The ledger of one destination; for one thread.

    Args:
        folder: a temporary one.
        packed: a file with the ledger as it was published; None for a new one.

    Attributes:
        waiting: rows that wait until all of their sources were read.

    Raises:
        ValueError: it can't be read.
    """

    def __init__(self, folder: pathlib.Path, packed: IO[bytes] | None = None) -> None:
        self._file = folder / "ledger.sqlite"
        try:
            if packed is not None:
                with gzip.GzipFile(fileobj=packed) as source, self._file.open("wb") as target:
                    shutil.copyfileobj(source, target, _BLOCK)
            self._db = sqlite3.connect(self._file, isolation_level=None)
            self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE;" + _SCHEMA)
            if packed is not None and self.fact("format") != _FORMAT:
                raise ValueError("it is of another version of this provider")
        except (sqlite3.DatabaseError, OSError, EOFError, zlib.error) as error:
            raise ValueError(f"it cannot be read ({error})") from error
        self.set_fact("format", _FORMAT)
        self._run = int(self.fact("run") or 0) + 1
        self.set_fact("run", self._run)
        self._db.execute("BEGIN")
        self._numbers: dict[str, int] = {}
        self._empty: set[int] = set()  # lists that had no rows when they were begun
        self.waiting = WaitingRows(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def pack(self, target: IO[bytes]) -> None:
        """Write the whole ledger into a file, to be published."""
        self._db.execute("COMMIT")
        self._db.execute("VACUUM")
        self._db.execute("BEGIN")
        with (
            self._file.open("rb") as source,
            gzip.GzipFile(filename="", mode="wb", fileobj=target, compresslevel=1, mtime=0) as packed,
        ):
            shutil.copyfileobj(source, packed, _BLOCK)

    # --- facts -----

    def fact(self, name: str) -> Any:
        """A fact by its name; None where it is not known."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return msgspec.json.decode(found[0]) if found else None

    def set_fact(self, name: str, value: Any) -> None:
        """Set a fact; any JSON value."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, _encode(value).decode()))

    def number(self, name: str) -> int:
        """A short number for a name that comes again and again."""
        found = self._numbers.get(name)
        if found is None:
            self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
            found = int(self._db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()[0])
            self._numbers[name] = found
        return found

    def name(self, number: int) -> str:
        """The name of a number."""
        return str(self._db.execute("SELECT name FROM names WHERE id = ?", (number,)).fetchone()[0])

    # --- lists -----

    def known(self, stream: str, parent: str = "") -> KnownList | None:
        """A list of a stream; None where it was never read."""
        found = self._db.execute(
            "SELECT id, parent, read_at, mark, rows FROM lists WHERE stream = ? AND parent = ?", (stream, parent)
        ).fetchone()
        return _known_list(found) if found else None

    def lists(self, stream: str) -> list[KnownList]:
        """All lists of a stream, the one first that was read longest ago."""
        return [
            _known_list(row)
            for row in self._db.execute(
                "SELECT id, parent, read_at, mark, rows FROM lists WHERE stream = ? ORDER BY read_at, parent", (stream,)
            )
        ]

    def count(self, stream: str) -> int:
        """Rows that are known of a stream."""
        found = self._db.execute("SELECT COALESCE(SUM(rows), 0) FROM lists WHERE stream = ?", (stream,)).fetchone()
        return int(found[0])

    def begin(self, stream: str, parent: str = "") -> int:
        """The id of a list, which is made where there was none."""
        self._db.execute(
            "INSERT OR IGNORE INTO lists (stream, parent, read_at, mark, rows) VALUES (?, ?, 0, 'null', 0)",
            (stream, parent),
        )
        number, rows = self._db.execute(
            "SELECT id, rows FROM lists WHERE stream = ? AND parent = ?", (stream, parent)
        ).fetchone()
        (self._empty.discard if rows else self._empty.add)(number)
        return int(number)

    def finish(self, number: int, *, read_at: float, mark: Any = None) -> None:
        """Note that a list was read whole, when and with which mark."""
        self._db.execute(
            "UPDATE lists SET read_at = ?, mark = ? WHERE id = ?", (read_at, _encode(mark).decode(), number)
        )

    def forget(self, stream: str, parent: str | None = None) -> list[Gone]:
        """Drop a stream's lists, or the one of a parent; returns the rows of that one."""
        gone: list[Gone] = []
        for known in self.lists(stream) if parent is None else filter(None, [self.known(stream, parent)]):
            if parent is not None:
                gone = list(self._rows(known.id))
            self._db.execute("DELETE FROM rows WHERE list = ?", (known.id,))
            self._db.execute("DELETE FROM lists WHERE id = ?", (known.id,))
        return gone

    # --- rows -----

    def compare(self, number: int, entries: Sequence[Entry]) -> list[tuple[bool, Gone | None]]:
        """Take in rows of a list; for each whether it is new or changed, and what was known of it.

        Args:
            number: of the list.
            entries: a page of them; a few hundred at most, and none that came since `begin`.
        """
        keys = [_pack(entry.id) for entry in entries]
        known: dict[bytes | str, tuple[bytes, int | None, str | None]] = {}
        if number not in self._empty:
            found = self._db.execute(
                f"SELECT id, digest, at, fields FROM rows WHERE list = ? AND id IN ({','.join('?' * len(keys))})",  # noqa: S608 - question marks
                (number, *keys),
            )
            known = {key: (was, at, fields) for key, was, at, fields in found}
        # sqlite3 takes a bytearray as it is; of bytes, and of None, it looks for an adapter first, which was a quarter
        # of this method's time.
        rows: list[tuple[Any, ...]] = [
            (number, key if isinstance(key, str) else bytearray(key), bytearray(one.digest), self._run, one.at)
            for key, one in zip(keys, entries, strict=True)
        ]
        if any(one.fields for one in entries):
            self._db.executemany(
                "INSERT OR REPLACE INTO rows (list, id, digest, run, at, fields) VALUES (?, ?, ?, ?, ?, ?)",
                [(*row, one.fields) for row, one in zip(rows, entries, strict=True)],
            )
        else:
            self._db.executemany("INSERT OR REPLACE INTO rows (list, id, digest, run, at) VALUES (?, ?, ?, ?, ?)", rows)
        self._count(number, len(keys) - len(known))
        if not known:
            return [(True, None)] * len(keys)
        told: list[tuple[bool, Gone | None]] = []
        for key, entry in zip(keys, entries, strict=True):
            was = known.get(key)
            before = Gone(entry.id, was[1], was[2], was[0] != HIDDEN) if was else None
            told.append((was is None or was[0] != entry.digest, before))
        return told

    def row(self, stream: str, parent: str, row_id: str) -> tuple[bytes, int | None] | None:
        """Digest and time of registration of a row; None where it is not known."""
        found = self._db.execute(
            "SELECT digest, at FROM rows JOIN lists ON lists.id = list WHERE stream = ? AND parent = ? AND rows.id = ?",
            (stream, parent, _pack(row_id)),
        ).fetchone()
        return (found[0], found[1]) if found else None

    def drop_row(self, stream: str, parent: str, row_id: str) -> None:
        """Forget one row."""
        if known := self.known(stream, parent):
            self._db.execute("DELETE FROM rows WHERE list = ? AND id = ?", (known.id, _pack(row_id)))
            self._count(known.id, -1)

    def sweep(self, number: int) -> list[Gone]:
        """After a list was read whole: its rows that did not come this time; they are forgotten."""
        gone = list(self._rows(number, self._run))
        if gone:
            self._db.execute("DELETE FROM rows WHERE list = ? AND run <> ?", (number, self._run))
            self._count(number, -len(gone))
        return gone

    def _count(self, number: int, more: int) -> None:
        if more:
            self._db.execute("UPDATE lists SET rows = rows + ? WHERE id = ?", (more, number))

    def _rows(self, number: int, but_run: int = 0) -> Iterator[Gone]:
        for key, at, fields, told in self._db.execute(
            "SELECT id, at, fields, digest FROM rows WHERE list = ? AND run <> ? ORDER BY id", (number, but_run)
        ):
            yield Gone(_unpack(key), at, fields, told != HIDDEN)

    def forget_time(self, stream: str, parent: str, row_id: str) -> None:
        """Forget when a row was registered: whatever comes for it now is newer."""
        if known := self.known(stream, parent):
            self._db.execute("UPDATE rows SET at = NULL WHERE list = ? AND id = ?", (known.id, _pack(row_id)))


def _known_list(row: tuple[Any, ...]) -> KnownList:
    number, parent, read_at, mark, rows = row
    return KnownList(number, parent, read_at, msgspec.json.decode(mark), rows)


def _pack(row_id: str) -> bytes | str:
    """An id as a key: the 16 bytes of a UUID as Livestorm writes it, or the text of any other."""
    return bytes.fromhex(row_id.replace("-", "")) if _UUID(row_id) else row_id


def _unpack(key: bytes | str) -> str:
    return key if isinstance(key, str) else str(uuid.UUID(bytes=key))
