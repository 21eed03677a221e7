"""The operator without an Airflow around it, against the sandbox over HTTP."""

from __future__ import annotations

import json
import logging
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import fsspec
import msgspec
import pytest
import requests
from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.io import attach

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.exceptions import (
    LivestormError,
    LivestormListChangedError,
    LivestormPublishConflictError,
    LivestormServerError,
)
from airflow_provider_livestorm.operators.recording_files import LocalFile
from airflow_provider_livestorm.operators.recording_work import RecordingWork
from airflow_provider_livestorm.operators.recordings import LivestormDownloadRecordingsOperator
from airflow_provider_livestorm.sandbox.process import SandboxProcess

Row = dict[str, Any]


class TaskInstance:
    """Notes what is pushed."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def connection(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> str:
    """A connection from the environment; the sandbox without faults, and no waits between tries."""
    members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
    monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(members))
    monkeypatch.setattr("airflow_provider_livestorm.api.download._Progress.wait", lambda *_: 0.0)
    monkeypatch.setattr("airflow_provider_livestorm.api.client.wait_before", lambda *_: 0.0)
    sandbox.clear_faults()
    sandbox.reset_counters()
    return "livestorm_test"


@pytest.fixture
def recordings(sandbox: SandboxProcess) -> list[Row]:
    """Those that there are, by session."""
    return [{"id": row["id"], **row["attributes"]} for row in sandbox.truth("recordings")]


def execute(destination: Any, conn_id: str, sessions: Any, *, ti: TaskInstance | None = None, **arguments: Any) -> Any:
    arguments = {"destination": str(destination), "livestorm_conn_id": conn_id, "session_ids": sessions, **arguments}
    operator = LivestormDownloadRecordingsOperator(task_id="recordings", **arguments)
    return operator.execute({"ti": ti} if ti else {})  # type: ignore[arg-type,typeddict-item]


def served(sandbox: SandboxProcess) -> int:
    return int(sandbox.status()["counters"]["recordings_served"])


def files(root: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def altered(monkeypatch: pytest.MonkeyPatch, change: Callable[[Row], None]) -> None:
    """Livestorm tells something else of each recording."""
    honest = LivestormClient.paginate

    def paginate(self: LivestormClient, path: str, **options: Any) -> Any:
        for page in honest(self, path, **options):
            for row in page.resources:
                change(row.attributes)
            yield page

    monkeypatch.setattr(LivestormClient, "paginate", paginate)


# --- what lands where -----


def test_recordings_land_under_their_session_and_are_told(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    sessions = [row["session_id"] for row in recordings]
    result = execute(tmp_path, connection, sessions)
    expected = [
        {
            "session_id": row["session_id"],
            "recording_id": row["id"],
            "file": str(tmp_path / row["session_id"] / f"{row['id']}-{row['file_name']}"),
            "bytes": row["file_size"],
            "skipped": False,
        }
        for row in recordings
    ]
    assert result == expected
    assert files(tmp_path) == sorted(pathlib.Path(one["file"]) for one in expected)
    assert [pathlib.Path(one["file"]).stat().st_size for one in expected] == [row["file_size"] for row in recordings]
    counters = sandbox.status()["counters"]
    assert (counters["recordings_served"], counters["tokens_shown_to_storage"]) == (len(recordings), 0)


def test_the_bytes_are_those_of_the_storage(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    (told,) = execute(tmp_path, connection, recordings[0]["session_id"])
    with LivestormClient(api_token(sandbox), base_url=sandbox.api_url) as client:
        (row,) = client.request("GET", f"/sessions/{told['session_id']}/recordings").document.many
    with requests.Session() as web:
        web.trust_env = False
        assert pathlib.Path(told["file"]).read_bytes() == web.get(row.attributes["url"], timeout=10).content


def api_token(sandbox: SandboxProcess) -> Any:
    from airflow_provider_livestorm.auth.credentials import ApiToken  # noqa: PLC0415

    return ApiToken(sandbox.credentials()["api_token"])


@pytest.mark.parametrize("written", [list, tuple, str, json.dumps, lambda ids: [ids[0], *ids]])
def test_sessions_may_be_told_as_a_template_gives_them(
    tmp_path: pathlib.Path, connection: str, recordings: list[Row], written: Callable[[list[str]], Any]
) -> None:
    ids = [row["session_id"] for row in recordings[:2]]
    assert [one["session_id"] for one in execute(tmp_path, connection, written(ids))] == ids


@pytest.mark.parametrize("none", ["", "None", [], "[]"])
def test_no_session_is_no_error(tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, none: Any) -> None:
    assert execute(tmp_path, connection, none) == []


def test_a_session_without_recordings_adds_nothing(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    with_some = {row["session_id"] for row in recordings}
    without = next(row["id"] for row in sandbox.truth("sessions") if row["id"] not in with_some)
    assert execute(tmp_path, connection, without) == []


def test_what_is_there_is_not_downloaded_again_unless_asked_for(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    session = recordings[0]["session_id"]
    (first,) = execute(tmp_path, connection, session)
    (again,) = execute(tmp_path, connection, session)
    assert (again, served(sandbox)) == ({**first, "skipped": True}, 1)
    (anew,) = execute(tmp_path, connection, session, overwrite=True)
    assert (anew, served(sandbox)) == (first, 2)


def test_what_is_there_with_another_size_is_replaced(
    tmp_path: pathlib.Path, connection: str, recordings: list[Row]
) -> None:
    session = recordings[0]["session_id"]
    (first,) = execute(tmp_path, connection, session)
    pathlib.Path(first["file"]).write_bytes(b"half")
    assert execute(tmp_path, connection, session) == [first]
    assert pathlib.Path(first["file"]).stat().st_size == recordings[0]["file_size"]


def test_a_size_that_livestorm_does_not_tell_is_asked_of_the_storage(
    tmp_path: pathlib.Path, connection: str, recordings: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    altered(monkeypatch, lambda row: row.update(file_size=None))
    session = recordings[0]["session_id"]
    (first,) = execute(tmp_path, connection, session)
    (again,) = execute(tmp_path, connection, session)
    assert (first["bytes"], again) == (recordings[0]["file_size"], {**first, "skipped": True})
    pathlib.Path(first["file"]).write_bytes(b"half")
    assert execute(tmp_path, connection, session) == [first]


def test_a_name_that_means_harm_stays_in_its_folder(
    tmp_path: pathlib.Path, connection: str, recordings: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    altered(monkeypatch, lambda row: row.update(file_name="../../../outside.mp4"))
    (told,) = execute(tmp_path / "in", connection, recordings[0]["session_id"])
    assert files(tmp_path) == [pathlib.Path(told["file"])]
    assert pathlib.Path(told["file"]).parent == tmp_path / "in" / told["session_id"]


def test_any_object_storage_will_do(connection: str, sandbox: SandboxProcess, recordings: list[Row]) -> None:
    attach("memory", fs=fsspec.filesystem("memory"))
    root = ObjectStoragePath("memory://livestorm-test/recordings")
    sandbox.add_fault(path_prefix="/recordings", body="truncate")
    (told,) = execute(root, connection, recordings[0]["session_id"])
    assert told["file"].startswith("memory://")
    assert len(ObjectStoragePath(told["file"]).read_bytes()) == told["bytes"] == recordings[0]["file_size"]
    (again,) = execute(root, connection, recordings[0]["session_id"])
    assert again == {**told, "skipped": True}


# --- tries -----


def test_the_next_try_of_a_task_goes_on(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    session = recordings[0]["session_id"]
    sandbox.add_fault(path_prefix="/recordings", body="truncate")
    sandbox.add_fault(path_prefix="/recordings", status=503, times=5)
    with pytest.raises(LivestormServerError):
        execute(tmp_path, connection, session)
    part, about = files(tmp_path)
    held = part.read_bytes()
    assert len(held) > 0
    assert "X-Signature" not in about.read_text()

    (told,) = execute(tmp_path, connection, session)
    content = pathlib.Path(told["file"]).read_bytes()
    assert (content[: len(held)], len(content)) == (held, recordings[0]["file_size"])
    assert files(tmp_path) == [pathlib.Path(told["file"])]


_KILLED = """
import sys
from airflow_provider_livestorm.operators.recordings import LivestormDownloadRecordingsOperator
_, conn_id, session_id, destination = sys.argv
LivestormDownloadRecordingsOperator(
    task_id="recordings", session_ids=session_id, destination=destination, livestorm_conn_id=conn_id
).execute({})
"""


def test_the_next_try_goes_on_also_where_the_one_before_was_killed(
    tmp_path: pathlib.Path,
    connection: str,
    sandbox: SandboxProcess,
    recordings: list[Row],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = recordings[0]["session_id"]
    sandbox.add_fault(path_prefix="/recordings", body="drip", delay=120)
    with subprocess.Popen([sys.executable, "-c", _KILLED, connection, session, str(tmp_path)]) as child:
        while not any(path.suffix == ".part" and path.stat().st_size for path in files(tmp_path)):
            assert child.poll() is None
            time.sleep(0.05)  # between two looks
        child.kill()
    (part,) = (path for path in files(tmp_path) if path.suffix == ".part")
    held = part.read_bytes()

    monkeypatch.setattr(LocalFile, "begin", lambda *_: pytest.fail("it was begun anew"))
    (told,) = execute(tmp_path, connection, session)
    content = pathlib.Path(told["file"]).read_bytes()
    assert (content[: len(held)], len(content)) == (held, recordings[0]["file_size"])


def test_urls_live_as_long_as_asked(
    tmp_path: pathlib.Path, connection: str, recordings: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    lives: list[int] = []
    altered(monkeypatch, lambda row: lives.append(row["url_expires_in"]))
    execute(tmp_path, connection, recordings[0]["session_id"], url_expires_in=7_200)
    assert lives == [7_200]


def test_a_url_that_expired_is_asked_for_anew(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    sandbox.add_fault(path_prefix="/recordings", status=403)
    session = recordings[0]["session_id"]
    before = sandbox.status()["counters"]["used_this_month"]
    (told,) = execute(tmp_path, connection, session)
    assert told["bytes"] == recordings[0]["file_size"]
    assert sandbox.status()["counters"]["used_this_month"] - before == 3  # two lists, and the links


def test_the_fresh_url_is_that_of_the_same_recording(
    tmp_path: pathlib.Path,
    connection: str,
    sandbox: SandboxProcess,
    recordings: list[Row],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session may have several; here another one leads the list when it is read again."""
    listed = RecordingWork._listed

    def with_another(*given: Any) -> Any:
        found = listed(*given)
        return [(msgspec.structs.replace(found[0][0], id="another"), "https://storage.example/another"), *found]

    sandbox.add_fault(path_prefix="/recordings", status=403)

    def at_first(*given: Any) -> Any:
        monkeypatch.setattr(RecordingWork, "_listed", with_another)
        return listed(*given)

    monkeypatch.setattr(RecordingWork, "_listed", at_first)
    (told,) = execute(tmp_path, connection, recordings[0]["session_id"])
    assert told["bytes"] == recordings[0]["file_size"]


def test_a_list_that_is_not_whole_is_read_again(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    session = recordings[0]["session_id"]
    sandbox.add_fault(path_prefix=f"/v1/sessions/{session}/recordings", body="record-count-off")
    with pytest.raises(LivestormListChangedError, match="where Livestorm counts 2"):
        execute(tmp_path, connection, session)
    assert len(execute(tmp_path, connection, session)) == 1


def test_a_recording_that_was_deleted_meanwhile_is_said(
    tmp_path: pathlib.Path,
    connection: str,
    sandbox: SandboxProcess,
    recordings: list[Row],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox.add_fault(path_prefix="/recordings", status=404)
    listed, asked = RecordingWork._listed, []

    def once(*given: Any) -> Any:
        asked.append(given)
        return listed(*given) if len(asked) == 1 else []

    monkeypatch.setattr(RecordingWork, "_listed", once)
    with pytest.raises(AirflowFailException, match="was deleted in Livestorm meanwhile"):
        execute(tmp_path, connection, recordings[0]["session_id"])
    assert files(tmp_path) == []


def test_two_tasks_with_one_file_are_told_apart(tmp_path: pathlib.Path, connection: str, recordings: list[Row]) -> None:
    row = recordings[0]
    path = tmp_path / row["session_id"] / f"{row['id']}-{row['file_name']}"
    with LocalFile(path, row["file_size"]), pytest.raises(LivestormPublishConflictError, match="another task"):
        execute(tmp_path, connection, row["session_id"])


# --- errors -----


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"sessions": "../users"}, "session_ids has '../users', which is no id of a session"),
        ({"sessions": ["a?b"]}, "session_ids has 'a"),
        ({"url_expires_in": 3_599}, "url_expires_in is 3600 to 604800 seconds; got 3599"),
        ({"url_expires_in": 604_801}, "url_expires_in is 3600 to 604800 seconds; got 604801"),
        ({"sessions": "11111111-1111-4111-8111-111111111111"}, "HTTP 404"),
        ({"destination": ""}, "destination is empty"),
    ],
)
def test_what_no_retry_can_mend_fails_the_task_for_good(
    tmp_path: pathlib.Path, connection: str, recordings: list[Row], arguments: dict[str, Any], sentence: str
) -> None:
    given = {"sessions": recordings[0]["session_id"], "destination": tmp_path, **arguments}
    sessions, destination = given.pop("sessions"), given.pop("destination")
    with pytest.raises(AirflowFailException, match=sentence.replace("?", r"\?")):
        execute(destination, connection, sessions, **given)


def test_a_reserve_of_the_quota_is_kept_to(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    """What is left is known from the first answer; what came before is kept."""
    sessions = [row["session_id"] for row in recordings[:2]]
    before = sandbox.status()["counters"]["used_this_month"]
    with pytest.raises(AirflowFailException, match="fewer than 10000 calls of Livestorm's monthly quota"):
        execute(tmp_path, connection, sessions, min_quota_remaining=10_000)
    assert sandbox.status()["counters"]["used_this_month"] - before == 1
    assert [path.parent.name for path in files(tmp_path)] == sessions[:1]


@pytest.mark.parametrize("change", [{"url": None}, {"file_size": 1_000}], ids=str)
def test_what_a_retry_may_mend_stays_open_to_airflows_retries(
    tmp_path: pathlib.Path,
    connection: str,
    recordings: list[Row],
    monkeypatch: pytest.MonkeyPatch,
    change: Row,
) -> None:
    altered(monkeypatch, lambda row: row.update(change))
    with pytest.raises(LivestormError, match=r"It may be in the making|where Livestorm tells 1000") as caught:
        execute(tmp_path, connection, recordings[0]["session_id"])
    assert caught.value.retryable
    assert files(tmp_path) == []


def test_no_url_and_no_token_is_logged_returned_or_kept(
    tmp_path: pathlib.Path,
    connection: str,
    sandbox: SandboxProcess,
    recordings: list[Row],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox.add_fault(path_prefix="/recordings", body="truncate")
    ti = TaskInstance()
    result = execute(tmp_path, connection, recordings[0]["session_id"], ti=ti)
    shown = caplog.text + capsys.readouterr().out + json.dumps([result, ti.pushed])
    assert "bytes are in" in shown
    assert "X-Signature" not in shown
    assert sandbox.credentials()["api_token"] not in shown


# --- links -----


def test_a_single_session_is_linked_to(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    row = recordings[0]
    (event,) = (one["attributes"] for one in sandbox.truth("events") if one["id"] == row["event_id"])
    (session,) = (one["attributes"] for one in sandbox.truth("sessions") if one["id"] == row["session_id"])
    ti = TaskInstance()
    execute(tmp_path, connection, row["session_id"], ti=ti)
    assert ti.pushed == {"livestorm_link": {"event": event["registration_link"], "session": session["room_link"]}}


def test_links_cost_no_call_where_nothing_was_downloaded_or_many_were(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    sessions = [row["session_id"] for row in recordings[:2]]
    ti = TaskInstance()
    before = sandbox.status()["counters"]["used_this_month"]
    execute(tmp_path, connection, sessions, ti=ti)
    execute(tmp_path, connection, sessions[0], ti=ti)
    assert sandbox.status()["counters"]["used_this_month"] - before == 3
    assert ti.pushed == {}


def test_a_task_does_not_fail_for_want_of_links(
    tmp_path: pathlib.Path, connection: str, sandbox: SandboxProcess, recordings: list[Row]
) -> None:
    session = recordings[0]["session_id"]
    sandbox.add_fault(path_prefix=f"/v1/sessions/{session}/recordings", times=1, delay=0.001)  # the list is read
    sandbox.add_fault(path_prefix=f"/v1/sessions/{session}", status=500, times=0)
    ti = TaskInstance()
    (told,) = execute(tmp_path, connection, session, ti=ti)
    sandbox.clear_faults()
    assert (told["bytes"], ti.pushed) == (recordings[0]["file_size"], {})
