"""The hook against the sandbox, with a private API token and no database near; tests/e2e proves OAuth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from airflow_provider_livestorm.api.records import Event
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormNotFoundError
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow


@pytest.fixture
def hook(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[LivestormHook]:
    members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
    monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(members))
    hook = LivestormHook("livestorm_test")
    yield hook
    hook.get_conn().close()


def test_readers_give_typed_records(hook: LivestormHook, sandbox: SandboxProcess) -> None:
    events = list(hook.events())
    assert all(isinstance(event, Event) for event in events)
    assert [event.id for event in events] == [row["id"] for row in sandbox.truth("events")]
    raw = sandbox.truth("events")[0]["attributes"]
    assert events[0].title == raw["title"]
    assert events[0].created_at is not None
    assert events[0].created_at.timestamp() == raw["created_at"]


def test_filters_reach_livestorm(hook: LivestormHook, sandbox: SandboxProcess) -> None:
    upcoming = {row["id"] for row in sandbox.truth("sessions") if row["attributes"]["status"] == "upcoming"}
    assert upcoming
    assert {session.id for session in hook.sessions(status="upcoming")} == upcoming


def test_sessions_and_people_hang_together(hook: LivestormHook, sandbox: SandboxProcess) -> None:
    event = next(iter(hook.events()))
    sessions = list(hook.sessions(event_id=event.id))
    assert {session.event_id for session in sessions} == {event.id}
    people = list(hook.session_people(sessions[0].id))
    expected = [row["id"] for row in sandbox.truth("session_people") if row["session_id"] == sessions[0].id]
    assert [person.id for person in people] == expected
    assert {person.session_id for person in people} <= {sessions[0].id}


def test_single_records_can_be_asked_for(hook: LivestormHook, sandbox: SandboxProcess) -> None:
    session = sandbox.truth("sessions")[0]
    assert hook.session(session["id"]).event_id == session["attributes"]["event_id"]
    assert hook.event(session["attributes"]["event_id"]).id == session["attributes"]["event_id"]
    with pytest.raises(LivestormNotFoundError, match="It does not exist, or belongs to another workspace"):
        hook.event("00000000-0000-4000-8000-000000000000")


def test_any_operation_can_be_called(hook: LivestormHook, sandbox: SandboxProcess) -> None:
    hook.ping()
    assert hook.run("organization").one.type == "organizations"
    assert hook.request("GET", "/events", params={"page[size]": 1}).document.meta.record_count == len(
        sandbox.truth("events")
    )
    assert [page.number for page in hook.paginate("/events", page_size=2)] == [0, 1, 2]


def test_an_unknown_filter_is_refused_before_a_call_is_spent(hook: LivestormHook, sandbox: SandboxProcess) -> None:
    sandbox.reset_counters()
    with pytest.raises(LivestormConfigurationError, match="events has no filter colour; it has"):
        list(hook.events(colour="blue"))
    assert sandbox.status()["counters"]["calls_total"] == 0


def test_the_quota_is_that_of_the_last_answer(hook: LivestormHook, sandbox: SandboxProcess) -> None:
    assert hook.quota.monthly_remaining is None
    hook.ping()
    assert hook.quota.monthly_limit == 10_000
    assert hook.quota.monthly_remaining == 10_000 - sandbox.status()["counters"]["used_this_month"]


def test_the_token_can_be_had_for_calls_of_ones_own(hook: LivestormHook, sandbox: SandboxProcess) -> None:
    assert hook.get_token() == sandbox.credentials()["api_token"]


def test_the_connection_test_says_who_we_are_and_what_is_left(hook: LivestormHook) -> None:
    works, message = hook.test_connection()
    assert works, message
    assert message.startswith("Connected as Sandbox & Söhne; 9,9")
    assert message.endswith(" of 10,000 calls left this month.")


@pytest.mark.parametrize("status", [403, 401])
def test_a_credential_that_may_not_ask_who_it_is_works_all_the_same(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    sandbox.configure(missing_scope=status)
    members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.make_api_token("events:read")}
    monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(members))
    works, message = LivestormHook("livestorm_test").test_connection()
    assert works, message
    assert message.startswith("Connected as somebody whom Livestorm does not name without the scope identity:read; 9,9")


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (None, "There is no connection 'livestorm_test'"),
        ({"password": "not-the-token"}, "HTTP 401"),
        ({"password": None}, "has no password"),
    ],
)
def test_the_connection_test_says_what_is_wrong(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch, members: dict[str, str | None] | None, sentence: str
) -> None:
    if members is not None:
        base = {"conn_type": "livestorm", "host": sandbox.api_url}
        monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(base | members))
    works, message = LivestormHook("livestorm_test").test_connection()
    assert not works
    assert sentence in message


# --- OAuth, with a database -----

_TEST_BUTTON = """
import json, os, sys
from airflow.models.connection import Connection
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow.utils.session import create_session
rows, tests = json.load(sys.stdin)
with create_session() as session:
    session.add_all(Connection(conn_id=conn_id, **members) for conn_id, members in rows.items())
for conn_id, members, store in tests:
    os.environ["AIRFLOW__LIVESTORM__TOKEN_STORE"] = store
    if members:  # as the api-server tests a form: a copy under a random id, in the environment
        os.environ["AIRFLOW_CONN_" + conn_id.upper()] = json.dumps(members)
    if conn_id == "environment":  # no copy: it has been used, and keeps its tokens in a row beside
        LivestormHook(conn_id).get_token()
    result = LivestormHook(conn_id).test_connection()
    print(json.dumps(result), file=sys.stderr)
    results = [*globals().get("results", []), result]
print(json.dumps(results))
"""


def test_the_test_button_never_spends_a_refresh_token_that_nobody_keeps(
    sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    airflow = LocalAirflow(tmp_path_factory.mktemp("airflow"))
    airflow.migrate()
    grant = sandbox.grant()
    form = {
        "conn_type": "livestorm",
        "host": sandbox.api_url,
        "login": grant["client_id"],
        "password": grant["client_secret"],
        "extra": json.dumps({"refresh_token": grant["refresh_token"], "token_url": sandbox.token_url}),
    }
    unsaved = form | {
        "extra": json.dumps({"refresh_token": sandbox.grant()["refresh_token"], "token_url": sandbox.token_url})
    }
    fresh = form | {"extra": json.dumps({"token_url": sandbox.token_url})}
    sandbox.reset_counters()

    tests = [
        ("xyzunsaved", unsaved, "auto"), ("xyzcopy", form, "auto"), ("xyzcopy2", form, "auto"), ("saved", None, "auto"),
        ("environment", unsaved, "auto"), ("xyzfresh", fresh, "auto"),
        ("xyznew", fresh | {"login": "another-client"}, "auto"),
        ("saved", None, "variable"), ("xyzfresh", fresh, "variable"),
    ]  # fmt: skip
    not_saved, copy, again, saved, elsewhere, unconnected, new, no_dag, no_seed = airflow.python(
        _TEST_BUTTON, [{"saved": form, "fresh": fresh}, tests]
    )

    assert not_saved == [False, not_saved[1]]
    assert "Save the connection first" in not_saved[1]
    assert copy[0], copy[1]
    assert re.fullmatch(
        r"Connected as Léa Martin \(team0@sandbox\.example\), workspace Sandbox & Söhne; scopes identity:read,"
        r" events:read; 9,9\d\d of 10,000 calls left this month\.",
        copy[1],
    ), copy[1]
    assert not again[0], "its refresh token is one that the saved row has replaced: the form must be loaded again"
    assert saved[0], saved[1]
    assert not no_dag[0], "nobody has stored a token yet"
    assert "Is the refresh DAG of this connection switched on" in no_dag[1], "told at once: it would wait two minutes"
    to_the_page = f"open {airflow.url}/livestorm/?connection=fresh and click Connect"
    for told in (unconnected, no_seed):
        assert told == [False, f"Nobody has authorized this connection at Livestorm yet: {to_the_page}."]
    assert new == [False, "Save the connection and authorize it at Livestorm, then test it."]
    assert elsewhere[0], elsewhere[1]
    counters = sandbox.status()["counters"]
    assert counters["refreshes"] == 2
    assert counters["reuses_of_spent_tokens"] == 0
    row = airflow.read_connection("saved")["extra"]
    assert row["refresh_token"] not in (grant["refresh_token"], sandbox.newest_refresh_token())
    assert row["refresh_token"] in sandbox.secrets()
