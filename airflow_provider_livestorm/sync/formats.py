"""How rows become bytes: JSON Lines, CSV, Parquet. Equal rows give equal bytes, however they are portioned.

The bytes of gzip are zlib's and those of Parquet pyarrow's: another version of these may give others.
Called by `writers.py`. pyarrow is imported where Parquet is written, and nowhere else.
"""

from __future__ import annotations

import datetime as dt
import functools
import gzip
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Protocol

import msgspec

from airflow_provider_livestorm.api.attributes import picker
from airflow_provider_livestorm.api.rows import Column
from airflow_provider_livestorm.exceptions import LivestormConfigurationError

__all__ = ["FORMATS", "Encoder", "encoder_of"]

# Rows in a second of CPU time (encoding included) and MB, of the 95,427 rows of the sandbox's preset `real`, by zlib
# 1.2.13: level 1 gives 202,000 and 13.5; 3 gives 198,000 and 11.7; 6 gives 117,000 and 8.7; 9 gives 69,000 and 8.4.
# Rounds of one level differ by more than 1 and 3 do.
_GZIP_LEVEL = 3
_ROW_GROUP = 10_000  # rows of a row group of Parquet, which wait in memory
_ROW_BATCH = 500  # of which so many become columns at once

_encode = msgspec.json.Encoder().encode


class Encoder(Protocol):
    """Writes rows into one open file."""

    def write(self, rows: Sequence[Mapping[str, Any]], lines: Sequence[bytes] = ()) -> None:
        """Write rows; `lines` are the same as JSON, where that is there already."""

    def close(self) -> None:
        """Write what is left; the file itself stays open."""


class JsonLines:
    """One JSON object a line, of the columns in their order; timestamps as ISO 8601 in UTC."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        self._names = [column.name for column in columns]
        self._file = file

    def write(self, rows: Sequence[Mapping[str, Any]], lines: Sequence[bytes] = ()) -> None:
        """Write rows."""
        if not rows:
            return
        names = self._names
        if not lines or [*rows[0]] != names:  # rows that were encoded together are built alike
            lines = [_encode(row if [*row] == names else {name: row[name] for name in names}) for row in rows]
        self._file.write(b"\n".join([*lines, b""]))

    def close(self) -> None:
        """Nothing is left."""


class JsonLinesGzip(JsonLines):
    """The same, compressed."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        # No name and no time in the header: equal rows give equal bytes.
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=_GZIP_LEVEL)
        super().__init__(self._gzip, columns)  # type: ignore[arg-type]  # it is written to, and no more

    def close(self) -> None:
        """End the gzip member."""
        self._gzip.close()


class Csv:
    r"""RFC 4180 with a header, UTF-8, lines ended by \n.

    Text is quoted always and nothing else is, so that an empty text ("") differs from null (nothing). The csv module
    can write that from Python 3.12 on only. Values are what Livestorm sent: a text that a spreadsheet takes for a
    formula is left as it is, as data must come back as it was; import the column as text.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        self._file = file
        self._pick = picker([column.name for column in columns])
        self._told = [_CSV[column.kind] for column in columns]
        self._file.write(",".join(_texts([column.name for column in columns])).encode() + b"\n")

    def write(self, rows: Sequence[Mapping[str, Any]], lines: Sequence[bytes] = ()) -> None:
        """Write rows."""
        if rows:
            columns = zip(*map(self._pick, rows), strict=True)  # a column at a time: one call for many values
            texts = (told(values) for told, values in zip(self._told, columns, strict=True))
            self._file.write("\n".join([*map(",".join, zip(*texts, strict=True)), ""]).encode())

    def close(self) -> None:
        """Nothing is left."""


class Parquet:
    """Typed columns; JSON as text. The schema is that of the columns, also where all values are null."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        arrow, parquet = _pyarrow()
        types = {
            "text": arrow.string(),
            "integer": arrow.int64(),
            "number": arrow.float64(),
            "boolean": arrow.bool_(),
            "timestamp": arrow.timestamp("us", tz="UTC"),
            "json": arrow.string(),
        }
        self._arrow = arrow
        self._pick = picker([column.name for column in columns])
        self._is_json = [column.kind == "json" for column in columns]
        self._schema = arrow.schema([(column.name, types[column.kind]) for column in columns])
        self._out = arrow.PythonFile(file, mode="w")
        # The system's: the pool that pyarrow takes by itself reserves thirty MiB for what a row group needs.
        self._pool = arrow.system_memory_pool()
        self._writer = parquet.ParquetWriter(self._out, self._schema, compression="zstd", memory_pool=self._pool)
        self._rows: list[Mapping[str, Any]] = []
        self._batches: list[Any] = []

    def write(self, rows: Sequence[Mapping[str, Any]], lines: Sequence[bytes] = ()) -> None:
        """Write rows; up to a row group of them waits, as columns: as rows they would take many times the memory."""
        for row in rows:
            self._rows.append(row)
            if len(self._rows) == _ROW_BATCH:
                self._gather()
                if len(self._batches) * _ROW_BATCH == _ROW_GROUP:
                    self._flush()

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._gather()
        self._flush()
        self._writer.close()

    def _gather(self) -> None:
        if self._rows:
            columns = zip(self._schema, self._is_json, zip(*map(self._pick, self._rows), strict=True), strict=True)
            arrays = [
                self._arrow.array(_json_texts(values) if is_json else values, column.type, memory_pool=self._pool)
                for column, is_json, values in columns
            ]
            self._batches.append(self._arrow.record_batch(arrays, schema=self._schema))
            self._rows.clear()

    def _flush(self) -> None:
        if self._batches:
            # Always portioned alike, however the rows came: so are the pages of the file.
            self._writer.write_table(self._arrow.Table.from_batches(self._batches))
            self._batches.clear()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - heavy, and of an extra
        from pyarrow import parquet  # noqa: PLC0415 - likewise
    except ImportError:
        raise LivestormConfigurationError(
            "Parquet needs pyarrow: pip install 'airflow-provider-livestorm[parquet]'."
        ) from None
    return pa, parquet


def _texts(values: Sequence[str | None]) -> list[str]:
    return ["" if value is None else '"' + value.replace('"', '""') + '"' for value in values]


def _json_texts(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else _encode(value).decode() for value in values]


@functools.lru_cache(maxsize=4096)  # the times of rows that come together are often the same
def _moment(value: dt.datetime) -> str:
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


# How the values of a column are written.
_CSV: dict[str, Callable[[Sequence[Any]], list[str]]] = {
    "text": _texts,
    "integer": lambda values: ["" if value is None else str(value) for value in values],
    "number": lambda values: ["" if value is None else repr(value) for value in values],
    "boolean": lambda values: ["" if value is None else "true" if value else "false" for value in values],
    "timestamp": lambda values: ["" if value is None else _moment(value) for value in values],
    "json": lambda values: _texts(_json_texts(values)),
}
# The suffix of the files is the format's name.
FORMATS: dict[str, Callable[[IO[bytes], Sequence[Column]], Encoder]] = {
    "jsonl": JsonLines,
    "jsonl.gz": JsonLinesGzip,
    "csv": Csv,
    "parquet": Parquet,
}


def encoder_of(file_format: str) -> Callable[[IO[bytes], Sequence[Column]], Encoder]:
    """What makes the encoder of a format.

    Raises:
        LivestormConfigurationError: there is no such format, or what it needs is not installed.
    """
    if file_format not in FORMATS:
        raise LivestormConfigurationError(f"file_format is one of {', '.join(FORMATS)}; got {file_format!r}.")
    if file_format == "parquet":
        _pyarrow()
    return FORMATS[file_format]
