"""The controls: what a test or a person may see and change of the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.caller import Api, session_with
from tests.sandbox.facts import Facts


def test_calls_are_counted_by_operation_and_by_status(api: Api, sandbox: SandboxProcess) -> None:
    api.get("/events")
    api.get("/events", page__number=9)
    api.get("/polls")
    counters = sandbox.status()["counters"]
    assert counters["calls_by_operation"] == {"listEvents": 2, "unknown": 1}
    assert counters["answers_by_status"] == {"200": 1, "400": 1, "404": 1}
    assert counters["calls_total"] == 3
    sandbox.reset_counters()
    assert sandbox.status()["counters"]["calls_by_operation"] == {}


def test_refused_calls_are_counted_by_the_limit_that_refused_them(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.configure(interval_limit=1)
    while api.get("/ping").status_code == 200:
        pass
    sandbox.configure(interval_limit=0, monthly_limit=1)
    assert api.get("/ping").status_code == 429
    assert sandbox.status()["counters"]["refused_by_limit"] == {"interval": 1, "monthly": 1}


def test_connections_are_counted_but_not_the_controls_own(api: Api, sandbox: SandboxProcess) -> None:
    api.get("/ping")
    api.get("/ping")
    sandbox.status()
    assert sandbox.status()["counters"]["connections_opened"] == 1
    for _ in range(3):
        requests.get(f"{sandbox.api_url}/ping", timeout=10).close()
    assert sandbox.status()["counters"]["connections_opened"] == 4
    sandbox.reset_counters()
    api.get("/ping")
    assert sandbox.status()["counters"]["connections_opened"] == 1


def test_the_workspace_is_counted(sandbox: SandboxProcess) -> None:
    people = sandbox.truth("session_people")
    assert sandbox.status()["workspace"] == {
        "events": len(sandbox.truth("events")),
        "sessions": len(sandbox.truth("sessions")),
        "session_people": len(people),
        "people": len(sandbox.truth("people")),
        **{name: len(sandbox.truth(name)) for name in ("chat_messages", "questions", "recordings")},
        "users": 5, "webhooks": 0, "jobs": 0,
    }  # fmt: skip
    assert len({row["id"] for row in people}) <= len(sandbox.truth("people"))


def test_every_secret_is_named(api: Api, sandbox: SandboxProcess) -> None:
    grant, credentials = sandbox.grant(), sandbox.credentials()
    named = set(sandbox.secrets())
    assert {grant["access_token"], grant["refresh_token"]} <= named
    assert {credentials["client_secret"], credentials["api_token"]} <= named
    for row in api.get(f"/sessions/{session_with(sandbox, 120)}/people", page__size=50).json()["data"]:
        detail = row["attributes"]["registrant_detail"]
        assert {detail["connection_link"], detail["password_key"] or detail["connection_link"]} <= named


def test_the_clock_can_be_set_and_moved(sandbox: SandboxProcess) -> None:
    with requests.Session() as web:
        url = f"{sandbox.url}/_sandbox/clock"
        assert int(web.post(url, json={"set": 1_800_000_000}, timeout=10).json()["clock"]) == 1_800_000_000
        sandbox.advance(3600)
        assert int(sandbox.now()) == 1_800_003_600
        for body in ({"advance": "inf"}, {"advance": None}, {"set": True}, {}, {"advance": 1, "set": 2}, {"to": 1}):
            assert web.post(url, json=body, timeout=10).status_code == 400, body
        assert web.post(url, data=b"[1]", timeout=10).status_code == 400
    assert int(sandbox.now()) == 1_800_003_600


def test_a_setting_that_does_not_exist_is_refused_with_those_that_do(sandbox: SandboxProcess) -> None:
    with pytest.raises(RuntimeError, match="no setting 'colour'; there are attendance_delay, basic_client"):
        sandbox.configure(colour="blue")
    with pytest.raises(RuntimeError, match="rotation is one of strict, grace, none; got 'sometimes'"):
        sandbox.configure(rotation="sometimes")
    for wrong in ({"token_life": True}, {"empty_page_count": False}, {"refused_calls": 1}, {"interval_limit": -1}):
        with pytest.raises(RuntimeError, match=f"^PATCH settings: {next(iter(wrong))} is "):
            sandbox.configure(**wrong)


def test_a_change_with_one_wrong_setting_changes_nothing(sandbox: SandboxProcess) -> None:
    with pytest.raises(RuntimeError):
        sandbox.configure(token_life=5, rotation="sometimes")
    assert sandbox.status()["settings"]["token_life"] == 7200


def test_a_grant_has_the_scope_that_was_asked_for(sandbox: SandboxProcess) -> None:
    assert sandbox.grant(scope="events:read")["scope"] == "events:read"
    with pytest.raises(RuntimeError, match="scope is some of identity:read"):
        sandbox.grant(scope="everything")


def test_one_grant_is_revoked_or_all_are(api: Api, sandbox: SandboxProcess) -> None:
    first, second = sandbox.grant(), sandbox.grant()

    def alive() -> list[bool]:
        answers = []
        for one in (first, second):
            api.authorization = f"Bearer {one['access_token']}"
            answers.append(api.get("/ping").ok)
        return answers

    sandbox.revoke(first["refresh_token"])
    assert alive() == [False, True]
    sandbox.revoke()
    assert alive() == [False, False]


def test_the_application_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTORM_SANDBOX_CLIENT_ID", "the-client")
    monkeypatch.setenv("LIVESTORM_SANDBOX_CLIENT_SECRET", "its-secret-of-more-than-thirty-two-bytes")
    with SandboxProcess(preset="empty") as sandbox:
        credentials = sandbox.credentials()
    assert credentials["client_id"] == "the-client"
    assert credentials["client_secret"] == "its-secret-of-more-than-thirty-two-bytes"


def test_each_start_has_credentials_of_its_own_that_are_long_enough() -> None:
    found = []
    for _ in range(2):
        with SandboxProcess(preset="empty") as sandbox:
            credentials = sandbox.credentials()
        found.append({credentials[name] for name in ("client_id", "client_secret", "api_token")})
        assert all(len(secret) > 32 for secret in found[-1])
    assert not found[0] & found[1]


def test_the_sandbox_imports_neither_airflow_nor_another_room() -> None:
    code = (
        "import sys, airflow_provider_livestorm.sandbox.app, airflow_provider_livestorm.sandbox.process\n"
        "import airflow_provider_livestorm.sandbox.server\n"
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('airflow_provider_livestorm.')}\n"
        "print(sorted(rooms), 'airflow' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "['sandbox'] False\n"


def test_nonsense_is_refused_and_not_a_fault_of_the_sandbox(sandbox: SandboxProcess) -> None:
    deep = b"[" * 100_000
    for path in ("clock", "faults", "grants", "settings"):
        method = "PATCH" if path == "settings" else "POST"
        for body in (deep, b"{", b"[]", b'{"token_life": 1' + b"0" * 400 + b"}"):
            answer = requests.request(method, f"{sandbox.url}/_sandbox/{path}", data=body, timeout=10)
            assert answer.status_code == 400 or (path == "grants" and answer.ok), (path, body[:20])
    assert sandbox.grant()["access_token"]


def test_the_root_of_the_api_is_no_route(api: Api) -> None:
    for path in ("", "/"):
        answer = api.session.get(
            f"{api._url}{path}", headers={"Authorization": api.authorization}, timeout=10, allow_redirects=False
        )
        assert answer.status_code == 404
        assert answer.json()["errors"]


def test_a_refresh_may_give_no_new_refresh_token(sandbox: SandboxProcess) -> None:
    sandbox.configure(rotation="none")
    grant = sandbox.grant()
    form = {name: grant[name] for name in ("client_id", "client_secret", "refresh_token")} | {
        "grant_type": "refresh_token"
    }
    answers = [requests.post(sandbox.token_url, data=form, timeout=10) for _ in range(3)]
    assert [one.status_code for one in answers] == [200] * 3
    assert not any("refresh_token" in one.json() for one in answers)
    assert len({one.json()["access_token"] for one in answers}) == 3
    assert sandbox.status()["counters"]["reuses_of_spent_tokens"] == 0


def test_the_workspace_and_its_owner_can_be_renamed(sandbox: SandboxProcess) -> None:
    sandbox.rename(workspace="<img src=x>", owner="Ada <b>King of Lovelace")
    facts = Facts(sandbox)
    with facts.web:
        me = facts.get("/me", include="organization").json()
    owner = me["data"]
    assert (owner["attributes"]["first_name"], owner["attributes"]["last_name"]) == ("Ada", "<b>King of Lovelace")
    assert me["included"][0]["attributes"]["name"] == sandbox.status()["name"] == "<img src=x>"
    for row in [*sandbox.truth("people"), *(row["attributes"]["owner"] for row in sandbox.truth("events"))]:
        if row["id"] == owner["id"]:
            assert row["attributes"]["last_name"] == "<b>King of Lovelace"
    wrong: list[dict[str, Any]] = [{}, {"workspace": None}, {"slug": "x"}]
    for names in wrong:
        with pytest.raises(RuntimeError, match="as text"):
            sandbox.rename(**names)


def test_the_consent_page_shows_names_as_text(sandbox: SandboxProcess) -> None:
    sandbox.rename(workspace="<img src=x onerror=alert(1)>")
    credentials = sandbox.credentials()
    asked = {"response_type": "code", "client_id": credentials["client_id"], "scope": "events:read"}
    asked |= {"redirect_uri": credentials["redirect_uris"][0], "state": '"><script>alert(1)</script>'}
    page = requests.get(sandbox.authorize_url, params=asked, timeout=10).text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page
    assert "<script" not in page
