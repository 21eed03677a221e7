"""Rows into numbered files: `<stream>/<run>/part-00001.jsonl.gz`, and so on. Equal rows give equal bytes."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import IO, Any, Self

from airflow_provider_livestorm.api.rows import Column
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormDestinationError
from airflow_provider_livestorm.sync.formats import encoder_of
from airflow_provider_livestorm.sync.state import PartEntry
from airflow_provider_livestorm.sync.storage import StoragePath, failing_as_os_error, make_folder

__all__ = ["ROWS_PER_PART", "PartWriter"]

ROWS_PER_PART = 50_000
_BATCH = 500  # rows that are encoded at once


class PartWriter:
    """Writes the parts of one stream in one run.

    Args:
        root: the destination.
        stream: names the folder.
        run_id: of this run; no other run writes there.
        columns: of the rows, in their order.
        file_format: of `formats.FORMATS`.
        rows_per_part: after which a new part begins.

    Raises:
        LivestormConfigurationError: no such format, or no rows in a part.
    """

    def __init__(
        self,
        root: StoragePath,
        stream: str,
        run_id: str,
        columns: Sequence[Column],
        *,
        file_format: str = "jsonl.gz",
        rows_per_part: int = ROWS_PER_PART,
    ) -> None:
        if rows_per_part < 1:
            raise LivestormConfigurationError(f"rows_per_part is at least 1; got {rows_per_part}.")
        self._encoder = encoder_of(file_format)
        self._suffix = file_format
        self._root = root
        self._folder = (stream, run_id)
        self._columns = columns
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

    def append(self, rows: Iterable[Mapping[str, Any]], lines: Iterable[bytes] | None = None) -> None:
        """Write rows: a value for each column by its name, timestamps in UTC.

        Args:
            rows: to be written.
            lines: the same as JSON, where they were encoded already.

        Raises:
            LivestormDestinationError: the destination failed. The part that was open is given up.
        """
        rest, encoded = iter(rows), iter(lines or ())
        while True:
            room = min(self._rows_per_part - (self._part.rows if self._part else 0), _BATCH)
            batch = list(itertools.islice(rest, room))  # an error of the rows is not the destination's
            texts = list(itertools.islice(encoded, room))
            if not batch:
                return
            with self._failures():
                if self._part is None:
                    self._part = self._begin()
                self._part.write(batch, texts)
            if self._part.rows == self._rows_per_part:
                self.close()

    def close(self) -> None:
        """End the part that is open.

        Raises:
            LivestormDestinationError: the destination failed. The part is given up.
        """
        if self._part is not None:
            with self._failures():
                self.parts.append(self._part.close())
            self._part = None

    def remove(self) -> None:
        """Remove what was written; for a run that failed.

        Raises:
            LivestormDestinationError: not all of it could be removed.
        """
        self._give_up()
        left, self._begun = self._begun, []
        self.parts.clear()
        failed: OSError | None = None
        for path in left:
            try:
                with failing_as_os_error(), contextlib.suppress(FileNotFoundError):
                    path.unlink()
            except OSError as error:
                failed = error
        if failed is not None:
            raise LivestormDestinationError(
                f"{self._root} kept files of a run that failed, in {'/'.join(self._folder)}: {_reason(failed)}."
                " Remove them by hand, if the newest of _livestorm/manifests does not name them."
            ) from failed

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Give up the part under way whatever fails, so that no part that misses rows is ever listed."""
        try:
            with failing_as_os_error():
                yield
        except BaseException as error:
            self._give_up()
            if isinstance(error, OSError):
                raise LivestormDestinationError(
                    f"{self._root} could not take the rows of {self._folder[0]}: {_reason(error)}."
                ) from error
            raise

    def _give_up(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.give_up()

    def _begin(self) -> _Part:
        stream, run_id = self._folder
        name = f"part-{len(self.parts) + 1:05d}.{self._suffix}"
        folder = self._root / stream / run_id
        make_folder(folder)
        self._begun.append(folder / name)
        sink = _Counted((folder / name).open("wb"))
        return _Part(f"{stream}/{run_id}/{name}", sink, self._encoder(sink, self._columns))  # type: ignore[arg-type]


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


class _Part:
    """One file under way; its digest and size are of the bytes on disk."""

    def __init__(self, relative: str, sink: _Counted, encoder: Any) -> None:
        self._relative = relative
        self._sink = sink
        self._encoder = encoder
        self.rows = 0

    def write(self, rows: Sequence[Mapping[str, Any]], lines: Sequence[bytes]) -> None:
        self._encoder.write(rows, lines)
        self.rows += len(rows)

    def give_up(self) -> None:
        self._sink.give_up()

    def close(self) -> PartEntry:
        self._encoder.close()
        self._sink.file.close()
        return PartEntry(self._relative, self.rows, self._sink.size, self._sink.digest.hexdigest())


class _Counted:
    """A file that counts and digests what is written; the little of its interface that gzip and pyarrow need."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.size = 0
        self.digest = hashlib.sha256()
        self._given_up = False

    def give_up(self) -> None:
        """Close the file of a part that nobody will read."""
        self._given_up = True
        with contextlib.suppress(OSError), failing_as_os_error():
            self.file.close()

    def write(self, data: Any) -> int:
        if self._given_up:  # gzip and pyarrow write their ends when they are collected
            return len(data)
        content = bytes(data) if not isinstance(data, bytes) else data
        self.file.write(content)
        self.size += len(content)
        self.digest.update(content)
        return len(content)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        """The part closes the file: pyarrow would, before the last bytes are counted."""
