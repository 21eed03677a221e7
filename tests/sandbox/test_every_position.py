"""The client in each position of each switch: what api.md leaves unsure must not matter to who uses it.

One tour through the API, with an OAuth token that is refreshed on the way, is gone on in every position.
"""

from __future__ import annotations

import datetime as dt
import itertools
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.auth.credentials import OAuthCredential
from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.oauth import OAuthClient
from airflow_provider_livestorm.exceptions import (
    LivestormApiError,
    LivestormAuthenticationError,
    LivestormConnectionError,
    LivestormForbiddenError,
)
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sync.planner import plan
from airflow_provider_livestorm.sync.privacy import Privacy
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from tests import truth
from tests.auth.rotation import MemoryStore

STREAMS = ("events", "sessions", "session_people")
# These have tests of their own.
ELSEWHERE = {"workspace_state", "missing_scope", "life", "webhook_urls", "pkce", "consent"}
NUMBERS = {
    "token_life": (1, 86_400),
    "code_life": (1, 600),
    "interval_limit": (0, 50),
    "monthly_limit": (0, 1_000_000),
    "contacts_limit": (0, 100_000),
    "attendance_delay": (0, 100_000),
    "person_update_delay": (0, 120),
}
POSITIONS = [
    (one["name"], value)
    for one in Settings().described()
    if one["name"] not in ELSEWHERE
    for value in one["choices"] or NUMBERS[one["name"]]
]
SCOPE = "identity:read events:write admin:read webhooks:read"
numbers = itertools.count()


def open_client(sandbox: SandboxProcess, scope: str = SCOPE) -> LivestormClient:
    grant = sandbox.grant(scope)
    store = MemoryStore({"refresh_token": grant["refresh_token"]})
    oauth = OAuthClient(grant["client_id"], grant["client_secret"], sandbox.token_url, sandbox.authorize_url)
    credential = OAuthCredential(TokenLease("conn", store, oauth, mask=lambda _: None))
    return LivestormClient(
        credential, base_url=sandbox.api_url, pacer=Pacer(sleep=lambda _: None), timeout=(5.0, 0.4), sleep=time.sleep
    )


@pytest.fixture
def client(sandbox: SandboxProcess, position: tuple[str, Any]) -> Iterator[LivestormClient]:
    sandbox.configure(**{"incomplete_people": "some", position[0]: position[1]})
    with open_client(sandbox) as client:
        yield client


def assert_published(folder: pathlib.Path, sandbox: SandboxProcess, *streams: str) -> None:
    for stream in streams:
        expected = truth.expected_rows(stream, sandbox.truth(stream))
        assert truth.digest(stream, truth.published_rows(folder, stream)) == truth.digest(stream, expected), stream


def document(kind: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": kind, "attributes": attributes}}


def ids(client: LivestormClient, path: str, **params: Any) -> list[str]:
    return [one.id for page in client.paginate(path, params=params) for one in page.resources]


def plain(sandbox: SandboxProcess, status: str) -> str:
    """A session in this status whose event asks for an e-mail address."""
    events = {one["id"]: one["attributes"] for one in sandbox.truth("events")}
    return next(
        str(one["id"])
        for one in sandbox.truth("sessions")
        if one["attributes"]["status"] == status
        and any(field["id"] == "email" for field in events[one["attributes"]["event_id"]]["fields"])
    )


def now_of(sandbox: SandboxProcess) -> Callable[[], dt.datetime]:
    return lambda: dt.datetime.fromtimestamp(sandbox.now(), dt.UTC)


@pytest.mark.parametrize("position", POSITIONS, ids=lambda one: f"{one[0]}={one[1]}")
def test_a_whole_run_lands_the_workspace_as_it_is(
    sandbox: SandboxProcess, client: LivestormClient, tmp_path: pathlib.Path
) -> None:
    todo = plan(STREAMS, on_unknown="fail", privacy=Privacy(exclude=()))
    SyncRunner(client, Destination(tmp_path), todo, now=now_of(sandbox)).run()
    assert_published(tmp_path, sandbox, *STREAMS)
    assert sandbox.status()["counters"]["reuses_of_spent_tokens"] == 0


@pytest.mark.parametrize("position", POSITIONS, ids=lambda one: f"{one[0]}={one[1]}")
def test_every_list_is_read_to_its_end(sandbox: SandboxProcess, client: LivestormClient) -> None:
    assert client.request("GET", "/me", params={"include": "organization"}).document.included
    assert client.request("GET", "/organization").document.one.id
    for stream in ("people", "people_attributes", "users", "webhooks"):
        assert sorted(ids(client, f"/{stream}")) == sorted(one["id"] for one in sandbox.truth(stream)), stream
    for child in ("chat_messages", "questions", "recordings"):
        rows = sandbox.truth(child)
        session = rows[0]["session_id"]
        expected = [one["id"] for one in rows if one["session_id"] == session]
        assert ids(client, f"/sessions/{session}/{child}") == expected, child


@pytest.mark.parametrize("position", POSITIONS, ids=lambda one: f"{one[0]}={one[1]}")
def test_people_are_registered_changed_and_taken_out(
    sandbox: SandboxProcess, client: LivestormClient, position: tuple[str, Any]
) -> None:
    session = plain(sandbox, "upcoming")
    email = f"tour{next(numbers)}@people.example"
    people, mine = f"/sessions/{session}/people", {"filter[email]": email}

    def fields(**values: str) -> list[dict[str, str]]:
        return [{"id": name, "value": value} for name, value in values.items()]

    registered = client.request("POST", people, json=document("people", fields=fields(email=email)))
    assert registered.status == 201
    person = registered.document.one.id
    assert ids(client, people, **mine) == [person]
    with pytest.raises(LivestormApiError) as again:
        client.request("POST", people, json=document("people", fields=fields(email=email)))
    assert again.value.status in (409, 422)
    with pytest.raises(LivestormApiError, match="The field 'shoe' doesn't exist") as unknown:
        client.request("POST", people, json=document("people", fields=fields(email=f"x{email}", shoe="42")))
    assert unknown.value.status in (400, 422)

    try:
        changed = client.request(
            "PATCH", f"{people}/{person}", json=document("people", fields=fields(first_name="Ada"))
        )
    except LivestormConnectionError:  # applied, and answered too late (api.md 9)
        assert sandbox.status()["settings"]["person_update_delay"]
    else:
        assert changed.status == 200
    (page,) = client.paginate(people, params=mine)
    assert page.resources[0].attributes["first_name"] == "Ada"

    task: dict[str, Any] = {"fields": fields(email=f"bulk.{email}")}
    if position == ("bulk_tasks", "attributes"):
        task = {"attributes": task}
    job = client.request("POST", f"{people}/bulk", json=document("jobs", tasks=[task])).document.one
    sandbox.advance(1)
    assert client.request("GET", f"/jobs/{job.id}").document.one.attributes["status"] == "ended"
    assert len(client.request("GET", f"/jobs/{job.id}/tasks").document.many) == 1

    assert client.request("DELETE", people, params=mine).status in (200, 204)
    assert ids(client, people, **mine) == []


MOVING = ("bounds", "people_window", "session_updates", "event_updates", "breakout_rooms", "attendance_delay")


@pytest.mark.parametrize(
    "position", [one for one in POSITIONS if one[0] in MOVING], ids=lambda one: f"{one[0]}={one[1]}"
)
def test_people_who_came_since_the_last_run_are_found_whatever_moves(
    tmp_path: pathlib.Path, position: tuple[str, Any]
) -> None:
    """Registrations, attendance and late replays of a day and a half, where nothing is deleted.

    A replay is watched up to three weeks after a session, so the settle window is as long.
    """
    with SandboxProcess("tiny", interval_limit=0, life="no_deletions", **{position[0]: position[1]}) as sandbox:
        with open_client(sandbox) as client:
            for days in (0, 1.5):
                sandbox.advance(days * 86_400)
                settle = dt.timedelta(days=30)
                todo = plan(STREAMS, settle=settle, on_unknown="fail", privacy=Privacy(exclude=()))
                SyncRunner(client, Destination(tmp_path), todo, now=now_of(sandbox)).run()
        assert_published(tmp_path, sandbox, "session_people")


@pytest.mark.parametrize("status", [403, 401])
def test_a_scope_that_lacks_is_an_error_that_says_so(sandbox: SandboxProcess, status: int) -> None:
    sandbox.configure(missing_scope=status)
    expected = LivestormForbiddenError if status == 403 else LivestormAuthenticationError
    with open_client(sandbox, "events:read") as client:
        client.request("GET", "/events")
        sandbox.reset_counters()
        for _ in range(3):
            with pytest.raises(expected, match="scope"):
                client.request("GET", "/webhooks")
    assert sandbox.status()["counters"]["refreshes"] == 0, "another token would not help"


def test_a_blocked_workspace_is_an_error_that_says_so(sandbox: SandboxProcess) -> None:
    sandbox.configure(workspace_state="blocked")
    with open_client(sandbox) as client, pytest.raises(LivestormForbiddenError, match="Workspace blocked"):
        client.request("GET", "/ping")


def test_an_allowance_that_is_used_up_is_an_error_that_says_so(sandbox: SandboxProcess) -> None:
    sandbox.configure(contacts_limit=1)
    body = document("people", fields=[{"id": "email", "value": "late@people.example"}])
    with open_client(sandbox) as client, pytest.raises(LivestormApiError, match="allowance") as error:
        client.request("POST", f"/sessions/{plain(sandbox, 'upcoming')}/people", json=body)
    assert error.value.status == 402
