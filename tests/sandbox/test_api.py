"""The REST API refuses what Livestorm refuses, pages as it pages, and limits as it limits (docs/livestorm/api.md)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.caller import Api, assert_error, session_with

# --- credentials -----


def test_a_private_token_goes_raw_and_is_refused_behind_bearer(api: Api, sandbox: SandboxProcess) -> None:
    api.authorization = token = sandbox.credentials()["api_token"]
    assert token.count(".") == 2
    assert api.get("/me").json()["data"]["type"] == "organizations"
    api.authorization = f"Bearer {token}"
    refused = api.get("/me")
    assert refused.status_code == 401
    assert 'realm="Doorkeeper", error="invalid_token"' in refused.headers["WWW-Authenticate"]


def test_an_access_token_is_refused_without_bearer(api: Api) -> None:
    assert api.authorization is not None
    api.authorization = api.authorization.removeprefix("Bearer ")
    assert_error(api.get("/me"), 401, "unauthorized")
    api.authorization = None
    assert_error(api.get("/me"), 401, "unauthorized")


def test_me_tells_the_person_and_on_request_the_workspace(api: Api) -> None:
    document = api.get("/me", include="organization").json()
    assert document["data"]["type"] == "users"
    assert document["included"][0]["type"] == "organizations"
    assert document["data"]["relationships"]["organization"]["data"]["id"] == document["included"][0]["id"]


def test_a_scope_that_lacks_is_refused_and_named(api: Api, sandbox: SandboxProcess) -> None:
    api.authorization = f"Bearer {sandbox.grant(scope='identity:read')['access_token']}"
    refused = api.get("/events")
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert "events:read" in refused.headers["WWW-Authenticate"]
    assert api.get("/ping").content == b""


# --- pages -----


@pytest.mark.parametrize(("people", "pages"), [(0, 0), (50, 1), (51, 2), (100, 2), (120, 3)])
def test_pages_begin_at_nought_and_end_with_400(api: Api, sandbox: SandboxProcess, people: int, pages: int) -> None:
    path = f"/sessions/{session_with(sandbox, people)}/people"
    seen: list[str] = []
    for number in range(max(pages, 1)):
        document = api.get(path, page__number=number, page__size=50).json()
        seen += [row["id"] for row in document["data"]]
        assert document["meta"] == {
            "record_count": people, "page_count": pages, "items_per_page": 50, "current_page": number,
            "previous_page": number - 1 if number else None, "next_page": number + 1 if number + 1 < pages else None,
        }  # fmt: skip
    assert len(set(seen)) == people
    assert_error(api.get(path, page__number=max(pages, 1), page__size=50), 400, "bad_request")


def test_a_page_has_twenty_rows_unless_asked_and_fifty_at_most(api: Api, sandbox: SandboxProcess) -> None:
    path = f"/sessions/{session_with(sandbox, 120)}/people"
    assert len(api.get(path).json()["data"]) == 20
    assert_error(api.get(path, page__size=51), 400, "bad_request")
    sandbox.configure(oversize_pages="clamp")
    assert len(api.get(path, page__size=100).json()["data"]) == 50


def test_what_is_unsure_of_meta_can_be_switched(api: Api, sandbox: SandboxProcess) -> None:
    full, empty = session_with(sandbox, 51), session_with(sandbox, 0)
    sandbox.configure(items_per_page="row_count", empty_page_count=1)
    assert api.get(f"/sessions/{full}/people", page__number=1, page__size=50).json()["meta"]["items_per_page"] == 1
    assert api.get(f"/sessions/{empty}/people").json()["meta"]["page_count"] == 1
    sandbox.configure(meta_form="old")
    assert set(api.get("/events").json()["meta"]) == {"record_count", "page_count", "items_per_page"}


# --- filters -----


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/events", {"filter__colour": "blue"}),
        ("/events", {"filter__updated_since": "yesterday"}),
        ("/events", {"filter__scheduling_status": "canceled"}),  # sessions write it so, events do not
        ("/events", {"filter__everyone_can_speak": "yes"}),
        ("/events", {"include": "people"}),
        ("/events", {"page__number": "-1"}),
        ("/events", {"page__size": "0"}),
        ("/events", {"sort": "title"}),
        ("/events", {"page__number": "9" * 5000}),
        ("/events", {"page__number": "\N{FULLWIDTH DIGIT ZERO}"}),
        ("/events", {"filter__updated_since": "9" * 400}),
        ("/events", {"include": ""}),
        ("/events", {"include": "sessions,"}),
        ("/organization", {"include": "users"}),
        ("/sessions", {"include": "event"}),
        ("/sessions", {"filter__status": '"past"'}),  # quotes are sent literally
        ("/ping", {"page__number": "0"}),
    ],
    ids=lambda one: str(one)[:60],
)
def test_what_is_not_documented_is_refused(api: Api, path: str, params: dict[str, str]) -> None:
    assert_error(api.get(path, **params), 400, "bad_request")


@pytest.mark.parametrize(
    "path",
    [
        "/events/00000000-0000-4000-8000-000000000000",
        "/events/not-a-uuid",
        "/sessions/00000000-0000-4000-8000-000000000000/people",
        "/polls",
    ],
)
def test_what_does_not_exist_is_404(api: Api, path: str) -> None:
    assert_error(api.get(path), 404, "not_found")


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
def test_windows_take_both_ways_of_writing_a_time(api: Api, sandbox: SandboxProcess, bounds: str) -> None:
    sandbox.configure(bounds=bounds)
    rows = sandbox.truth("events")
    at = sorted(row["attributes"]["updated_at"] for row in rows)[2]
    expected = {
        row["id"]
        for row in rows
        if row["attributes"]["updated_at"] > at or (bounds == "inclusive" and row["attributes"]["updated_at"] == at)
    }
    for written in (str(at), dt.datetime.fromtimestamp(at, dt.UTC).isoformat()):
        assert {row["id"] for row in api.get("/events", filter__updated_since=written).json()["data"]} == expected


Row = dict[str, Any]


def _detail(row: Row) -> Row:
    detail: Row = row["attributes"]["registrant_detail"]
    return detail


@pytest.mark.parametrize(
    ("stream", "name", "value", "wanted"),
    [
        ("events", "title", "TOUR", lambda row: "tour" in row["attributes"]["title"].lower()),
        ("events", "everyone_can_speak", "false", lambda row: not row["attributes"]["everyone_can_speak"]),
        ("events", "scheduling_status", "ended", lambda row: row["attributes"]["scheduling_status"] == "ended"),
        ("sessions", "status", "past", lambda row: row["attributes"]["status"] == "past"),
        ("sessions", "date_from", "1770000000", lambda row: row["attributes"]["estimated_started_at"] >= 1770000000),
        ("sessions", "date_to", "1770000000", lambda row: row["attributes"]["estimated_started_at"] <= 1770000000),
        ("people", "role", "team_member", lambda row: row["attributes"]["role"] == "team_member"),
        ("people", "attended", "true", lambda row: _detail(row)["attended"]),
        ("people", "attended", "false", lambda row: not _detail(row)["attended"]),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_filter_gives_what_fits_it_and_nothing_else(
    sandbox: SandboxProcess, api: Api, stream: str, name: str, value: str, wanted: Callable[[Row], bool]
) -> None:
    path = f"/{stream}"
    if stream == "people":
        session = next(row["id"] for row in sandbox.truth("sessions") if row["attributes"]["attendees_count"] > 20)
        path = f"/sessions/{session}/people"
        rows = [row for row in sandbox.truth("session_people") if row["session_id"] == session]
    else:
        rows = [
            row for row in sandbox.truth(stream) if row["attributes"].get("breakout_room_parent_session_id") is None
        ]
    found: list[str] = []
    for number in range(3):
        answer = api.get(path, **{f"filter__{name}": value, "page__size": 50, "page__number": number})
        found += [row["id"] for row in answer.json()["data"]]
        if answer.json()["meta"]["next_page"] is None:
            break
    expected = {row["id"] for row in rows if wanted(row)}
    assert set(found) == expected
    assert len(found) == answer.json()["meta"]["record_count"] == len(expected)
    assert 0 < len(expected) < len(rows), "the filter proves nothing on this workspace"


def test_an_email_is_matched_whole(api: Api, sandbox: SandboxProcess) -> None:
    person = sandbox.truth("session_people")[0]
    path, email = f"/sessions/{person['session_id']}/people", person["attributes"]["email"]
    assert [row["id"] for row in api.get(path, filter__email=email).json()["data"]] == [person["id"]]
    assert api.get(path, filter__email=email[1:]).json()["data"] == []


def test_tags_are_titles_of_any_case_and_may_be_several(api: Api) -> None:
    def tagged(*titles: str) -> set[str]:
        return {row["id"] for row in api.get("/events", filter__tag=",".join(titles)).json()["data"]}

    document = api.get("/events", include="tags").json()
    titles = {tag["id"]: tag["attributes"]["title"] for tag in document["included"]}
    expected = {
        title: {
            row["id"]
            for row in document["data"]
            if title in {titles[tag["id"]] for tag in row["relationships"]["tags"]["data"]}
        }
        for title in titles.values()
    }
    assert len(expected) > 1
    for title, events in expected.items():
        assert tagged(title) == tagged(title.swapcase()) == events
    assert tagged(*expected) == set().union(*expected.values())


# --- includes -----


def test_a_session_brings_all_its_people_and_its_event(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.configure(included_people="complete")
    session = session_with(sandbox, 120)
    document = api.get(f"/sessions/{session}", include="people,event").json()
    people = [row for row in document["included"] if row["type"] == "people"]
    truth = {row["id"]: row["attributes"] for row in sandbox.truth("session_people") if row["session_id"] == session}
    assert {row["id"]: row["attributes"] for row in people} == truth
    named = {one["id"] for one in document["data"]["relationships"]["people"]["data"]}
    assert named == truth.keys()
    (event,) = (row for row in document["included"] if row["type"] == "events")
    assert event["id"] == document["data"]["attributes"]["event_id"]


def test_events_bring_their_sessions_in_one_call(api: Api, sandbox: SandboxProcess) -> None:
    document = api.get("/events", include="sessions", page__size=50).json()
    assert {row["id"] for row in document["included"]} == {row["id"] for row in sandbox.truth("sessions")}
    for row in document["data"]:
        named = {one["id"] for one in row["relationships"]["sessions"]["data"]}
        assert named == {one["id"] for one in document["included"] if one["attributes"]["event_id"] == row["id"]}


def test_breakout_rooms_are_listed_when_asked_for(api: Api, sandbox: SandboxProcess) -> None:
    everything = len(sandbox.truth("sessions"))
    asked = api.get("/sessions", filter__include_breakout_rooms="true").json()["meta"]["record_count"]
    hidden = api.get("/sessions").json()["meta"]["record_count"]
    sandbox.configure(breakout_rooms="shown")
    shown = api.get("/sessions").json()["meta"]["record_count"]
    assert hidden < asked == shown == everything


# --- limits -----


def test_the_sixth_call_of_a_second_is_refused() -> None:
    with SandboxProcess(preset="empty") as sandbox:
        api = Api(sandbox, sandbox.credentials()["api_token"])
        with api.session:
            answers = [api.get("/ping") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    refused = answers[-1]
    assert_error(refused, 429, "too_many_requests")
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit-Interval-Remaining"] == "0"
    assert int(refused.headers["RateLimit-Reset"]) > 1_770_000_000 + 29 * 86_400, "the docs: the next monthly period"
    assert not any("month" in name.lower() or "montl" in name.lower() for name in refused.headers)


def test_every_answer_tells_the_month(api: Api, sandbox: SandboxProcess) -> None:
    left = int(api.get("/ping").headers["RateLimit-Monthly-Remaining"])
    assert int(api.get("/polls").headers["RateLimit-Monthly-Remaining"]) == left - 1
    sandbox.configure(monthly_spelling="old")
    assert int(api.get("/ping").headers["RateLimit-Montly-Remaining"]) == left - 2


def test_the_month_ends_thirty_days_after_its_first_call() -> None:
    with SandboxProcess(preset="empty", interval_limit=0, monthly_limit=2) as sandbox:
        api = Api(sandbox, sandbox.credentials()["api_token"])
        with api.session:
            assert [api.get("/ping").status_code for _ in range(3)] == [200, 200, 429]
            wait = int(api.get("/ping").headers["Retry-After"])
            assert 30 * 86_400 - 60 < wait <= 30 * 86_400
            sandbox.advance(wait)
            assert api.get("/ping").status_code == 200


@pytest.mark.parametrize("path", ["/events", "/sessions", "/people", "/sessions/{}/people", "/events/{}/people"])
def test_a_page_stays_as_it_is_while_nothing_changes(api: Api, sandbox: SandboxProcess, path: str) -> None:
    """And pages hang together: no row comes twice, none is missing."""
    session_id = session_with(sandbox, 120)
    event = next(row["attributes"]["event_id"] for row in sandbox.truth("sessions") if row["id"] == session_id)
    path = path.format(session_id if path.startswith("/sessions") else event)
    first = api.get(path, page__size=7).json()
    bodies = [
        [api.get(path, page__size=7, page__number=n).content for n in range(first["meta"]["page_count"])]
        for _ in range(2)
    ]
    assert bodies[0] == bodies[1]
    ids = [row["id"] for body in bodies[0] for row in json.loads(body)["data"]]
    assert len(ids) == len(set(ids)) == first["meta"]["record_count"]
