"""Rows into numbered files, in each format."""

from __future__ import annotations

import builtins
import csv
import datetime as dt
import errno
import gc
import gzip
import hashlib
import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pyarrow import parquet

from airflow_provider_livestorm.api.resources import SESSION_PEOPLE
from airflow_provider_livestorm.api.rows import Column
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormDestinationError
from airflow_provider_livestorm.sync.formats import FORMATS
from airflow_provider_livestorm.sync.writers import PartWriter

KINDS = ("text", "integer", "number", "boolean", "timestamp", "json")
COLUMNS = [Column("id", "text", ("id",)), *(Column(f"a_{kind}", kind, ("attributes", kind)) for kind in KINDS)]
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.UTC)
VALUES: list[dict[str, Any]] = [
    {"text": "", "integer": 0, "number": 0.0, "boolean": False, "timestamp": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)},
    {"text": None, "json": {"a": [1, None, {"b": "é\u2028"}]}},
    {"text": 'He said "no",\n<again> 👏', "integer": 2**63 - 1, "number": 0.1, "boolean": True, "timestamp": MOMENT},
    {"text": "=1+1", "integer": -(2**63), "number": -1e300, "json": []},
    {"text": "null", "json": "text"},
]


def rows(count: int = len(VALUES)) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        values = VALUES[number % len(VALUES)]
        found.append({"id": str(number), **{f"a_{kind}": values.get(kind) for kind in KINDS}})
    return found


def write(
    root: pathlib.Path, written: list[dict[str, Any]], *, rows_per_part: int = 3, file_format: str = "jsonl.gz"
) -> PartWriter:
    writer = PartWriter(root, "events", "run", COLUMNS, file_format=file_format, rows_per_part=rows_per_part)
    with writer:
        for start in range(0, len(written), 2):
            writer.append(iter(written[start : start + 2]))
    return writer


def read(path: pathlib.Path) -> list[dict[str, Any]]:
    """The rows of a file, by readers of other hands."""
    if ".jsonl" in path.suffixes:
        content = path.read_bytes()
        lines = (gzip.decompress(content) if path.suffix == ".gz" else content).split(b"\n")[:-1]
        found = [json.loads(line) for line in lines]
        for row in found:
            row["a_timestamp"] = _moment(row["a_timestamp"])
        return found
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        return [
            {**row, "a_json": None if row["a_json"] is None else json.loads(row["a_json"])} for row in table.to_pylist()
        ]
    with path.open(newline="", encoding="utf-8") as file:
        return [_from_csv(row) for row in csv.DictReader(file)]


def _from_csv(row: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "a_text": row["a_text"],  # the csv module cannot tell "" from nothing; the bytes can: see below
        "a_integer": int(row["a_integer"]) if row["a_integer"] else None,
        "a_number": float(row["a_number"]) if row["a_number"] else None,
        "a_boolean": {"true": True, "false": False, "": None}[row["a_boolean"]],
        "a_timestamp": _moment(row["a_timestamp"]),
        "a_json": json.loads(row["a_json"]) if row["a_json"] else None,
    }


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_kind_of_value_comes_back_as_it_was(tmp_path: pathlib.Path, file_format: str) -> None:
    writer = write(tmp_path, rows(), file_format=file_format, rows_per_part=100)
    expected = rows()
    if file_format == "csv":
        expected = [{**row, "a_text": row["a_text"] or ""} for row in expected]
    assert read(tmp_path / writer.parts[0].path) == expected


def test_csv_tells_an_empty_text_from_null(tmp_path: pathlib.Path) -> None:
    (part,) = write(tmp_path, [{**rows()[0]}, {**rows()[1], "a_json": {"a": [None, 'b"']}}], file_format="csv").parts
    assert (tmp_path / part.path).read_text(encoding="utf-8").split("\n") == [
        '"id","a_text","a_integer","a_number","a_boolean","a_timestamp","a_json"',
        '"0","",0,0.0,false,2026-01-02T00:00:00Z,',
        '"1",,,,,,"{""a"":[null,""b\\""""]}"',
        "",
    ]


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(("count", "parts"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])])
def test_parts_are_numbered_and_full_but_for_the_last(
    tmp_path: pathlib.Path, file_format: str, count: int, parts: list[int]
) -> None:
    writer = write(tmp_path, rows(count), file_format=file_format)

    assert [part.rows for part in writer.parts] == parts
    names = [f"events/run/part-{number:05d}.{file_format}" for number in range(1, len(parts) + 1)]
    assert [part.path for part in writer.parts] == names
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("part-*")) == names
    assert [row["id"] for name in names for row in read(tmp_path / name)] == [row["id"] for row in rows(count)]


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_entry_tells_the_size_and_digest_of_the_bytes_on_disk(tmp_path: pathlib.Path, file_format: str) -> None:
    (part,) = write(tmp_path, rows(3), file_format=file_format).parts
    content = (tmp_path / part.path).read_bytes()
    assert part.bytes == len(content)
    assert part.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("file_format", FORMATS)
def test_equal_rows_give_equal_bytes(tmp_path: pathlib.Path, file_format: str) -> None:
    one = write(tmp_path / "one", rows(40), file_format=file_format)
    other = write(tmp_path / "other", rows(40), file_format=file_format)
    assert one.parts == other.parts


@pytest.mark.parametrize("file_format", FORMATS)
def test_equal_rows_give_equal_bytes_however_they_are_portioned(tmp_path: pathlib.Path, file_format: str) -> None:
    found = set()
    for portion in (1, 7, 499, 1200):
        folder = tmp_path / str(portion)
        with PartWriter(folder, "events", "run", COLUMNS, file_format=file_format, rows_per_part=1100) as writer:
            for start in range(0, 1200, portion):
                writer.append(rows(1200)[start : start + portion])
        found.add(tuple(part.sha256 for part in writer.parts))
    assert [len(digests) for digests in found] == [2]


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_row_is_told_by_the_columns_alone_and_in_their_order(tmp_path: pathlib.Path, file_format: str) -> None:
    shuffled = [{"left_out": "private", **dict(reversed(row.items()))} for row in rows(3)]
    plain = write(tmp_path / "plain", rows(3), file_format=file_format)
    assert write(tmp_path / "shuffled", shuffled, file_format=file_format).parts == plain.parts


@pytest.mark.parametrize("file_format", FORMATS)
def test_whole_numbers_of_any_size_come_back_in_json(tmp_path: pathlib.Path, file_format: str) -> None:
    (row,) = rows(1)
    (part,) = write(tmp_path, [{**row, "a_json": {"n": -(10**40)}}], file_format=file_format).parts
    assert read(tmp_path / part.path)[0]["a_json"] == {"n": -(10**40)}


def test_parquet_has_the_catalogues_types_also_where_all_is_null(tmp_path: pathlib.Path) -> None:
    columns = SESSION_PEOPLE.rows.columns
    with PartWriter(tmp_path, "session_people", "run", columns, file_format="parquet") as writer:
        writer.append([dict.fromkeys(column.name for column in columns)])
    schema = parquet.read_schema(tmp_path / writer.parts[0].path)
    types = {
        "text": "string", "integer": "int64", "number": "double", "boolean": "bool",
        "timestamp": "timestamp[us, tz=UTC]", "json": "string",
    }  # fmt: skip
    assert {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)} == {
        column.name: types[column.kind] for column in columns
    }


def test_parquet_keeps_its_row_groups_small(tmp_path: pathlib.Path) -> None:
    (part,) = write(tmp_path, rows(25_000), file_format="parquet", rows_per_part=50_000).parts
    assert [parquet.ParquetFile(tmp_path / part.path).metadata.row_group(number).num_rows for number in range(3)] == [
        10_000,
        10_000,
        5000,
    ]


@pytest.mark.parametrize("file_format", FORMATS)
def test_removing_takes_every_part_away(tmp_path: pathlib.Path, file_format: str) -> None:
    writer = PartWriter(tmp_path, "events", "run", COLUMNS, file_format=file_format, rows_per_part=3)
    writer.append(rows(7))
    writer.remove()
    assert list(tmp_path.rglob("part-*")) == []


def test_a_destination_that_cannot_take_the_rows_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "events").write_text("a file where the folder of the stream belongs")
    with pytest.raises(LivestormDestinationError, match="could not take the rows of events"):
        write(tmp_path, rows(1))


class Filling(type(pathlib.Path())):  # type: ignore[misc]
    """A path on a disk that takes no byte as long as it is full."""

    full = False

    def open(self, *how: Any, **more: Any) -> Any:
        file = super().open(*how, **more)
        write = file.write

        def limited(content: bytes) -> int:
            if Filling.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(content)  # type: ignore[no-any-return]

        return _Limited(file, limited)


class _Limited:
    def __init__(self, file: Any, write: Any) -> None:
        self.write, self.close, self.flush = write, file.close, file.flush


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_part_that_misses_rows_is_never_listed_and_can_be_removed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    writer = PartWriter(Filling(tmp_path), "events", "run", COLUMNS, file_format=file_format)
    writer.append(rows(3))
    monkeypatch.setattr(Filling, "full", True)
    with pytest.raises(LivestormDestinationError, match="No space left on device"):
        writer.append(rows(40_000))  # so many that what is compressed or gathered must go
    monkeypatch.setattr(Filling, "full", False)  # someone made room
    writer.close()
    assert writer.parts == []

    writer.remove()
    assert list(tmp_path.rglob("part-*")) == []


def test_a_part_whose_end_does_not_fit_is_not_listed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = PartWriter(Filling(tmp_path), "events", "run", COLUMNS, file_format="parquet")
    writer.append(rows(3))
    monkeypatch.setattr(Filling, "full", True)
    with pytest.raises(LivestormDestinationError, match="No space left on device"):
        writer.close()
    assert writer.parts == []


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_part_that_was_given_up_ends_in_silence(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    writer = PartWriter(tmp_path, "events", "run", COLUMNS, file_format=file_format)
    writer.append(rows(3))
    writer.remove()
    del writer
    gc.collect()  # gzip and pyarrow would write the end of the file now
    assert complaints == []


def test_an_error_of_the_rows_is_not_called_one_of_the_destination(tmp_path: pathlib.Path) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from rows(2)
        raise ConnectionError("Livestorm hung up")

    writer = PartWriter(tmp_path, "events", "run", COLUMNS)
    with pytest.raises(ConnectionError, match="hung up"), writer:
        writer.append(broken())


def test_removing_goes_on_where_one_part_stays(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = write(tmp_path, rows(7))
    unlink = pathlib.Path.unlink

    def stubborn(self: pathlib.Path, *more: Any) -> None:
        if self.name.startswith("part-00001"):
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(self, *more)

    (tmp_path / writer.parts[1].path).unlink()  # someone was faster
    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "unlink", stubborn)
        with pytest.raises(LivestormDestinationError, match=r"events/run: Permission denied\. .* if .* does not name"):
            writer.remove()
    assert [path.name for path in tmp_path.rglob("part-*")] == ["part-00001.jsonl.gz"]


def test_a_format_that_does_not_exist_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        LivestormConfigurationError, match=r"file_format is one of jsonl, jsonl\.gz, csv, parquet; got 'xml'"
    ):
        write(tmp_path, [], file_format="xml")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LivestormConfigurationError, match=r"pip install 'airflow-provider-livestorm\[parquet\]'"):
        write(tmp_path, [], file_format="parquet")
