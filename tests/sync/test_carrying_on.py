"""A run that was cut short is carried on by the next try: what was answered is not asked again."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest

from airflow_provider_livestorm.exceptions import LivestormQuotaExceededError, LivestormServerError
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync import journal
from airflow_provider_livestorm.sync.privacy import Privacy
from airflow_provider_livestorm.sync.state import Destination
from tests.sync.conftest import Syncing
from trials.syncing import client_of, sync


def fail_at(sandbox: SandboxProcess, path: str) -> None:
    sandbox.add_fault(path_prefix=path, status=500, times=0)


def last_session(sandbox: SandboxProcess) -> str:
    return str(sandbox.truth("sessions")[-1]["id"])


def kept_pages(made: Syncing) -> list[bytes]:
    """What is in the journal, a page each."""
    files = (made.folder / "_livestorm" / "runs").glob("*/*.pages")
    return [line for file in files for line in file.read_bytes().splitlines() if line]


@pytest.fixture
def broken(sandbox: SandboxProcess, syncing: Any) -> Syncing:
    """A sync that failed at the people of the last session."""
    made: Syncing = syncing(sandbox)
    fail_at(sandbox, f"/v1/sessions/{last_session(sandbox)}")
    with pytest.raises(LivestormServerError):
        made("events", "sessions", "session_people")
    sandbox.clear_faults()
    return made


def test_the_next_try_asks_only_what_was_not_answered(broken: Syncing, tmp_path: pathlib.Path) -> None:
    whole = Syncing(broken.sandbox, tmp_path / "another")("events", "sessions", "session_people").calls
    kept = len(kept_pages(broken))
    assert kept > 5
    calls = broken.calls(lambda: broken("events", "sessions", "session_people"))
    assert sum(calls.values()) == whole - kept
    assert "listEvents" not in calls
    assert broken.different("events", "sessions", "session_people") == []


def test_another_task_does_not_take_its_pages(broken: Syncing) -> None:
    assert "listEvents" in broken.calls(lambda: broken("events"))


def test_nothing_is_left_of_the_journal_once_it_is_published(broken: Syncing) -> None:
    assert kept_pages(broken)
    broken("events", "sessions", "session_people")
    assert not list((broken.folder / "_livestorm" / "runs").rglob("*"))


def test_what_is_kept_opens_no_door(broken: Syncing) -> None:
    secrets = [text.encode() for text in broken.sandbox.secrets()]
    assert secrets
    for page in (broken.folder / "_livestorm" / "runs").rglob("*"):
        content = page.read_bytes() if page.is_file() else b""
        assert not [secret for secret in secrets if secret in content]
        assert b"password_key" not in content


def test_with_a_key_what_is_kept_is_encrypted_and_carried_on(sandbox: SandboxProcess, syncing: Any) -> None:
    made: Syncing = syncing(sandbox)
    how = {"privacy": Privacy(exclude=(), key="a long random text")}
    fail_at(sandbox, f"/v1/sessions/{last_session(sandbox)}")
    with pytest.raises(LivestormServerError):
        made("session_people", **how)
    sandbox.clear_faults()
    pages = kept_pages(made)
    assert len(pages) > 5
    assert not [page for page in pages if b"@" in page]
    assert made("session_people", **how).resumed == len(pages)


def test_a_damaged_page_is_asked_for_again(broken: Syncing, caplog: pytest.LogCaptureFixture) -> None:
    for file in (broken.folder / "_livestorm" / "runs").glob("*/*.pages"):
        file.write_bytes(re.sub(rb"...\n", b"   \n", file.read_bytes()))
    broken("events", "sessions", "session_people")
    assert "is damaged" in caplog.text
    assert broken.different("events", "sessions", "session_people") == []


def sync_failing_at_page(made: Syncing, session: str, page: int) -> None:
    client = client_of(made.sandbox)
    request = client.request

    def failing(method: str, path: str, **more: Any) -> Any:
        if path == f"/sessions/{session}/people" and more["params"].get("page[number]") == page:
            raise LivestormServerError("as asked", status=500)
        return request(method, path, **more)

    client.request = failing  # type: ignore[method-assign]
    sync(made.sandbox, made.folder, made.plan("session_people"), client=client)


def test_a_list_that_was_half_read_long_ago_is_read_anew(
    sandbox: SandboxProcess, syncing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that left an earlier page meanwhile would have moved others out of sight."""
    made = syncing(sandbox)
    long = max(sandbox.truth("sessions"), key=lambda row: row["attributes"]["registrants_count"])["id"]
    sandbox.configure(included_people="cut")
    with pytest.raises(LivestormServerError):
        sync_failing_at_page(made, long, 1)
    monkeypatch.setattr(journal, "_FRESH", -1.0)
    calls = made.calls(lambda: made("session_people"))
    assert calls["listSessionPeople"] >= 3  # pages of the longest
    assert made.different("session_people") == []


def test_a_run_out_of_quota_goes_on_in_the_next_month(syncing: Any) -> None:
    with SandboxProcess(preset="tiny", interval_limit=0, monthly_limit=12, life="none") as sandbox:
        made = syncing(sandbox)
        calls = 0
        for _ in range(10):
            try:
                result = made("events", "sessions", "session_people")
            except LivestormQuotaExceededError:
                sandbox.advance(31 * 86_400)
            else:
                break
            calls += 1
        assert calls == 1
        assert result.resumed > 10
        sandbox.configure(monthly_limit=0)
        made("events", "sessions", "session_people")  # it was as of its begin, a month ago
        assert made.different("events", "sessions", "session_people") == []


def test_the_ledger_of_the_state_before_is_removed(sandbox: SandboxProcess, syncing: Any) -> None:
    made = syncing(sandbox)
    for _ in range(2):
        made("events")
        manifest = json.loads((made.folder / "_livestorm" / "manifest.json").read_bytes())
        assert [made.folder / manifest["ledger"]] == list((made.folder / "_livestorm" / "ledgers").iterdir())


def test_files_stay_where_it_cannot_be_told_whether_they_are_published(
    sandbox: SandboxProcess, syncing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest was stored, and the answer did not come."""
    made = syncing(sandbox)
    publish = Destination.publish

    def lost(self: Destination, *arguments: Any, **more: Any) -> Any:
        publish(self, *arguments, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(Destination, "publish", lost)
    with pytest.raises(KeyboardInterrupt):
        made("events", "sessions")
    monkeypatch.undo()
    assert made("events", "sessions").summary()["rows"] == 0
    assert made.different("events", "sessions") == []
