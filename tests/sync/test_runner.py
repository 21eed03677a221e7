"""A whole run against the sandbox: what is published equals the workspace, by count and by hash."""

from __future__ import annotations

import datetime as dt
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.exceptions import (
    LivestormAuthenticationError,
    LivestormConfigurationError,
    LivestormError,
    LivestormQuotaExceededError,
)
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.planner import plan
from airflow_provider_livestorm.sync.privacy import Privacy
from airflow_provider_livestorm.sync.result import SyncResult
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from tests import truth

STREAMS = ("events", "sessions", "session_people")


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[LivestormClient]:
    with open_client(sandbox) as client:
        yield client


def open_client(sandbox: SandboxProcess, sleep: Callable[[float], None] = lambda _: None) -> LivestormClient:
    """A client that waits for nothing; `sleep` for one that would mind."""
    token = ApiToken(sandbox.credentials()["api_token"])
    return LivestormClient(token, base_url=sandbox.api_url, pacer=Pacer(sleep=lambda _: None), sleep=sleep)


def sync(client: LivestormClient, folder: pathlib.Path, *streams: str, **options: Any) -> SyncResult:
    rows_per_part = options.pop("rows_per_part", 50_000)
    todo = plan(streams or STREAMS, **{"privacy": Privacy(exclude=()), **options})
    return SyncRunner(client, Destination(folder), todo, rows_per_part=rows_per_part).run()


def assert_equal_to_the_truth(folder: pathlib.Path, sandbox: SandboxProcess, *streams: str) -> None:
    for stream in streams or STREAMS:
        expected = truth.expected_rows(stream, sandbox.truth(stream))
        rows = truth.published_rows(folder, stream)
        assert len(rows) == len(expected), stream
        assert truth.digest(stream, rows) == truth.digest(stream, expected), stream


@pytest.mark.parametrize("preset", ["empty", "full-page", "tiny", "small"])
def test_a_full_run_lands_the_workspace_as_it_is(tmp_path: pathlib.Path, preset: str) -> None:
    """`empty` has no event, `full-page` exactly 50, `tiny` lists of 0, 50, 51, 100 and 120 people, `small` it all."""
    with SandboxProcess(preset=preset, interval_limit=0) as sandbox:
        with open_client(sandbox) as client:
            result = sync(client, tmp_path)
        assert_equal_to_the_truth(tmp_path, sandbox)
        assert result.calls == sandbox.status()["counters"]["calls_total"]


def test_the_preset_has_the_lists_that_the_test_above_needs(sandbox: SandboxProcess) -> None:
    people: dict[str, int] = {row["id"]: 0 for row in sandbox.truth("sessions")}
    for row in sandbox.truth("session_people"):
        people[row["session_id"]] += 1
    assert {0, 50, 51, 100, 120} <= set(people.values())


def test_a_run_with_small_parts_lands_the_same_rows(
    tmp_path: pathlib.Path, client: LivestormClient, sandbox: SandboxProcess
) -> None:
    result = sync(client, tmp_path, rows_per_part=7)
    assert len(result.streams["session_people"].files) > 10
    assert_equal_to_the_truth(tmp_path, sandbox)


def test_rows_keep_the_catalogues_columns_in_their_order(tmp_path: pathlib.Path, client: LivestormClient) -> None:
    sync(client, tmp_path, "session_people")
    row = truth.published_rows(tmp_path, "session_people")[0]
    assert list(row)[:4] == ["session_id", "id", "event_id", "role"]
    assert list(row)[-1] == "_extra"
    assert not {"password_key", "connection_link"} & set(row)


def test_an_interval_lands_what_changed_and_merges_over_the_full_one(
    tmp_path: pathlib.Path, client: LivestormClient, sandbox: SandboxProcess
) -> None:
    sync(client, tmp_path)
    sessions = sandbox.truth("sessions")
    since = sorted(row["attributes"]["updated_at"] for row in sessions)[len(sessions) // 2]

    result = sync(client, tmp_path, mode="interval", since=dt.datetime.fromtimestamp(since, dt.UTC))

    changed = [row for row in sessions if row["attributes"]["updated_at"] >= since - 60]
    assert result.streams["sessions"].rows == len(changed) < len(sessions)
    assert_equal_to_the_truth(tmp_path, sandbox)
    manifest = json.loads((tmp_path / "_livestorm" / "manifest.json").read_bytes())
    assert [run["mode"] for run in manifest["runs"]] == ["full", "interval"]


def test_an_interval_asks_for_the_people_of_unsettled_sessions(
    tmp_path: pathlib.Path, client: LivestormClient, sandbox: SandboxProcess
) -> None:
    """Nothing changed lately, yet upcoming sessions may take registrations that do not move them."""
    upcoming = [row for row in sandbox.truth("sessions") if row["attributes"]["status"] == "upcoming"]
    assert upcoming, "the preset lacks upcoming sessions"
    sandbox.reset_counters()

    now = dt.datetime.fromtimestamp(sandbox.now(), dt.UTC)
    sync(client, tmp_path, "session_people", mode="interval", since=now)

    calls = sandbox.status()["counters"]["calls_by_operation"]
    assert calls["listSessionPeople"] >= len(upcoming)


def test_a_list_that_changes_while_it_is_read_is_read_again(
    tmp_path: pathlib.Path, client: LivestormClient, sandbox: SandboxProcess, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.add_fault(path_prefix="/v1/events", body="record-count-off", times=1)
    sync(client, tmp_path, "events")
    assert "The list changed while it was read" in caplog.text
    assert_equal_to_the_truth(tmp_path, sandbox, "events")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "times": 1},
        {"status": 502, "body": "html", "times": 2},
        {"body": "truncate", "times": 1},
        {"body": "invalid-json", "times": 1},
        {"status": 429, "times": 1},
    ],
    ids=lambda fault: f"{fault.get('status', '')}{fault.get('body', '')}",
)
def test_a_passing_fault_is_outlived(
    tmp_path: pathlib.Path, client: LivestormClient, sandbox: SandboxProcess, fault: dict[str, Any]
) -> None:
    sandbox.add_fault(path_prefix="/v1/events", **fault)
    sync(client, tmp_path, "events")
    assert_equal_to_the_truth(tmp_path, sandbox, "events")


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"status": 500, "times": 50}, LivestormError), ({"status": 401, "times": 50}, LivestormAuthenticationError)],
)
def test_a_lasting_fault_fails_the_run_and_publishes_and_leaves_nothing(
    tmp_path: pathlib.Path, sandbox: SandboxProcess, fault: dict[str, Any], error: type[Exception]
) -> None:
    sessions = [row["id"] for row in sandbox.truth("sessions")]
    sandbox.add_fault(path_prefix=f"/v1/sessions/{sessions[-1]}/people", **fault)
    try:
        with open_client(sandbox) as client, pytest.raises(error):
            sync(client, tmp_path)
    finally:
        sandbox.clear_faults()
    assert not (tmp_path / "_livestorm" / "manifest.json").exists()
    assert list(tmp_path.rglob("part-*")) == []


def test_a_failure_after_the_run_is_published_takes_nothing_back(
    tmp_path: pathlib.Path, client: LivestormClient, sandbox: SandboxProcess
) -> None:
    (tmp_path / "_livestorm" / "manifest.json").mkdir(parents=True)  # the copy can't be written
    sync(client, tmp_path, "events")
    (tmp_path / "_livestorm" / "manifest.json").rmdir()
    Destination(tmp_path).open()
    assert_equal_to_the_truth(tmp_path, sandbox, "events")


def test_a_monthly_quota_that_runs_out_halfway_publishes_nothing_and_is_not_slept_on(tmp_path: pathlib.Path) -> None:
    def never(seconds: float) -> None:
        pytest.fail(f"slept for {seconds} s")

    with (
        SandboxProcess(preset="tiny", interval_limit=0, monthly_limit=6) as sandbox,
        open_client(sandbox, sleep=never) as client,
        pytest.raises(LivestormQuotaExceededError, match="A new period starts at"),
    ):
        sync(client, tmp_path)
    assert not (tmp_path / "_livestorm" / "manifest.json").exists()


@pytest.mark.parametrize("on_unknown", ["keep", "ignore", "fail"])
def test_attributes_that_livestorm_adds_are_kept_ignored_or_refused_as_told(
    tmp_path: pathlib.Path, client: LivestormClient, sandbox: SandboxProcess, on_unknown: str
) -> None:
    sandbox.add_fault(path_prefix="/v1/events", body="unknown-attribute", times=1)
    if on_unknown == "fail":
        with pytest.raises(LivestormConfigurationError, match="attributes that this version does not know"):
            sync(client, tmp_path, "events", on_unknown=on_unknown)
        return
    sync(client, tmp_path, "events", on_unknown=on_unknown)
    kept = {json.dumps(row["_extra"]) for row in truth.published_rows(tmp_path, "events")}
    assert kept == ({"null"} if on_unknown == "ignore" else {'{"sandbox_unknown_attribute": 1}'})
