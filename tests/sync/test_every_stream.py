"""One suite over every stream of the catalogue: schema, key, cursor, round trip in each format, and what changes."""

from __future__ import annotations

import csv
import datetime as dt
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyarrow import parquet

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.formats import FORMATS
from airflow_provider_livestorm.sync.planner import plan
from airflow_provider_livestorm.sync.privacy import Privacy
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from tests import truth
from tests.sync.conftest import writer
from trials.syncing import client_of

STREAMS = tuple(CATALOGUE)
Folders = dict[str, pathlib.Path]


def session_with_an_email_field(sandbox: SandboxProcess) -> str:
    """One that takes registrations."""
    forms = {row["id"]: {one["id"] for one in row["attributes"]["fields"]} for row in sandbox.truth("events")}
    return next(
        row["id"]
        for row in sandbox.truth("sessions")
        if row["attributes"]["status"] == "upcoming" and "email" in forms[row["attributes"]["event_id"]]
    )


def now_of(sandbox: SandboxProcess) -> Callable[[], dt.datetime]:
    return lambda: dt.datetime.fromtimestamp(sandbox.now(), dt.UTC)


@pytest.fixture(scope="module")
def jobs(sandbox: SandboxProcess) -> list[str]:
    """A webhook and a job, which no preset has; ids of jobs."""
    with writer(sandbox) as client:
        webhook = {"type": "webhooks", "attributes": {"url": "https://example.com/hook", "event": "session.ended"}}
        client.request("POST", "/webhooks", json={"data": webhook})
        session = session_with_an_email_field(sandbox)
        tasks = [{"fields": [{"id": "email", "value": f"in-bulk-{number}@example.com"}]} for number in range(3)]
        body = {"data": {"type": "jobs", "attributes": {"tasks": tasks}}}
        made = client.request("POST", f"/sessions/{session}/people/bulk", json=body).document.one
    sandbox.advance(86_400)  # the job has ended, and no session is live
    return [made.id]


@pytest.fixture(scope="module")
def folders(sandbox: SandboxProcess, jobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """All streams, in each format."""
    found: Folders = {}
    for file_format in FORMATS:
        found[file_format] = tmp_path_factory.mktemp(file_format)
        made = plan(["all", "jobs"], jobs=tuple(jobs), privacy=Privacy(exclude=()))
        with client_of(sandbox) as client:
            SyncRunner(
                client, Destination(found[file_format]), made, file_format=file_format, now=now_of(sandbox)
            ).run()
    return found


@pytest.mark.parametrize("stream", STREAMS)
def test_its_rows_are_the_truth(folders: Folders, sandbox: SandboxProcess, stream: str) -> None:
    rows, expected = truth.published_rows(folders["jsonl.gz"], stream), truth.of(sandbox, stream)
    assert expected, "the sandbox has none: nothing would be proved"
    assert truth.digest(stream, rows) == truth.digest(
        stream, [_job(row) if stream == "jobs" else row for row in expected]
    )


def _job(row: dict[str, Any]) -> dict[str, Any]:
    names = {
        "total_items": "total", "total_processed_items": "processed", "total_success": "succeeded",
        "total_fail": "failed",
    }  # fmt: skip
    return {names.get(name, name): value for name, value in row.items()}


@pytest.mark.parametrize("stream", STREAMS)
def test_its_key_names_each_row_and_its_cursor_is_a_time(folders: Folders, stream: str) -> None:
    resource = CATALOGUE[stream]
    rows = truth.published_rows(folders["jsonl.gz"], stream)  # asserts that no key comes twice
    assert list(rows[0])[: len(resource.key)] == list(resource.key)
    assert all(row[name] for row in rows for name in resource.key)
    if resource.cursor:
        told = [row[resource.cursor] for row in rows if row[resource.cursor]]
        assert all(dt.datetime.fromisoformat(text) for text in told)
        # People attributes may tell their times or not (api.md 6.5).
        assert told or stream == "people_attributes"


@pytest.mark.parametrize("stream", STREAMS)
def test_every_column_is_of_its_kind(folders: Folders, stream: str) -> None:
    kinds: dict[str, type | tuple[type, ...]] = {
        "text": str, "integer": int, "number": (int, float), "boolean": bool, "timestamp": str,
        "json": (dict, list, str, int, float, bool),
    }  # fmt: skip
    columns = {column.name: column.kind for column in CATALOGUE[stream].rows.columns} | {"_extra": "json"}
    for row in truth.published_rows(folders["jsonl.gz"], stream):
        assert list(row) == list(columns)
        for name, value in row.items():
            assert value is None or isinstance(value, kinds[columns[name]]), (name, value)
        assert row["_extra"] is None, "the sandbox tells what api.md tells"


@pytest.mark.parametrize("stream", STREAMS)
def test_each_format_holds_the_same(folders: Folders, stream: str) -> None:
    kinds = {column.name: column.kind for column in CATALOGUE[stream].rows.columns} | {"_extra": "json"}
    lines = sorted(map(_comparable, truth.published_rows(folders["jsonl.gz"], stream)))
    assert sorted(_comparable(_from_parquet(row, kinds)) for row in _parquet(folders, stream)) == lines
    assert sorted(_comparable(_from_csv(row, kinds)) for row in _csv(folders, stream)) == lines


def _comparable(row: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in row.items() if value not in (None, "")}, sort_keys=True)


def _parts(folder: pathlib.Path, stream: str) -> list[pathlib.Path]:
    manifest = json.loads((folder / "_livestorm" / "manifest.json").read_bytes())
    return [folder / part["path"] for part in manifest["runs"][0]["streams"][stream]["files"]]


def _parquet(folders: Folders, stream: str) -> Iterator[dict[str, Any]]:
    for path in _parts(folders["parquet"], stream):
        yield from parquet.ParquetFile(path).read().to_pylist()


def _from_parquet(row: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    def told(name: str, value: Any) -> Any:
        if value is None:
            return None
        if kinds[name] == "json":
            return json.loads(value)
        return value.strftime("%Y-%m-%dT%H:%M:%SZ") if kinds[name] == "timestamp" else value

    return {name: told(name, value) for name, value in row.items()}


def _csv(folders: Folders, stream: str) -> Iterator[dict[str, str]]:
    for path in _parts(folders["csv"], stream):
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)


def _from_csv(row: dict[str, str], kinds: dict[str, str]) -> dict[str, Any]:
    read = {"integer": int, "number": float, "boolean": {"true": True, "false": False}.get, "json": json.loads}
    return {name: read.get(kinds[name], str)(value) if value else None for name, value in row.items()}  # type: ignore[operator]


@pytest.mark.parametrize("stream", STREAMS)
def test_no_secret_is_in_it(folders: Folders, sandbox: SandboxProcess, stream: str) -> None:
    text = json.dumps(truth.published_rows(folders["jsonl.gz"], stream))
    assert not [secret for secret in sandbox.secrets() if secret in text]
    assert "password_key" not in text
    assert "connection_link" not in text
    assert "signature" not in text


def test_a_second_run_writes_nothing_where_nothing_changed(folders: Folders, sandbox: SandboxProcess) -> None:
    sandbox.configure(life="none")
    folder = folders["jsonl.gz"]
    with client_of(sandbox) as client:
        made = plan(["all"], privacy=Privacy(exclude=()))
        result = SyncRunner(client, Destination(folder), made, now=now_of(sandbox)).run()
    assert {name: entry.rows for name, entry in result.streams.items() if entry.rows} == {}
