"""A long list lands while it is read: where it changes on the way, what was taken of it is forgotten."""

from __future__ import annotations

import dataclasses
import datetime as dt
import pathlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.exceptions import (
    LivestormListChangedError,
    LivestormNotFoundError,
    LivestormPublishConflictError,
)
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync import reader
from airflow_provider_livestorm.sync.journal import Journal
from airflow_provider_livestorm.sync.reader import ListMoved, Reader, Request
from airflow_provider_livestorm.sync.result import SyncResult
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from tests import truth
from tests.sync.conftest import Syncing, writer
from trials.syncing import client_of, sync

URL = "https://api.livestorm.test/v1"


@pytest.fixture(autouse=True)
def _every_list_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_IN_MEMORY", 0)


@pytest.fixture
def made(sandbox: SandboxProcess, syncing: Any) -> Syncing:
    sandbox.configure(included_people="cut")
    syncing_of_it: Syncing = syncing(sandbox)
    return syncing_of_it


def longest(sandbox: SandboxProcess) -> str:
    return str(max(sandbox.truth("sessions"), key=lambda row: row["attributes"]["registrants_count"])["id"])


def client_that(made: Syncing, before: Callable[[str, int], None]) -> LivestormClient:
    """A client that tells of each page of the longest session before it asks for it."""
    client, session = client_of(made.sandbox), longest(made.sandbox)
    request = client.request

    def asked(method: str, path: str, **more: Any) -> Any:
        if path == f"/sessions/{session}/people":
            before(session, more["params"]["page[number]"])
        return request(method, path, **more)

    client.request = asked  # type: ignore[method-assign]  # between two calls of one run there is no other place
    return client


def sync_with(made: Syncing, before: Callable[[str], None]) -> SyncResult:
    """A run in which something happens before the last page of the longest session is asked."""
    client = client_that(made, lambda session, page: before(session) if page == 2 else None)
    return sync(made.sandbox, made.folder, made.plan("session_people"), client=client)


def leave(made: Syncing, session: str) -> None:
    person = next(row["id"] for row in made.sandbox.truth("session_people") if row["session_id"] == session)
    with writer(made.sandbox) as client:
        client.request("DELETE", f"/sessions/{session}/people/{person}")


def test_a_list_that_changes_on_the_way_is_read_anew_and_nothing_else(
    made: Syncing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    undisturbed = made.calls(lambda: Syncing(made.sandbox, made.folder.with_name("other"))("session_people"))
    left: list[str] = []

    def leave_once(session: str) -> None:
        if not left:
            left.append(session)
            leave(made, session)

    results: list[SyncResult] = []
    calls = made.calls(lambda: results.append(sync_with(made, leave_once)))
    assert "The run begins again" in caplog.text
    assert made.different("session_people") == []
    pages = calls["listSessionPeople"] - undisturbed["listSessionPeople"]
    assert calls == {**undisturbed, "listSessionPeople": calls["listSessionPeople"], "unregisterSessionPerson": 1}
    assert pages == 3, "the pages of the longest were asked twice"
    assert results[0].calls == sum(calls.values()) - 1
    # No file is left of what was taken in before.
    entry = results[0].streams["session_people"]
    assert {str(path.relative_to(made.folder)) for path in made.folder.rglob("part-*")} == {
        file.path for file in entry.files
    }


def test_a_list_that_changes_each_time_fails_the_run(made: Syncing) -> None:
    with pytest.raises(LivestormListChangedError, match="changed while it was read"):
        sync_with(made, lambda session: leave(made, session))
    assert not list(made.folder.rglob("part-*"))
    made("session_people")
    assert made.different("session_people") == []


def test_a_session_that_is_deleted_on_the_way_has_no_people(made: Syncing, caplog: pytest.LogCaptureFixture) -> None:
    session, gone = longest(made.sandbox), False

    def delete(_: str, page: int) -> None:
        nonlocal gone
        gone |= page == 2
        if gone:
            raise LivestormNotFoundError("as asked", status=404)

    sync(made.sandbox, made.folder, made.plan("session_people"), client=client_that(made, delete))
    assert "was deleted while the run was under way" in caplog.text
    people = {row["session_id"] for row in truth.published_rows(made.folder, "session_people")}
    assert people == {row["session_id"] for row in made.sandbox.truth("session_people")} - {session}


def test_a_run_that_another_overtook_does_not_begin_again(made: Syncing) -> None:
    """Its journal is gone, and the ledger of the state that it began on: it would ask for everything."""
    made("session_people")
    made.sandbox.advance(86_400)

    def overtake(session: str) -> None:
        made("events")
        made.sandbox.reset_counters()
        raise LivestormNotFoundError("as asked", status=404)

    with pytest.raises(LivestormPublishConflictError):
        sync_with(made, overtake)
    assert made.sandbox.status()["counters"]["calls_total"] == 0


def test_a_forecast_that_begins_again_leans_on_what_is_published_by_then(
    made: Syncing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    made("session_people")
    client, changes = client_of(made.sandbox), 0
    request = client.request

    def asked(method: str, path: str, **more: Any) -> Any:
        nonlocal changes
        answer = request(method, path, **more)
        if path != "/events" or changes:
            return answer
        changes += 1
        made("session_people")
        told = answer.document.meta
        meta = msgspec.structs.replace(told, record_count=told.record_count + 1)
        return dataclasses.replace(answer, document=msgspec.structs.replace(answer.document, meta=meta))

    client.request = asked  # type: ignore[method-assign]  # the sandbox counts rightly: the answer is bent here
    now = dt.datetime.fromtimestamp(made.sandbox.now(), dt.UTC)
    todo = made.plan("events", "session_people")
    found = SyncRunner(client, Destination(made.folder), todo, now=lambda: now).plan()
    assert "The run begins again" in caplog.text
    assert "is lost" not in caplog.text
    assert found.streams[0].most == 1, "what was read in vain is no cost of the run to come"
    assert found.spent == 2


def page(number: int, pages: int, count: int) -> dict[str, Any]:
    following = number + 1 if number + 1 < pages else None
    meta = {"current_page": number, "next_page": following, "record_count": count, "page_count": pages}
    return {"data": [{"id": str(number), "type": "users", "attributes": {}}], "meta": meta}


@pytest.fixture
def reading(tmp_path: pathlib.Path) -> Any:
    client = LivestormClient(ApiToken("a-token"), base_url=URL, sleep=lambda _: None)
    journal = Journal(tmp_path, "a task", 0, now=lambda: dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
    return Reader(client, journal)


def test_pages_come_as_often_as_asked_and_are_called_for_once(reading: Reader, requests_mock: Any) -> None:
    requests_mock.get(f"{URL}/users", [{"json": page(number, 3, 3)} for number in range(3)])
    read = reading.read(Request("users", "/users", None))
    assert read is not None
    assert requests_mock.call_count == 1
    assert next(iter(read.resources())).id == "0"
    assert [one.id for one in read.resources()] == ["0", "1", "2"]
    assert [one.id for one in read.resources()] == ["0", "1", "2"]
    assert read.rows == 3
    assert requests_mock.call_count == reading.calls["users"] == 3


def test_a_list_that_does_not_add_up_is_told_at_its_end(reading: Reader, requests_mock: Any) -> None:
    requests_mock.get(f"{URL}/users", [{"json": page(number, 2, 3)} for number in (0, 1, 0, 1, 0, 1)])
    for error in (ListMoved, ListMoved, LivestormListChangedError):
        read = reading.read(Request("users", "/users", None))
        assert read is not None
        with pytest.raises(error):
            list(read.resources())


def test_a_list_that_changed_too_often_is_not_read_on_by_a_run_that_begins_again(
    reading: Reader, requests_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its failure was met while it was read ahead, and another list had the run begin again first."""
    monkeypatch.setattr(reader, "_IN_MEMORY", 20)
    moving = [{"json": page(number, 2, 3)} for number in (0, 1)]
    requests_mock.get(f"{URL}/users", [*moving * 5, {"json": page(0, 1, 1)}])
    for _ in range(2):
        with pytest.raises(LivestormListChangedError):
            reading.read(Request("users", "/users", None))
