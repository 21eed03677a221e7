"""The operator without an Airflow around it: parameters, errors, destination. The e2e tests run it for real."""

from __future__ import annotations

import datetime as dt
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import fsspec
import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.io import attach

from airflow_provider_livestorm.exceptions import LivestormConnectionError, LivestormUnknownConnectionError
from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import free_port
from tests import truth


@pytest.fixture
def connection(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A connection with a private API token, from the environment: no database is near."""
    members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
    monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(members))
    return "livestorm_test"


def execute(tmp_path: pathlib.Path, conn_id: str, **arguments: Any) -> dict[str, Any]:
    arguments = {"destination": str(tmp_path / "out"), "livestorm_conn_id": conn_id, "exclude_columns": [], **arguments}
    return LivestormSyncStreamsOperator(task_id="sync", **arguments).execute({})  # type: ignore[typeddict-item]


def test_it_returns_a_small_summary(tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess) -> None:
    summary = execute(tmp_path, connection, streams=["events", "sessions"])

    events, sessions = len(sandbox.truth("events")), len(sandbox.truth("sessions"))
    assert summary["streams"] == {
        "events": {"rows": events, "files": 1, "calls": 1},
        "sessions": {"rows": sessions, "files": 1, "calls": 1},  # to count them: they come with the events
    }
    assert (summary["rows"], summary["files"], summary["calls"]) == (events + sessions, 2, 2)
    assert summary["quota_remaining"] == 10_000 - sandbox.status()["counters"]["used_this_month"]
    assert pathlib.Path(summary["manifest"]) == tmp_path / "out" / "_livestorm" / "manifest.json"
    assert summary["run_id"] in json.dumps(json.loads(pathlib.Path(summary["manifest"]).read_text()))


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_local_destination_may_be_a_path_or_a_file_url(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, scheme: str
) -> None:
    execute(tmp_path, connection, streams="events", destination=f"{scheme}{tmp_path}/out")
    assert len(truth.published_rows(tmp_path / "out", "events")) == len(sandbox.truth("events"))


def test_any_object_storage_will_do(connection: str, sandbox: SandboxProcess) -> None:
    """fsspec's memory file system stands for the stores that have no rename."""
    attach("memory", fs=fsspec.filesystem("memory"))
    root = ObjectStoragePath("memory://livestorm-test/out")
    for mode in ("cursor", "full"):
        summary = execute(pathlib.Path(), connection, streams=["events"], destination=str(root), mode=mode)
    manifest = json.loads((root / "_livestorm" / "manifest.json").read_bytes())
    assert manifest["sequence"] == 2
    assert manifest["runs"][0]["streams"]["events"]["rows"] == len(sandbox.truth("events"))
    assert (root / manifest["runs"][0]["streams"]["events"]["files"][0]["path"]).exists()
    assert summary["manifest"].startswith("memory://")


@pytest.mark.parametrize(
    "since",
    [
        "2026-01-31T00:00:00Z",
        "2026-01-31T01:00:00+01:00",
        "1769817600",
        1_769_817_600,
        dt.datetime(2026, 1, 31, tzinfo=dt.UTC),
    ],
)
def test_updated_since_may_be_written_in_the_usual_ways(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, since: Any
) -> None:
    summary = execute(tmp_path, connection, streams=["events"], updated_since=since)
    changed = [row for row in sandbox.truth("events") if row["attributes"]["updated_at"] >= 1_769_817_600 - 60]
    assert summary["rows"] == len(changed)


@pytest.mark.parametrize("since", ["", "None", None])
def test_an_empty_template_means_what_is_new(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, since: str | None
) -> None:
    assert execute(tmp_path, connection, streams=["events"], updated_since=since)["rows"] == len(
        sandbox.truth("events")
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"streams": ["webinars"]}, "There is no stream 'webinars'"),
        ({"updated_since": "yesterday"}, "updated_since is no time: 'yesterday'"),
        ({"updated_since": "2026-01-31"}, "updated_since has no time zone"),
        ({"on_unknown": "shrug"}, "on_unknown is one of keep, ignore, fail; got 'shrug'"),
        ({"destination": ""}, "destination is empty"),
        ({"destination": "nosuchstore://bucket/path"}, "destination 'nosuchstore://bucket/path' cannot be used"),
    ],
)
def test_what_no_retry_can_mend_fails_the_task_for_good(
    tmp_path: pathlib.Path, connection: str, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AirflowFailException, match=sentence):
        execute(tmp_path, connection, **arguments)


def test_an_unknown_connection_is_said_and_left_to_airflows_retries(tmp_path: pathlib.Path) -> None:
    """Airflow says "not defined" as well where its api-server could not be asked."""
    with pytest.raises(LivestormUnknownConnectionError, match="There is no connection 'nobody', or"):
        execute(tmp_path, "nobody")


def test_what_a_retry_may_mend_stays_open_to_airflows_retries(
    tmp_path: pathlib.Path, connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"conn_type": "livestorm", "host": f"http://127.0.0.1:{free_port()}/v1", "password": "a-token"}
    monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(members))
    monkeypatch.setattr("airflow_provider_livestorm.api.client.wait_before", lambda *_: 0.0)
    with pytest.raises(LivestormConnectionError, match="no complete answer"):
        execute(tmp_path, connection)
