"""Runs in mode cursor: what changed is found, however it changed; and what this workspace's API does is learned."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_livestorm.exceptions import (
    LivestormConnectionError,
    LivestormDestinationError,
    LivestormListChangedError,
)
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.planner import filters_of
from airflow_provider_livestorm.sync.privacy import Privacy
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from tests import truth
from tests.sync.conftest import Syncing, writer
from trials.syncing import COMFORTABLE, EVERYTHING, client_of, todo

DAY = 86_400


@pytest.fixture
def quiet() -> Iterator[SandboxProcess]:
    """A workspace in which nothing happens by itself; the comfortable positions."""
    with SandboxProcess(preset="tiny", interval_limit=0, life="none", **COMFORTABLE) as sandbox:
        sandbox.advance(DAY)
        yield sandbox


def upcoming(sandbox: SandboxProcess) -> str:
    return next(str(row["id"]) for row in sandbox.truth("sessions") if row["attributes"]["status"] == "upcoming")


def person_of(sandbox: SandboxProcess, session: str) -> str:
    return next(str(row["id"]) for row in sandbox.truth("session_people") if row["session_id"] == session)


def test_somebody_who_left_a_session_is_marked_everywhere(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made()
    session = upcoming(quiet)
    person = person_of(quiet, session)
    with writer(quiet) as client:
        client.request("DELETE", f"/sessions/{session}/people/{person}")
    result = made()
    assert result.streams["session_people"].deleted == 1
    assert result.streams["registration_answers"].deleted > 0
    assert made.different() == []


def test_nothing_is_marked_unless_asked_for(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made(mark_deleted=False)
    session = upcoming(quiet)
    with writer(quiet) as client:
        client.request("DELETE", f"/sessions/{session}/people/{person_of(quiet, session)}")
    result = made(mark_deleted=False)
    assert {entry.deleted for entry in result.streams.values()} == {0}
    assert "_deleted_at" not in truth.published_rows(made.folder, "session_people")[0]


def test_a_session_that_is_gone_takes_its_people_with_it(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made()
    past = next(row for row in quiet.truth("chat_messages"))["session_id"]
    with writer(quiet) as client:
        client.request("DELETE", f"/sessions/{past}")
    result = made()
    for stream in ("sessions", "session_people", "chat_messages"):
        assert result.streams[stream].deleted > 0, stream
    assert made.different() == []


def test_a_run_in_which_nothing_happened_takes_few_calls(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made()
    quiet.advance(40 * DAY)  # what lay ahead is long past
    made()
    calls = made.calls(lambda: made("events", "sessions", "session_people"))
    assert calls == {"listEvents": 1, "listSessionPeople": 1}  # of the session on demand, to which people still come


def test_a_registration_is_found_though_nothing_shows_it(syncing: Any) -> None:
    """Where updated_at stays: the count moves; where one came and one went, not even that."""
    with SandboxProcess(preset="tiny", interval_limit=0, life="none", session_updates="stays") as sandbox:
        sandbox.advance(DAY)
        made: Syncing = syncing(sandbox)
        made()
        session = upcoming(sandbox)
        with writer(sandbox) as client:
            client.request("DELETE", f"/sessions/{session}/people/{person_of(sandbox, session)}")
            fields = [{"id": "email", "value": "somebody-else@example.com"}]
            body = {"data": {"type": "people", "attributes": {"fields": fields}}}
            client.request("POST", f"/sessions/{session}/people", json=body)
        made()
        assert made.different() == []


def test_a_new_tag_is_found_though_it_moves_nothing(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made()
    event = quiet.truth("events")[0]["id"]
    with writer(quiet) as client:
        body = {"data": {"type": "tags", "attributes": {"title": "brand new"}}}
        client.request("POST", f"/events/{event}/tags", json=body)
        assert made().streams["event_tags"].rows == 1
        client.request("DELETE", f"/events/{event}/tags", json=body)
        assert made().streams["event_tags"].deleted == 1
    assert made.different() == []


def test_a_reconcile_finds_what_nothing_shows_within_its_budget(syncing: Any) -> None:
    with SandboxProcess(preset="tiny", interval_limit=0, life="none", session_updates="stays") as sandbox:
        made: Syncing = syncing(sandbox)
        made()
        sandbox.advance(40 * DAY)  # every session is long past
        made()
        past = next(
            str(row["id"])
            for row in sandbox.truth("sessions")
            if row["attributes"]["ended_at"] and row["attributes"]["registrants_count"]
        )
        with writer(sandbox) as client:
            body = {"data": {"type": "people", "attributes": {"fields": [{"id": "first_name", "value": "Renamed"}]}}}
            with pytest.raises(LivestormConnectionError):  # it is done, and the answer comes late (api.md 9)
                client.request("PATCH", f"/sessions/{past}/people/{person_of(sandbox, past)}", json=body)
        made()
        assert "session_people" in made.different(), "nothing showed it"
        budget = 3
        for _ in range(12):
            sandbox.advance(31 * DAY)
            how = {"reconcile": dt.timedelta(days=30), "reconcile_calls": budget}
            calls = made.calls(lambda how=how: made("events", "sessions", "session_people", **how))  # type: ignore[misc]
            assert calls.get("listSessionPeople", 0) + calls.get("getSession", 0) <= budget + 1
            if not made.different("session_people"):
                return
        pytest.fail("the change was never found")


def test_another_workspace_is_refused(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made("events", "session_people")
    with (
        SandboxProcess(preset="tiny", seed=7, interval_limit=0) as other,
        pytest.raises(LivestormDestinationError, match="holds another workspace's data"),
    ):
        Syncing(other, made.folder)("events", "session_people")


def test_a_lost_ledger_means_a_full_run_and_no_wrong_one(
    quiet: SandboxProcess, syncing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made: Syncing = syncing(quiet)
    made()
    for ledger in (made.folder / "_livestorm" / "ledgers").iterdir():
        ledger.write_bytes(b"not what it was")
    made()
    assert "this run reads everything anew" in caplog.text
    assert made.different() == []


def test_a_stream_that_is_added_later_is_read_whole(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made("events", "sessions", "session_people")
    made()
    assert made.different() == []


def test_other_columns_mean_that_all_rows_are_written_anew(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made("people", "session_people")
    made("people", "session_people", privacy=Privacy(exclude=("people.email",)))
    rows = truth.published_rows(made.folder, "people")
    assert len(rows) == len(quiet.truth("people"))
    assert not any("email" in row for row in rows)


@pytest.mark.parametrize(("included", "sentence"), [("complete", "brings all"), ("cut", "does not bring all")])
def test_the_plan_says_what_was_learned_and_what_it_costs(syncing: Any, included: str, sentence: str) -> None:
    with SandboxProcess(preset="tiny", interval_limit=0, **(COMFORTABLE | {"included_people": included})) as sandbox:
        sandbox.advance(DAY)
        made: Syncing = syncing(sandbox)
        first = _forecast(made)
        took = made().calls
        assert first.least <= took <= first.most
        sandbox.advance(DAY)
        second = _forecast(made)
        assert any(sentence in line for line in second.lines())
        remaining = sandbox.status()["counters"]["used_this_month"]
        assert second.quota_remaining == 10_000 - remaining
        assert second.least <= made().calls <= second.most
        assert not list((made.folder / "_livestorm" / "runs").rglob("*.page*"))


def _forecast(made: Syncing) -> Any:
    now = dt.datetime.fromtimestamp(made.sandbox.now(), dt.UTC)
    with client_of(made.sandbox) as client:
        return SyncRunner(client, Destination(made.folder), todo(EVERYTHING), now=lambda: now).plan()


def test_filters_keep_what_is_asked_for(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    event = quiet.truth("events")[0]["id"]
    made(filters=filters_of({"events": [event], "roles": "participant"}))
    assert [row["id"] for row in truth.published_rows(made.folder, "events")] == [event]
    sessions = {row["id"] for row in quiet.truth("sessions") if row["attributes"]["event_id"] == event}
    assert {row["id"] for row in truth.published_rows(made.folder, "sessions")} == sessions
    people = [
        row["id"]
        for row in quiet.truth("session_people")
        if row["session_id"] in sessions and row["attributes"]["role"] == "participant"
    ]
    assert sorted(row["id"] for row in truth.published_rows(made.folder, "session_people")) == sorted(people)

    tag = quiet.truth("event_tags")[0]
    having = {row["event_id"] for row in quiet.truth("event_tags") if row["id"] == tag["id"]}
    made(filters=filters_of({"tags": [tag["attributes"]["title"].upper()], "statuses": ["past"]}))
    assert {row["id"] for row in truth.published_rows(made.folder, "events")} == having
    assert {row["status"] for row in truth.published_rows(made.folder, "sessions")} <= {"past"}


def test_intervals_together_hold_the_workspace_and_each_may_be_run_again(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    streams = ("events", "sessions", "session_people", "registration_answers")
    now = dt.datetime.fromtimestamp(quiet.now(), dt.UTC)
    begin = now - dt.timedelta(days=400)
    while begin < now:
        end = begin + dt.timedelta(days=50)
        for _ in range(2):
            made(*streams, mode="interval", since=begin, until=end)
        begin = end
    manifest = json.loads((made.folder / "_livestorm" / "manifest.json").read_bytes())
    windows = [(run["updated_since"], run["updated_until"]) for run in manifest["runs"]]
    assert len(windows) == 16
    assert len(set(windows)) == 8
    assert made.different(*streams) == []


def test_an_event_that_gains_the_tag_is_published_and_one_that_loses_it_is_gone(
    quiet: SandboxProcess, syncing: Any
) -> None:
    made: Syncing = syncing(quiet)
    how = {"filters": filters_of({"tags": ["brand new"]})}
    made(**how)
    assert truth.published_rows(made.folder, "events") == []
    event = next(row["id"] for row in quiet.truth("events") if row["attributes"]["sessions_count"])
    body = {"data": {"type": "tags", "attributes": {"title": "Brand New"}}}
    with writer(quiet) as client:
        client.request("POST", f"/events/{event}/tags", json=body)
        made(**how)
        sessions = {row["id"] for row in quiet.truth("sessions") if row["attributes"]["event_id"] == event}
        people = [row for row in quiet.truth("session_people") if row["session_id"] in sessions]
        assert [row["id"] for row in truth.published_rows(made.folder, "events")] == [event]
        assert {row["id"] for row in truth.published_rows(made.folder, "sessions")} == sessions
        assert len(truth.published_rows(made.folder, "session_people")) == len(people)
        contacts = {row["id"] for row in truth.published_rows(made.folder, "people")}
        assert contacts == {row["id"] for row in people}, "not the whole workspace's"
        client.request("DELETE", f"/events/{event}/tags", json=body)
        made(**how)
    for stream in ("events", "sessions", "session_people", "event_tags"):
        assert truth.published_rows(made.folder, stream) == [], stream


def test_a_run_of_other_streams_takes_nothing_from_the_next(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made()
    event, session = quiet.truth("events")[0]["id"], next(row for row in quiet.truth("chat_messages"))["session_id"]
    with writer(quiet) as client:
        change = {"data": {"type": "events", "attributes": {"title": "Another title"}}}
        client.request("PATCH", f"/events/{event}", json=change)
        client.request("DELETE", f"/sessions/{session}")
    for streams in (("session_people",), ("registration_answers",)):
        made(*streams)
    made()
    assert made.different() == []


def test_a_list_that_was_never_whole_does_not_bind_the_next_try(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    quiet.add_fault(path_prefix="/v1/users", body="record-count-off", times=3)
    with pytest.raises(LivestormListChangedError):
        made("users")
    made("users")
    assert made.different("users") == []


def test_files_that_were_replaced_are_removed_by_the_run_after_the_next(quiet: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(quiet)
    made("people")
    (old,) = made.folder.glob("people/*/part-*")
    made("people", mode="full")
    assert old.exists(), "somebody may read it"
    made("people")
    assert not old.exists()
    assert made.different("people") == []
