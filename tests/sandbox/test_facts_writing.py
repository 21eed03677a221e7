"""Events, sessions, tags and the team as callers write them (api.md 2, 4, 5)."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from typing import Any

import pytest

from tests.sandbox.facts import NOBODY, Facts, Row, assert_refused, document

FLAGS = (
    "everyone_can_speak", "detailed_registration_page_enabled", "light_registration_page_enabled", "recording_enabled",
    "recording_public", "show_in_company_page", "chat_enabled", "questions_enabled", "polls_enabled",
)  # fmt: skip


def _event(facts: Facts, *starts: tuple[str, str], **attributes: Any) -> Row:
    body = document("events", **{"title": "Written"} | attributes)
    body["data"]["relationships"] = {
        "sessions": [
            {"type": "sessions", "attributes": {"estimated_started_at": start, "timezone": zone}}
            for start, zone in starts
        ]
    }
    answer = facts.post("/events", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


# --- events -----


def test_an_event_is_made_with_its_sessions(facts: Facts) -> None:
    """5: POST /events takes relationships.sessions[] and answers 201 with the event and its included sessions."""
    made = _event(facts, ("2027-01-12 10:00:00", "Europe/Paris"), ("2027-01-13 10:00:00", "Asia/Tokyo"))
    assert made["data"]["type"] == "events"
    assert made["data"]["attributes"]["sessions_count"] == 2
    included = {row["id"]: row["attributes"] for row in made["included"]}
    assert {row["event_id"] for row in included.values()} == {made["data"]["id"]}
    named = [one["id"] for one in made["data"]["relationships"]["sessions"]["data"]]
    assert set(named) == included.keys()
    listed = facts.whole(f"/events/{made['data']['id']}/sessions")
    assert {row["id"]: row["attributes"] for row in listed} == included


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("start", ["2027-01-12 00:00:00", "2027-07-12 23:30:00"])
def test_a_start_is_read_as_local_time(facts: Facts, zone: str, start: str) -> None:
    """2: estimated_started_at as "2025-01-12 00:00:00" with timezone (IANA) is local time of that zone."""
    told = _event(facts, (start, zone))["included"][0]["attributes"]
    local = dt.datetime.strptime(start, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zoneinfo.ZoneInfo(zone))
    assert (told["estimated_started_at"], told["timezone"]) == (int(local.timestamp()), zone)


def test_every_attribute_of_an_event_can_be_written(facts: Facts) -> None:
    """5: POST takes title, slug, status, description, owner_id and nine flags; PATCH and PUT take them too."""
    owner = facts.whole("/people", filter__role="team_member")[1]["id"]
    for method in ("POST", "PATCH", "PUT"):
        for flag in (True, False):
            wanted = dict.fromkeys(FLAGS, flag) | {
                "title": f"{method} {flag}", "slug": f"slug-{method.lower()}-{flag}".lower(), "status": "published",
                "description": f"<p>{flag}</p>",
            }  # fmt: skip
            if method == "POST":
                event = _event(facts, **wanted, owner_id=owner)["data"]
            else:
                answer = facts.call(method, f"/events/{event['id']}", document("events", **wanted, owner_id=owner))
                assert answer.status_code == 200, answer.text
                assert answer.json()["data"]["id"] == event["id"]
            told = facts.data(f"/events/{event['id']}")["attributes"]
            assert {name: told[name] for name in wanted} == wanted
            assert told["owner"]["id"] == owner


def test_an_event_is_copied(facts: Facts) -> None:
    """5: copy_from_event_id is an attribute of POST; PATCH is «as POST without copy_from_event_id»."""
    source = facts.whole("/events")[0]
    copied = facts.post("/events", document("events", title="Copy", copy_from_event_id=source["id"]))
    assert copied.status_code == 201
    copy = copied.json()["data"]
    assert copy["id"] != source["id"]
    assert copy["attributes"]["description"] == source["attributes"]["description"]
    assert facts.post("/events", document("events", title="x", copy_from_event_id=NOBODY)).status_code in (404, 422)
    plain = _event(facts)["data"]
    facts.call("PATCH", f"/events/{plain['id']}", document("events", copy_from_event_id=source["id"]))
    assert facts.data(f"/events/{plain['id']}")["attributes"]["fields"] == plain["attributes"]["fields"]


def test_an_owner_is_of_the_team(facts: Facts) -> None:
    """4: 422 `Team member not found` where the owner is not a team member."""
    stranger = facts.data("/people", filter__role="participant")[0]["id"]
    for owner in (stranger, NOBODY):
        for answer in (
            facts.post("/events", document("events", title="x", owner_id=owner)),
            facts.call("PATCH", f"/events/{facts.data('/events')[0]['id']}", document("events", owner_id=owner)),
        ):
            assert "Team member not found" in assert_refused(answer, 422)[0]["detail"]


def test_a_new_events_state_follows_from_what_was_written(facts: Facts) -> None:
    """5, 6.1: status is draft or published, published_at is 0 for a draft, scheduling_status one of eight."""
    draft = _event(facts, ("2027-01-12 10:00:00", "UTC"), status="draft")["data"]["attributes"]
    assert (draft["status"], draft["published_at"], draft["scheduling_status"]) == ("draft", 0, "draft")
    bare = _event(facts, status="published")["data"]["attributes"]
    assert bare["published_at"] > 0
    assert bare["scheduling_status"] == "not_scheduled"
    held = _event(facts, ("2027-01-12 10:00:00", "UTC"), status="published")["data"]["attributes"]
    assert held["scheduling_status"] == "upcoming"
    assert_refused(facts.post("/events", document("events", title="x", status="ended")), 400, 422)


def test_a_deleted_event_is_gone_with_what_hangs_on_it(facts: Facts) -> None:
    """5: DELETE /events/{id} is 204; 4: what is no more is 404 with `record could not be found`; 8: and unreported."""
    made = _event(facts, ("2027-01-12 10:00:00", "UTC"))
    event, session = made["data"]["id"], made["included"][0]["id"]
    answer = facts.call("DELETE", f"/events/{event}")
    assert (answer.status_code, answer.content) == (204, b"")
    for method, path in (
        ("GET", f"/events/{event}"), ("DELETE", f"/events/{event}"), ("GET", f"/sessions/{session}"),
        ("GET", f"/events/{event}/sessions"), ("GET", f"/sessions/{session}/people"),
    ):  # fmt: skip
        (error,) = assert_refused(facts.call(method, path), 404)
        assert "record could not be found" in error["detail"], path
    assert event not in {row["id"] for row in facts.whole("/events")}
    assert session not in {row["id"] for row in facts.whole("/sessions")}


def test_a_tag_is_assigned_and_only_unassigned(facts: Facts) -> None:
    """5: POST /events/{id}/tags is 201 `tags` {title}; DELETE with the same body is 204 and unassigns only."""
    one, two = (_event(facts)["data"]["id"] for _ in range(2))
    tag = document("tags", title="Quarterly")
    for event in (one, two):
        made = facts.post(f"/events/{event}/tags", tag)
        assert made.status_code == 201
        assert (made.json()["data"]["type"], made.json()["data"]["attributes"]) == ("tags", {"title": "Quarterly"})
    answer = facts.call("DELETE", f"/events/{one}/tags", tag)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [row["id"] for row in facts.data("/events", filter__tag="quarterly")] == [two]


# --- sessions -----


def test_a_session_is_made_with_people_in_it(facts: Facts) -> None:
    """5: POST /events/{id}/sessions takes relationships.people[].data and answers 201 with people included."""
    event = _event(facts)["data"]["id"]
    guest, host = (facts.data("/people", filter__role=role)[0]["id"] for role in ("participant", "team_member"))
    body = document("sessions", estimated_started_at="2027-02-01 09:00:00", timezone="Europe/Paris", name="Soir")
    body["data"]["relationships"] = {
        "people": [
            {"data": {"type": "people", "id": guest, "role": "participant"}},
            {"data": {"type": "people", "id": host, "role": "team_member"}},
        ]
    }
    answer = facts.post(f"/events/{event}/sessions", body)
    assert answer.status_code == 201
    made = answer.json()
    assert made["data"]["attributes"]["name"] == "Soir"
    assert made["data"]["attributes"]["event_id"] == event
    assert {one["id"] for one in made["data"]["relationships"]["people"]["data"]} == {guest, host}
    assert {row["id"] for row in made["included"]} == {guest, host}
    roles = {row["id"]: row["attributes"]["role"] for row in facts.whole(f"/sessions/{made['data']['id']}/people")}
    assert roles == {guest: "participant", host: "team_member"}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_session_is_changed(facts: Facts, method: str) -> None:
    """5: PATCH and PUT of a session take estimated_started_at, timezone, name and embed_url, and answer 200."""
    session = facts.new_session()["id"]
    changes = {"estimated_started_at": "2027-08-01 08:00:00", "timezone": "Europe/Paris", "name": "Neu",
               "embed_url": "https://embed.example/"}  # fmt: skip
    answer = facts.call(method, f"/sessions/{session}", document("sessions", **changes))
    assert answer.status_code == 200
    told = facts.data(f"/sessions/{session}")["attributes"]
    assert told == answer.json()["data"]["attributes"]
    assert (told["timezone"], told["name"]) == ("Europe/Paris", "Neu")
    assert told["estimated_started_at"] == int(dt.datetime(2027, 8, 1, 6, tzinfo=dt.UTC).timestamp())


@pytest.mark.parametrize("status", ["canceled", "live", "past"])
def test_a_session_is_neither_canceled_nor_started_by_a_caller(facts: Facts, status: str) -> None:
    """5: session cancel and start are not in the public API."""
    session = facts.new_session()["id"]
    facts.call("PATCH", f"/sessions/{session}", document("sessions", status=status, canceled_at=1, started_at=1))
    told = facts.data(f"/sessions/{session}")["attributes"]
    assert (told["status"], told["canceled_at"], told["started_at"]) == ("upcoming", 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [{"timezone": "Mars/Olympus"}, {"estimated_started_at": "soon"}, {"estimated_started_at": 1790000000}],
    ids=str,
)
def test_a_time_that_is_none_is_refused(facts: Facts, wrong: dict[str, Any]) -> None:
    """2, 4: the timezone is an IANA name and the time a text of the documented form; else 400 or 422."""
    event = facts.data("/events")[0]["id"]
    right = {"estimated_started_at": "2027-01-12 00:00:00", "timezone": "Europe/Paris"}
    assert_refused(facts.post(f"/events/{event}/sessions", document("sessions", **right | wrong)), 400, 422)


def test_a_deleted_session_is_gone(facts: Facts) -> None:
    """5: DELETE /sessions/{id} is 204; after that it is 404 and its event counts one less."""
    made = _event(facts, ("2027-01-12 10:00:00", "UTC"), ("2027-01-13 10:00:00", "UTC"))
    session = made["included"][0]["id"]
    assert facts.call("DELETE", f"/sessions/{session}").status_code == 204
    assert_refused(facts.get(f"/sessions/{session}"), 404)
    assert facts.data(f"/events/{made['data']['id']}")["attributes"]["sessions_count"] == 1


# --- documents that are none, the team -----


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "{}", '{"data": []}', '{"data": {"type": "sessions", "attributes": {"title": "x"}}}',
             '{"title": "x"}', '{"data": {"attributes": {"title": "x"}}}',
             '{"data": {"type": "events", "attributes": {"title": 5}}}'],
)  # fmt: skip
def test_a_body_that_is_no_document_is_refused(facts: Facts, body: str) -> None:
    """4: a bad body is 400; 5: data.type is the resource's (422 would be a broken rule)."""
    before = len(facts.whole("/events"))
    url = f"{facts.sandbox.api_url}/events"
    headers = {"Authorization": facts.authorization, "Content-Type": "application/vnd.api+json"}
    assert_refused(facts.web.post(url, data=body.encode(), headers=headers, timeout=10), 400, 422)
    assert len(facts.whole("/events")) == before


def test_a_colleague_is_invited_and_removed(facts: Facts) -> None:
    """5: POST /users with email and role host or moderator is 201; DELETE is 204; 6.4: pending_invite."""
    made = facts.post("/users", document("users", email="new.colleague@sandbox.example", role="host"))
    assert made.status_code == 201
    told = made.json()["data"]
    assert (told["type"], told["attributes"]["role"], told["attributes"]["pending_invite"]) == ("users", "host", True)
    again = facts.post("/users", document("users", email="NEW.colleague@sandbox.example", role="host"))
    assert_refused(again, 409, 422)
    assert facts.call("DELETE", f"/users/{told['id']}").status_code == 204
    assert facts.data("/users", filter__email="new.colleague@sandbox.example") == []
    assert_refused(facts.call("DELETE", f"/users/{told['id']}"), 404)


@pytest.mark.parametrize("wrong", [{"role": "owner"}, {"role": "admin"}, {"role": "participant"}, {"email": "nobody"}])
def test_a_colleague_has_an_address_and_one_of_two_roles(facts: Facts, wrong: Row) -> None:
    """5: the role of an invitation is host or moderator."""
    body = document("users", **{"email": "x@sandbox.example", "role": "host"} | wrong)
    assert_refused(facts.post("/users", body), 400, 422)
    assert json.dumps(facts.whole("/users")).count("x@sandbox.example") == 0
