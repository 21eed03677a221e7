"""Switches whose positions no other test holds: what the sandbox does in each (docs/livestorm/api.md, UNSURE)."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.facts import Facts, document


@pytest.mark.parametrize(("position", "status", "rows"), [("refuse", 400, 0), ("clamp", 200, 50), ("honour", 200, 51)])
def test_a_page_of_more_than_fifty(facts: Facts, position: str, status: int, rows: int) -> None:
    facts.sandbox.configure(oversize_pages=position)
    counts = {row["id"]: 0 for row in facts.whole("/sessions")}
    for row in facts.sandbox.truth("session_people"):
        counts[row["session_id"]] = counts.get(row["session_id"], 0) + 1
    session = next(one for one, count in counts.items() if count == 51)
    answer = facts.get(f"/sessions/{session}/people", page__size=100)
    assert answer.status_code == status
    if rows:
        assert len(answer.json()["data"]) == rows
        assert answer.json()["meta"]["items_per_page"] == (100 if position == "honour" else 50)


def test_a_sessions_embed_url_is_written_and_perhaps_read(facts: Facts) -> None:
    session = facts.sandbox.truth("sessions")[0]["id"]
    change = document("sessions", embed_url="https://a.example/embed")
    assert "embed_url" not in facts.call("PATCH", f"/sessions/{session}", change).json()["data"]["attributes"]
    facts.sandbox.configure(embed_url="returned")
    assert facts.data(f"/sessions/{session}")["attributes"]["embed_url"] == "https://a.example/embed"


def test_chat_messages_have_either_form(facts: Facts) -> None:
    row = facts.sandbox.truth("chat_messages")[0]
    path = f"/sessions/{row['session_id']}/chat_messages"
    few = facts.data(path)[0]
    assert facts.get(path, include="author").status_code == 400
    facts.sandbox.configure(chat_type="messages", chat_members="all", chat_include="author")
    found = facts.get(path, include="author").json()
    more = found["data"][0]
    assert (few["type"], more["type"]) == ("chat_messages", "messages")
    assert set(more["attributes"]) - set(few["attributes"]) == {"session_id", "event_id", "updated_at"}
    assert more["relationships"]["author"]["data"]["id"] == more["attributes"]["author_id"]
    assert {one["attributes"]["author_id"] for one in found["data"]} == {one["id"] for one in found["included"]}


@pytest.mark.parametrize(
    ("position", "taken", "refused"),
    [
        ("parents", ["event", "session", "event,session"], ["people"]),
        ("people", ["people"], ["event", "session"]),
    ],
)
def test_what_session_people_can_include(facts: Facts, position: str, taken: list[str], refused: list[str]) -> None:
    facts.sandbox.configure(people_includes=position)
    path = f"/sessions/{facts.sandbox.truth('session_people')[0]['session_id']}/people"
    for include in taken:
        found = facts.get(path, include=include).json()
        assert all(sorted(row["relationships"]) == sorted(include.split(",")) for row in found["data"])
        links = [link["data"] for row in found["data"] for link in row["relationships"].values()]
        linked = {one["id"] for link in links for one in (link if isinstance(link, list) else [link])}
        assert linked == {one["id"] for one in found["included"]}
    assert [facts.get(path, include=include).status_code for include in refused] == [400] * len(refused)


def test_users_may_be_owner_and_admin(facts: Facts) -> None:
    def roles() -> set[str]:
        return {row["attributes"]["role"] for row in facts.whole("/users")}

    assert roles() == {"owner", "admin", "host", "moderator"}
    facts.sandbox.configure(user_roles="documented")
    assert roles() == {"host", "moderator"}


def test_a_code_lives_as_long_as_set(facts: Facts) -> None:
    sandbox, credentials = facts.sandbox, facts.sandbox.credentials()
    client = {name: credentials[name] for name in ("client_id", "client_secret")}
    for life, status in ((600, 200), (30, 400)):
        sandbox.configure(code_life=life)
        asked = {
            "response_type": "code", "client_id": client["client_id"], "scope": "events:read",
            "redirect_uri": credentials["redirect_uris"][0], "decision": "authorize",
        }  # fmt: skip
        back = facts.web.post(sandbox.authorize_url, data=asked, timeout=10, allow_redirects=False)
        code = back.headers["Location"].partition("code=")[2]
        sandbox.advance(60)
        form = client | {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]}
        assert facts.web.post(sandbox.token_url, data=form, timeout=10).status_code == status


class Routes:
    """The routes that Doorkeeper has and no document names."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.grant = sandbox.grant()
        self.client = {name: self.grant[name] for name in ("client_id", "client_secret")}

    def post(self, path: str, token: str, **client: str) -> requests.Response:
        form = (client or self.client) | {"token": token}
        return requests.post(f"{self.sandbox.url}/oauth/{path}", data=form, timeout=10)

    def info(self) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.grant['access_token']}"}
        return requests.get(f"{self.sandbox.url}/oauth/token/info", headers=headers, timeout=10)


def test_the_routes_that_no_document_names_may_be_absent(sandbox: SandboxProcess) -> None:
    routes = Routes(sandbox)
    answers = [routes.post("revoke", "x"), routes.post("introspect", "x"), routes.info()]
    assert [one.status_code for one in answers] == [404] * 3
    sandbox.configure(extra_routes="present")
    answers = [routes.post("revoke", "x"), routes.post("introspect", "x"), routes.info()]
    assert [one.status_code for one in answers] == [200] * 3


def test_introspection_tells_whether_a_token_lives(sandbox: SandboxProcess) -> None:
    sandbox.configure(extra_routes="present")
    routes = Routes(sandbox)

    def told(name: str) -> dict[str, Any]:
        found: dict[str, Any] = routes.post("introspect", routes.grant[name]).json()
        return found

    access = told("access_token")
    assert access["active"] is True
    assert access["exp"] - access["iat"] == 7200
    assert "exp" not in told("refresh_token")
    sandbox.expire()
    assert told("access_token") == {"active": False}
    assert told("refresh_token")["active"] is True
    routes.post("revoke", routes.grant["refresh_token"])
    assert told("refresh_token") == {"active": False}
    refused = routes.post("introspect", "x", client_id=routes.client["client_id"], client_secret="wrong")
    assert refused.status_code == 401


@pytest.mark.parametrize(("position", "included"), [("last", {"tags"}), ("all", {"sessions", "tags"})])
def test_a_repeated_include(facts: Facts, position: str, included: set[str]) -> None:
    facts.sandbox.configure(repeated_include=position)
    answer = facts.get("/events?include=sessions&include=tags").json()
    assert {one["type"] for one in answer["included"]} == included
