"""What a sync tells Airflow beside its result, and what it does where the quota is used up."""

from __future__ import annotations

import datetime as dt
import json
import logging
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.providers.common.compat.sdk import Stats, TaskDeferred
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_livestorm.exceptions import LivestormQuotaExceededError
from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator
from airflow_provider_livestorm.operators.parameters import integer, items
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests import truth


@pytest.fixture
def connection(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
    monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(members))
    return "livestorm_test"


def operator(tmp_path: pathlib.Path, conn_id: str, **arguments: Any) -> LivestormSyncStreamsOperator:
    arguments = {"destination": str(tmp_path / "out"), "streams": ["events", "sessions"], **arguments}
    return LivestormSyncStreamsOperator(task_id="sync", livestorm_conn_id=conn_id, **arguments)


class Event:
    def __init__(self) -> None:
        self.extra: dict[str, Any] = {}


def test_the_events_of_outlets_carry_the_run(tmp_path: pathlib.Path, connection: str) -> None:
    event = Event()
    task = operator(tmp_path, connection, outlets=["asset"])
    summary = task.execute({"outlet_events": {"asset": event}})  # type: ignore[typeddict-item]
    assert event.extra["rows"] == summary["rows"] > 0
    assert event.extra["cursor"] == summary["cursor"]
    assert event.extra["streams"] == summary["streams"]


def test_metrics_and_lineage_are_told(tmp_path: pathlib.Path, connection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[tuple[str, str | None], float] = {}
    monkeypatch.setattr(
        Stats, "gauge", lambda name, value, tags: told.__setitem__((name, tags.get("stream")), value), raising=False
    )
    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    outputs: list[str] = []
    monkeypatch.setattr(type(collector), "add_output_asset", lambda self, context, uri: outputs.append(uri))
    summary = operator(tmp_path, connection).execute({})  # type: ignore[typeddict-item]
    assert told["livestorm.sync.rows", "events"] == summary["streams"]["events"]["rows"]
    assert told["livestorm.sync.calls", "sessions"] == summary["streams"]["sessions"]["calls"]
    assert told["livestorm.quota.remaining", None] == summary["quota_remaining"]
    assert outputs == [f"file://{tmp_path}/out/events", f"file://{tmp_path}/out/sessions"]


def test_nothing_of_it_can_fail_a_sync_and_what_failed_is_said(
    tmp_path: pathlib.Path, connection: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no metrics today")

    monkeypatch.setattr(Stats, "gauge", broken, raising=False)
    assert operator(tmp_path, connection).execute({})["rows"] > 0  # type: ignore[typeddict-item]
    assert "could not be told of it (metrics)" in caplog.text


def test_dry_run_prints_the_plan_and_writes_nothing(
    tmp_path: pathlib.Path, connection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator(tmp_path, connection).dry_run()
    told = capsys.readouterr().out
    assert "calls, in mode cursor" in told
    assert "left this month" in told
    assert not (tmp_path / "out").exists()


def test_a_used_up_month_fails_the_task_or_defers_it(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SandboxProcess(preset="tiny", interval_limit=0, monthly_limit=5) as sandbox:
        members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
        monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(members))
        how: dict[str, Any] = {"streams": ["events", "session_people"], "exclude_columns": []}
        with pytest.raises(AirflowFailException, match="A new period starts at"):
            operator(tmp_path, "livestorm_test", **how).execute({})  # type: ignore[typeddict-item]
        task = operator(tmp_path, "livestorm_test", **how, deferrable=True)
        with pytest.raises(TaskDeferred) as deferred:
            task.execute({})  # type: ignore[typeddict-item]
        assert deferred.value.method_name == "execute"
        moment: dt.datetime = deferred.value.trigger.moment  # type: ignore[attr-defined]
        assert dt.timedelta(days=29) < moment - dt.datetime.now(dt.UTC) < dt.timedelta(days=31)
        sandbox.configure(monthly_limit=0)
        assert task.execute({}, event={"ended": True})["resumed"] >= 3  # type: ignore[typeddict-item]
        rows = truth.published_rows(tmp_path / "out", "session_people")
        assert truth.digest("session_people", rows) == truth.digest(
            "session_people", truth.of(sandbox, "session_people")
        )


def test_where_no_time_is_named_it_asks_again_in_a_day_and_never_at_once() -> None:
    wait = LivestormSyncStreamsOperator._until_new_month
    assert wait(LivestormQuotaExceededError("x", status=429)) == dt.timedelta(days=1)
    assert wait(LivestormQuotaExceededError("x", status=429, resets_at=1.0)) == dt.timedelta(seconds=10)


def test_a_key_comes_from_a_variable_and_is_nowhere_to_be_read(
    tmp_path: pathlib.Path, connection: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HASH_KEY", "a long random text")
    task = operator(tmp_path, connection, streams=["people"], hash_columns=["email"], hash_key_variable="hash_key")
    with caplog.at_level(logging.DEBUG):
        task.execute({})  # type: ignore[typeddict-item]
    assert "a long random text" not in caplog.text
    assert "a long random text" not in str(vars(task))
    row = next(row for row in truth.published_rows(tmp_path / "out", "people") if row["email"])
    assert len(row["email"]) == 64
    assert row["email"] == row["email_hash"]
    with pytest.raises(AirflowFailException, match="The Airflow Variable 'missing'"):
        operator(tmp_path, connection, hash_key_variable="missing").execute({})  # type: ignore[typeddict-item]


def test_an_interval_is_that_of_the_run_unless_it_is_named(tmp_path: pathlib.Path, connection: str) -> None:
    begin, end = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 8, tzinfo=dt.UTC)
    context: Any = {"data_interval_start": begin, "data_interval_end": end}
    operator(tmp_path, connection, mode="interval").execute(context)
    (run,) = json.loads((tmp_path / "out" / "_livestorm" / "manifest.json").read_bytes())["runs"]
    assert (run["updated_since"], run["updated_until"]) == ("2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["a", "b"], ["a", "b"]), ("a", ["a"]), ("['a', 'b']", ["a", "b"]), ('["a"]', ["a"]), ("", []), ("None", []),
        (None, []), ("()", []),
    ],
)  # fmt: skip
def test_a_template_may_give_a_list_in_the_usual_ways(given: Any, meant: list[str]) -> None:
    assert items(given) == meant


def test_what_is_no_list_and_no_number_is_said() -> None:
    with pytest.raises(Exception, match="This is no list"):
        items("[a")
    with pytest.raises(Exception, match="This is no whole number: 'many'"):
        integer("many")
