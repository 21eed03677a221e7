"""Headers, credentials, scopes, ids, envelopes, pages and queries, as api.md tells them (1.1, 1.3, 2, 4, 5)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.caller import session_with
from tests.sandbox.facts import NOBODY, Facts, assert_refused, document

LISTS = (
    "/events", "/events/{event}/people", "/events/{event}/sessions", "/sessions", "/sessions/{session}/people",
    "/sessions/{session}/chat_messages", "/sessions/{session}/questions", "/sessions/{session}/recordings",
    "/people", "/people_attributes", "/users", "/webhooks",
)  # fmt: skip
REACH = {
    "/me": "identity:read", "/organization": "identity:read", "/events": "events:read", "/sessions": "events:read",
    "/people": "events:read", "/people_attributes": "events:read", "/users": "admin:read", "/webhooks": "webhooks:read",
}  # fmt: skip


def _lists(facts: Facts) -> list[str]:
    sessions = {row["session_id"] for row in facts.sandbox.truth("session_people")}
    talked = {row["attributes"]["session_id"] for row in facts.sandbox.truth("questions")}
    recorded = {row["attributes"]["session_id"] for row in facts.sandbox.truth("recordings")}
    session = min(sessions & talked & recorded)
    event = facts.data(f"/sessions/{session}")["attributes"]["event_id"]
    return [path.format(event=event, session=session) for path in LISTS]


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Every member of a document, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _members(inner)


# --- credentials (1.1) -----


@pytest.mark.parametrize("form", ["Token {}", "Basic {}", 'Token token="{}"', "{}x"])
def test_a_private_token_is_taken_without_any_prefix_only(facts: Facts, form: str) -> None:
    """1.1: a private API token goes as `Authorization: <token>`, with no prefix."""
    token = facts.sandbox.credentials()["api_token"]
    facts.authorization = form.format(token)
    assert assert_refused(facts.get("/ping"), 401)[0]["status"] == "unauthorized"


def test_a_private_token_carries_its_organization(facts: Facts) -> None:
    """1.1: the token is JWT-shaped (three base64url parts) and carries its organization."""
    parts = facts.sandbox.credentials()["api_token"].split(".")
    assert len(parts) == 3
    decoded = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts]
    assert facts.sandbox.truth("organization")[0]["id"] in str(decoded[1])


def test_a_token_in_the_query_is_no_credential(facts: Facts) -> None:
    """1.1: the header is the one place for a credential."""
    token = facts.authorization.removeprefix("Bearer ")
    facts.authorization = ""
    assert_refused(facts.get("/me", access_token=token), 400, 401)


def test_an_unknown_access_token_is_invalid(facts: Facts) -> None:
    """1.2: the 401's error_description is `The access token is invalid`, and the body is empty."""
    facts.authorization = "Bearer nobody-gave-this"
    answer = facts.get("/ping")
    assert (answer.status_code, answer.content) == (401, b"")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert "The access token is invalid" in answer.headers["WWW-Authenticate"]


def test_a_bearer_refusal_may_have_a_body(facts: Facts) -> None:
    """1.2: whether Livestorm adds a JSON body to the refusal of an access token is unsure."""
    facts.sandbox.configure(bearer_errors="json")
    facts.authorization = "Bearer nobody-gave-this"
    assert_refused(facts.get("/ping"), 401)
    assert_refused(Facts(facts.sandbox, scope="identity:read").get("/events"), 403)


def test_a_blocked_workspace_is_refused_with_every_credential(facts: Facts) -> None:
    """4: 403 where the workspace is not validated or blocked."""
    facts.sandbox.configure(workspace_state="blocked")
    assert facts.get("/events").status_code == 403
    facts.authorization = facts.sandbox.credentials()["api_token"]
    assert facts.get("/me").status_code == 403


# --- scopes (1.3) -----


@pytest.mark.parametrize("scope", ["identity", "events", "admin", "webhooks"])
@pytest.mark.parametrize("right", ["read", "write"])
@pytest.mark.parametrize("private", [False, True])
def test_a_scope_covers_its_entity_and_writing_includes_reading(
    facts: Facts, scope: str, right: str, private: bool
) -> None:
    """1.3: each scope covers its own paths, write includes read, admin covers /organization, and /ping is free."""
    held = f"{scope}:{right}"
    facts.authorization = (
        facts.sandbox.make_api_token(held) if private else f"Bearer {facts.sandbox.grant(scope=held)['access_token']}"
    )
    allowed = {path for path, needs in REACH.items() if needs.startswith(scope)}
    allowed |= {"/organization"} if scope == "admin" else set()
    found = {path: facts.get(path).status_code for path in REACH}
    assert found == {path: 200 if path in allowed else 403 for path in REACH}
    assert facts.get("/ping").status_code == 200


def test_what_lacks_is_named_to_an_access_token(facts: Facts) -> None:
    """1.2: lacking scope is 403 `insufficient_scope`, `Access to this resource requires scope "..."`."""
    facts.authorization = f"Bearer {facts.sandbox.grant(scope='events:read')['access_token']}"
    answer = facts.post(f"/events/{NOBODY}/tags", document("tags", title="x"))
    assert answer.status_code == 403
    told = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in told
    assert 'Access to this resource requires scope "events:write"' in told.replace("\\", "")


def test_a_private_token_that_only_reads_is_refused_without_a_word(facts: Facts) -> None:
    """4: a read-only API token that writes gets 403 with an empty body."""
    facts.authorization = facts.sandbox.make_api_token("events:read admin:read webhooks:read")
    event = facts.data("/events")[0]["id"]
    for method, path, body in (
        ("POST", f"/events/{event}/tags", document("tags", title="x")),
        ("DELETE", f"/events/{event}", None),
        ("POST", "/users", document("users", email="a@b.example", role="host")),
        ("POST", "/webhooks", document("webhooks", url="https://a.example/", event="event.created")),
    ):
        answer = facts.call(method, path, body)
        assert (answer.status_code, answer.content) == (403, b""), path


def test_a_lacking_scope_may_be_401(facts: Facts) -> None:
    """4: the docs also say that a token lacking scopes gets 401."""
    facts.sandbox.configure(missing_scope=401)
    facts.authorization = facts.sandbox.make_api_token("identity:read")
    assert facts.get("/events").status_code == 401


# --- documents (2) -----


@pytest.mark.parametrize("form", ["application/vnd.api+json", "application/json", "application/json; charset=utf-8"])
def test_a_request_may_have_either_content_type(facts: Facts, form: str) -> None:
    """2: application/vnd.api+json and application/json both work; answers are application/vnd.api+json."""
    event = facts.data("/events")[0]["id"]
    answer = facts.post(f"/events/{event}/tags", document("tags", title=f"by {form}"), headers={"Content-Type": form})
    assert answer.status_code == 201
    assert answer.headers["Content-Type"].startswith("application/vnd.api+json")


def test_a_form_is_no_document(facts: Facts) -> None:
    """2: the two JSON content types are those that work."""
    event = facts.data("/events")[0]["id"]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = facts.post(f"/events/{event}/tags", document("tags", title="form"), headers=headers)
    assert_refused(answer, 400, 415)


def test_every_id_of_a_tag_is_a_uuid_of_version_4(facts: Facts) -> None:
    """2: ids are UUID v4 strings everywhere."""
    for tag in facts.get("/events", include="tags").json()["included"]:
        assert uuid.UUID(tag["id"]).version == 4


def test_every_id_is_a_uuid_of_version_4_and_there_are_no_links(facts: Facts) -> None:
    """2: ids are UUID v4 strings everywhere; links, self and next URLs: none."""
    for path in _lists(facts):
        for row in facts.whole(path):
            for name, value in _members(row):
                assert name not in ("links", "self", "next", "href"), path
                if name.endswith("_id") and value is not None:
                    assert uuid.UUID(value).version == 4, f"{path} {name}: {value}"
            assert uuid.UUID(row["id"]).version == 4, path
            assert row["id"] == str(uuid.UUID(row["id"]))


def test_a_list_and_a_record_have_their_envelopes(facts: Facts) -> None:
    """2: a list is data and meta, a record is data; `included` comes only where it is asked for."""
    for path in _lists(facts):
        document = facts.get(path).json()
        assert set(document) == {"data", "meta"}, path
        assert isinstance(document["data"], list)
    event = facts.data("/events")[0]["id"]
    assert set(facts.get(f"/events/{event}").json()) == {"data"}
    assert set(facts.get(f"/events/{event}", include="sessions").json()) == {"data", "included"}
    assert set(facts.get("/events", include="tags,sessions").json()) == {"data", "meta", "included"}


def test_include_is_joined_by_commas_and_not_repeated(facts: Facts) -> None:
    """2: include is comma-joined; of a repeated one Rails keeps the last, so nobody may get both."""
    url = f"{facts.sandbox.api_url}/events?include=sessions&include=tags"
    answer = facts.web.get(url, headers={"Authorization": facts.authorization}, timeout=10)
    kinds = {row["type"] for row in answer.json().get("included", [])}
    assert answer.status_code == 400 or kinds == {"tags"}


def test_fields_cannot_be_chosen(facts: Facts) -> None:
    """2: sparse fieldsets are not documented."""
    answer = facts.get("/events", fields__events="title")
    assert answer.status_code == 400 or len(answer.json()["data"][0]["attributes"]) > 1


# --- pages (2.1) -----


def test_every_list_begins_at_nought_and_refuses_what_lies_beyond(facts: Facts) -> None:
    """2.1: page[number] is 0-based with default 0; a page beyond the last is 400; page 0 always answers 200."""
    for path in _lists(facts):
        first, explicit = facts.get(path), facts.get(path, page__number=0)
        assert (first.status_code, explicit.status_code) == (200, 200), path
        assert [row["id"] for row in first.json()["data"]] == [row["id"] for row in explicit.json()["data"]]
        meta = first.json()["meta"]
        assert set(meta) == {
            "current_page", "previous_page", "next_page", "record_count", "page_count", "items_per_page",
        }, path  # fmt: skip
        assert (meta["current_page"], meta["previous_page"]) == (0, None)
        for size, last in ((20, meta["page_count"]), (1, meta["record_count"])):
            beyond = facts.get(path, page__number=max(last, 1), page__size=size)
            assert_refused(beyond, 400)


@pytest.mark.parametrize("size", [51, 100, 1000])
def test_no_page_is_longer_than_fifty(facts: Facts, size: int) -> None:
    """2.1: page[size] has maximum 50; whether more is refused or cut is unsure."""
    path = f"/sessions/{session_with(facts.sandbox, 120)}/people"
    assert_refused(facts.get(path, page__size=size), 400)
    facts.sandbox.configure(oversize_pages="clamp")
    meta = facts.get(path, page__size=size).json()["meta"]
    assert (meta["items_per_page"], meta["page_count"], meta["next_page"]) == (50, 3, 1)


def test_a_list_of_nothing_has_one_page_that_may_be_asked_for(facts: Facts) -> None:
    """2.1: a list without a row answers page 0 with 200, and the page after it with 400."""
    for path in ("/webhooks", f"/events/{facts.data('/events')[0]['id']}/people?filter[email]=nobody@nowhere.example"):
        assert facts.data(path) == []
        assert_refused(facts.get(path, page__number=1), 400)


# --- what the public API lacks (5) -----


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sessions/{session}/polls"), ("GET", "/sessions/{session}/transcripts"), ("GET", "/companies"),
        ("POST", "/sessions/{session}/cancel"), ("POST", "/sessions/{session}/start"), ("GET", "/teams"),
        ("PATCH", "/webhooks/{session}"), ("PUT", "/webhooks/{session}"), ("GET", "/webhooks/{session}"),
        ("GET", "/users/{session}"), ("PUT", "/sessions/{session}/people/{session}"), ("POST", "/sessions"),
        ("GET", "/recordings"), ("GET", "/jobs"), ("DELETE", "/people/{session}"),
    ],
)  # fmt: skip
def test_what_the_public_api_lacks_is_not_there(facts: Facts, method: str, path: str) -> None:
    """5: polls, transcripts, teams, companies, webhook update, session cancel and start are no operations."""
    session = facts.data("/sessions")[0]["id"]
    answer = facts.call(method, path.format(session=session))
    assert answer.status_code in (404, 405), answer.text
