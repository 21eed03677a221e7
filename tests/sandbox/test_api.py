"""The REST API refuses what Livestorm refuses, pages as it pages, and limits as it limits (docs/livestorm/api.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess


class Api:
    """Calls the API with one Authorization header."""

    def __init__(self, sandbox: SandboxProcess, authorization: str | None) -> None:
        self.session = requests.Session()
        self._url = sandbox.api_url
        self.authorization = authorization

    def get(self, path: str, **params: Any) -> requests.Response:
        headers = {"Authorization": self.authorization} if self.authorization else {}
        query = {name.replace("__", "[") + "]" if "__" in name else name: value for name, value in params.items()}
        return self.session.get(self._url + path, params=query, headers=headers, timeout=10)


@pytest.fixture
def api(sandbox: SandboxProcess) -> Iterator[Api]:
    sandbox.configure(
        interval_limit=0, oversize_pages="refuse", items_per_page="page_size", meta_form="full",
        empty_page_count=0, bounds="inclusive", monthly_spelling="new", breakout_rooms="hidden",
    )  # fmt: skip
    api = Api(sandbox, f"Bearer {sandbox.grant()['access_token']}")
    with api.session:
        yield api


def session_with(sandbox: SandboxProcess, people: int) -> str:
    """A session with exactly so many people."""
    counts = {row["id"]: 0 for row in sandbox.truth("sessions") if row["attributes"]["status"] != "draft"}
    for row in sandbox.truth("session_people"):
        counts[row["session_id"]] += 1
    return next(session for session, count in counts.items() if count == people)


def assert_error(answer: requests.Response, status: int, symbol: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/vnd.api+json")
    (error,) = answer.json()["errors"]
    assert (error["status"], error["code"]) == (symbol, str(status))
    assert all(isinstance(value, str) for value in error.values())


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
        ("/sessions", {"include": "event"}),
        ("/sessions", {"filter__status": '"past"'}),  # quotes are sent literally
        ("/ping", {"page__number": "0"}),
    ],
    ids=str,
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
    for written in (str(at), requests.utils.unquote(_iso(at))):
        assert {row["id"] for row in api.get("/events", filter__updated_since=written).json()["data"]} == expected


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


# --- the data -----


def test_the_same_seed_gives_the_same_workspace_and_another_another() -> None:
    def world(seed: int) -> list[dict[str, Any]]:
        with SandboxProcess(preset="tiny", seed=seed) as sandbox:
            return [row for stream in ("events", "sessions", "session_people") for row in sandbox.truth(stream)]

    assert world(7) == world(7)
    assert world(7) != world(8)


def test_sessions_live_on_the_sandboxes_clock() -> None:
    with SandboxProcess(preset="tiny") as sandbox:
        before = {row["id"]: row["attributes"] for row in sandbox.truth("sessions")}
        upcoming = next(row for row in before.values() if row["status"] == "upcoming")
        session = next(one for one, row in before.items() if row is upcoming)
        sandbox.advance(upcoming["estimated_started_at"] - sandbox.now() + 60)
        live = next(row["attributes"] for row in sandbox.truth("sessions") if row["id"] == session)
        assert live["status"] in ("live", "past_not_started")
        sandbox.advance(4 * 3600)
        past = next(row["attributes"] for row in sandbox.truth("sessions") if row["id"] == session)
        assert past["status"].startswith("past")
        assert past["updated_at"] >= live["updated_at"] >= upcoming["updated_at"]


def test_the_data_has_the_oddities_that_users_meet(sandbox: SandboxProcess) -> None:
    with SandboxProcess(preset="small") as small:
        events, sessions, people = (small.truth(stream) for stream in ("events", "sessions", "session_people"))
    details = [row["attributes"]["registrant_detail"] for row in people]
    answers = [field for detail in details for field in detail["fields"]]
    assert any(len(field["id"]) > 100 for field in answers)
    assert any(isinstance(field["value"], list) and len(field["value"]) > 1 for field in answers)
    assert any(row["attributes"]["email"].endswith("@unknown.livestorm.co") for row in people)
    assert any(detail["password_key"] is None for detail in details)
    assert any(not detail["attended"] and detail["attendance_rate"] is None for detail in details)
    assert {row["attributes"]["status"] for row in events} == {"draft", "published"}
    assert {row["attributes"]["status"] for row in sessions} >= {"upcoming", "past", "canceled", "draft"}
    assert any(row["attributes"]["breakout_room_parent_session_id"] for row in sessions)
    assert len(people) > len({row["id"] for row in people}) > 1000
    assert len(sessions) > 100


def _iso(moment: float) -> str:
    import datetime as dt  # noqa: PLC0415

    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat()
