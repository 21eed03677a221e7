"""Rows into numbered files."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import pathlib

import pytest

from airflow_provider_livestorm.exceptions import LivestormDestinationError
from airflow_provider_livestorm.sync.writers import ListBuffer, PartWriter


def write(root: pathlib.Path, rows: list[dict[str, object]], *, rows_per_part: int = 3) -> PartWriter:
    writer = PartWriter(root, "events", "run", rows_per_part=rows_per_part)
    with writer, ListBuffer() as buffer:
        for row in rows:
            buffer.add(row)
        writer.append(buffer)
    return writer


@pytest.mark.parametrize(("rows", "parts"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])])
def test_parts_are_numbered_and_full_but_for_the_last(tmp_path: pathlib.Path, rows: int, parts: list[int]) -> None:
    writer = write(tmp_path, [{"id": str(number)} for number in range(rows)])

    assert [part.rows for part in writer.parts] == parts
    names = [f"events/run/part-{number:05d}.jsonl.gz" for number in range(1, len(parts) + 1)]
    assert [part.path for part in writer.parts] == names
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.gz")) == names


def test_the_entry_tells_the_size_and_digest_of_the_bytes_on_disk(tmp_path: pathlib.Path) -> None:
    (part,) = write(tmp_path, [{"id": "é", "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "none": None}]).parts

    content = (tmp_path / part.path).read_bytes()

    assert part.bytes == len(content)
    assert part.sha256 == hashlib.sha256(content).hexdigest()
    assert json.loads(gzip.decompress(content)) == {"id": "é", "at": "2026-01-02T00:00:00Z", "none": None}


def test_equal_rows_give_equal_bytes(tmp_path: pathlib.Path) -> None:
    rows: list[dict[str, object]] = [{"id": "1"}, {"id": "2"}]
    one, other = write(tmp_path / "one", rows), write(tmp_path / "other", rows)
    assert one.parts == other.parts


def test_a_cleared_list_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    writer = PartWriter(tmp_path, "events", "run")
    with writer, ListBuffer() as buffer:
        buffer.add({"id": "of the first reading, which was not whole", "long": "x" * 1000})
        buffer.clear()
        buffer.add({"id": "1"})
        writer.append(buffer)
    assert gzip.decompress((tmp_path / writer.parts[0].path).read_bytes()) == b'{"id":"1"}\n'


def test_a_long_list_waits_on_disk_and_still_lands_whole(tmp_path: pathlib.Path) -> None:
    rows: list[dict[str, object]] = [{"id": number, "text": "x" * 10_000} for number in range(600)]  # 6 MB
    (part,) = write(tmp_path, rows, rows_per_part=1000).parts
    lines = gzip.decompress((tmp_path / part.path).read_bytes()).splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(600))


def test_removing_takes_every_part_away(tmp_path: pathlib.Path) -> None:
    writer = write(tmp_path, [{"id": str(number)} for number in range(7)])
    writer.remove()
    assert list(tmp_path.rglob("*.gz")) == []


def test_a_destination_that_cannot_take_the_rows_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "events").write_text("a file where the folder of the stream belongs")
    with pytest.raises(LivestormDestinationError, match="could not take the rows of events"):
        write(tmp_path, [{"id": "1"}])
