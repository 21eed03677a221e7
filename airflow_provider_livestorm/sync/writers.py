"""Rows into numbered files: JSON Lines, gzip. Equal rows give equal bytes.

A list lands whole or not at all: its rows wait in a `ListBuffer` until it is read to the end and counted, and only then
go into the part. Memory stays bounded: a long list waits on disk.
"""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from airflow_provider_livestorm.exceptions import LivestormDestinationError
from airflow_provider_livestorm.sync.state import PartEntry
from airflow_provider_livestorm.sync.storage import StoragePath

__all__ = ["ListBuffer", "PartWriter"]

ROWS_PER_PART = 50_000
_MEMORY = 4 * 1024 * 1024  # bytes of one list that wait in memory; the rest waits on disk

_encoder = msgspec.json.Encoder()


class ListBuffer:
    """The rows of one list, encoded, until the list is known to be whole."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115 - closed by __exit__
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; timestamps become ISO 8601 in UTC."""
        self._file.write(_encoder.encode(row) + b"\n")
        self.rows += 1

    def clear(self) -> None:
        """Forget the rows: the list is read again."""
        self._file.seek(0)
        self._file.truncate()
        self.rows = 0

    def lines(self) -> IO[bytes]:
        """The encoded rows, from the first."""
        self._file.seek(0)
        return self._file


class PartWriter:
    """Writes the parts of one stream in one run: `<stream>/<run_id>/part-00001.jsonl.gz`, and so on.

    Args:
        root: the destination.
        stream: names the folder.
        run_id: of this run; no other run writes there.
        rows_per_part: after which a new part begins.
    """

    def __init__(self, root: StoragePath, stream: str, run_id: str, *, rows_per_part: int = ROWS_PER_PART) -> None:
        self._root = root
        self._folder = (stream, run_id)
        self._rows_per_part = rows_per_part
        self._part: _Part | None = None
        self._begun: list[StoragePath] = []
        self.parts: list[PartEntry] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, rows: ListBuffer) -> None:
        """Write the rows of a whole list.

        Raises:
            LivestormDestinationError: the destination failed.
        """
        try:
            for line in rows.lines():
                if self._part is None:
                    self._part = self._begin()
                self._part.write(line)
                if self._part.rows == self._rows_per_part:
                    self.close()
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """End the part that is open."""
        part, self._part = self._part, None
        if part is not None:
            try:
                self.parts.append(part.close())
            except OSError as error:
                raise self._failed(error) from error

    def remove(self) -> None:
        """Remove what was written; for a run that failed."""
        try:
            self.close()
        finally:
            for path in self._begun:
                path.unlink()
            self._begun.clear()
            self.parts.clear()

    def _begin(self) -> _Part:
        stream, run_id = self._folder
        name = f"part-{len(self.parts) + 1:05d}.jsonl.gz"
        folder = self._root / stream / run_id
        folder.mkdir(parents=True, exist_ok=True)
        self._begun.append(folder / name)
        return _Part(folder / name, f"{stream}/{run_id}/{name}")

    def _failed(self, error: OSError) -> LivestormDestinationError:
        return LivestormDestinationError(
            f"{self._root} could not take the rows of {self._folder[0]}: {error.strerror or type(error).__name__}."
        )


class _Part:
    """One gzip file under way; its digest and size are of the bytes on disk."""

    def __init__(self, path: StoragePath, relative: str) -> None:
        self._relative = relative
        self._file = path.open("wb")
        self._sink = _Counted(self._file)
        # No name and no time in the header: equal rows give equal bytes.
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=self._sink, mtime=0)
        self.rows = 0

    def write(self, line: bytes) -> None:
        self._gzip.write(line)
        self.rows += 1

    def close(self) -> PartEntry:
        try:
            self._gzip.close()
        finally:
            self._file.close()
        return PartEntry(self._relative, self.rows, self._sink.size, self._sink.digest.hexdigest())


class _Counted:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.size += len(data)
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()
