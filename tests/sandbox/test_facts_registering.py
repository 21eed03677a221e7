"""Registering, updating and removing people (api.md 4, 5, 8, 9)."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.facts import NOBODY, Facts, Row, assert_refused, document, person

UTM = ("referrer", "utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign")


@pytest.fixture(autouse=True)
def prompt(sandbox: SandboxProcess, as_at_the_start: None) -> None:
    """PATCH of a person answers at once, where a test is not about that."""
    sandbox.configure(person_update_delay=0)


def _path(facts: Facts, **member: bool) -> str:
    return f"/sessions/{facts.session_ahead(**member)['id']}/people"


def _fresh() -> str:
    return f"{uuid.uuid4().hex}@p.example"


def _register(facts: Facts, path: str, email: str, **answers: Any) -> Row:
    answer = facts.post(path, person(email, **answers))
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["data"])


def _values(row: Row) -> Row:
    return {one["id"]: one["value"] for one in row["attributes"]["registrant_detail"]["fields"]}


def test_only_an_email_is_needed(facts: Facts) -> None:
    """5: POST /sessions/{id}/people is 201 `people` in the session form; only email is required."""
    path, email = _path(facts), _fresh()
    made = _register(facts, path, email)
    detail = made["attributes"]["registrant_detail"]
    assert (made["type"], made["attributes"]["email"], made["attributes"]["role"]) == ("people", email, "participant")
    assert (detail["registration_type"], detail["attended"], detail["attendance_rate"]) == ("API", False, None)
    assert detail["session_id"] == path.split("/")[2]
    assert facts.data(path, filter__email=email) == [made]
    assert [row["id"] for row in facts.data("/people", filter__email=email)] == [made["id"]]


@pytest.mark.parametrize(
    "attributes",
    [
        {"fields": []},
        {"fields": [{"id": "first_name", "value": "Ada"}]},
        {"fields": [{"id": "email", "value": "no address"}]},
        {"fields": [{"id": "email", "value": ""}]},
        {"fields": "email"},
        {},
    ],
    ids=str,
)
def test_without_an_email_nobody_registers(facts: Facts, attributes: Row) -> None:
    """5: email is required unless the event has no email field."""
    assert_refused(facts.post(_path(facts), document("people", **attributes)), 400, 422)


def test_an_answer_at_the_top_level_is_no_answer(facts: Facts) -> None:
    """9: field ids sent at top level (attributes.email) are ignored by the swagger's account."""
    path, email = _path(facts), _fresh()
    assert_refused(facts.post(path, document("people", email=email)), 400, 422)
    body = person(email)
    body["data"]["attributes"] |= {"first_name": "Ignored"}
    assert _values(facts.post(path, body).json()["data"]).get("first_name") is None


def test_an_event_without_an_email_field_takes_people_without_one(facts: Facts) -> None:
    """5, 9: no email is needed there; the person's is `<unix>+<uuid>@unknown.livestorm.co`."""
    path = _path(facts, email=False)
    made = facts.post(path, document("people", fields=[{"id": "your-work-email", "value": "real@p.example"}]))
    assert made.status_code == 201
    row = made.json()["data"]
    assert re.fullmatch(r"\d{10}\+[0-9a-f-]{36}@unknown\.livestorm\.co", row["attributes"]["email"])
    assert _values(row)["your-work-email"] == "real@p.example"
    assert_refused(facts.post(path, person("x@p.example")), 400, 422)


@pytest.mark.parametrize("status", [400, 422])
def test_a_field_that_the_event_lacks_is_named(facts: Facts, status: int) -> None:
    """4, 9: unknown field id on registration: `The field 'x' doesn't exist`, one error per field; 400 or 422."""
    facts.sandbox.configure(unknown_field=status)
    path, email = _path(facts), _fresh()
    errors = assert_refused(facts.post(path, person(email, shoe_size="44", colour="blue")), status)
    assert [one["detail"].count("doesn't exist") for one in errors] == [1, 1]
    assert "The field 'shoe_size' doesn't exist" in errors[0]["detail"]
    assert facts.data(path, filter__email=email) == []


@pytest.mark.parametrize("status", [409, 422])
def test_nobody_registers_twice(facts: Facts, status: int) -> None:
    """4: 409 where the person is registered already, or 422 as in 2021."""
    facts.sandbox.configure(registered_already=status)
    path, email = _path(facts), _fresh()
    _register(facts, path, email)
    assert_refused(facts.post(path, person(email)), status)
    assert len(facts.data(path, filter__email=email)) == 1


def test_the_same_person_keeps_the_id_in_another_session(facts: Facts) -> None:
    """6.3: the same person id comes back in several sessions, with a registration of each."""
    email, one, two = _fresh(), facts.new_session()["id"], facts.new_session()["id"]
    rows = [_register(facts, f"/sessions/{session}/people", email) for session in (one, two)]
    assert rows[0]["id"] == rows[1]["id"]
    links = {row["attributes"]["registrant_detail"]["connection_link"] for row in rows}
    assert len(links) == 2
    assert facts.data(f"/sessions/{one}")["attributes"]["registrants_count"] == 1


def test_where_somebody_came_from_is_kept(facts: Facts) -> None:
    """5: the body has referrer and five utm_* beside the fields."""
    body = person(_fresh())
    body["data"]["attributes"] |= {name: f"https://x.example/{name}" for name in UTM}
    detail = facts.post(_path(facts), body).json()["data"]["attributes"]["registrant_detail"]
    assert {name: detail[name] for name in UTM} == {name: f"https://x.example/{name}" for name in UTM}


def test_a_choice_of_several_is_a_list(facts: Facts) -> None:
    """5, 9: value is a string, or a list of strings for a multi-select, and comes back as a list."""
    form, session = next(
        (event["attributes"]["fields"], session)
        for event in facts.whole("/events", include="sessions")
        for session in event["relationships"]["sessions"]["data"]
        if any(field["type"] == "multiple" for field in event["attributes"]["fields"])
    )
    field = next(one for one in form if one["type"] == "multiple")
    copied = facts.data(f"/sessions/{session['id']}")["attributes"]["event_id"]
    copy = facts.post("/events", document("events", title="x", status="published", copy_from_event_id=copied)).json()
    ahead = facts.post(
        f"/events/{copy['data']['id']}/sessions",
        document("sessions", estimated_started_at="2027-06-01 10:00:00", timezone="UTC"),
    ).json()["data"]["id"]
    chosen = [item["value"] for item in field["options"]["items"]][:2]
    path = f"/sessions/{ahead}/people"
    assert _values(_register(facts, path, _fresh(), **{field["id"]: chosen}))[field["id"]] == chosen
    assert_refused(facts.post(path, person(_fresh(), **{field["id"]: 5})), 400, 422)
    assert_refused(facts.post(path, person(_fresh(), first_name=["Ada", "Eva"])), 400, 422)


@pytest.mark.parametrize("registration", ["POST", "bulk"])
def test_the_plans_contacts_may_be_used_up(facts: Facts, registration: str) -> None:
    """4: 402 where the monthly active-contacts allowance of the plan is used up; reading goes on."""
    path = _path(facts)
    facts.sandbox.configure(contacts_limit=1)
    if registration == "POST":
        codes = [facts.post(path, person(_fresh())).status_code for _ in range(2)]
        assert codes[-1] == 402
        assert_refused(facts.post(path, person(_fresh())), 402)
    else:
        facts.post(path, person(_fresh()))
        tasks = [{"fields": [{"id": "email", "value": _fresh()}]}]
        answer = facts.post(f"{path}/bulk", document("jobs", tasks=tasks))
        if answer.status_code != 402:
            facts.sandbox.advance(60)
            assert facts.data(f"/jobs/{answer.json()['data']['id']}")["attributes"]["status"] == "failed"
    assert facts.get(path).status_code == 200


def test_no_id_finds_nothing(facts: Facts) -> None:
    """4: 404 with `record could not be found`, for a session and for a person of another session."""
    session = facts.new_session()["id"]
    stranger = facts.data("/people")[0]["id"]
    for method, path, body in (
        ("POST", f"/sessions/{NOBODY}/people", person(_fresh())),
        ("GET", f"/sessions/{session}/people/{stranger}", None),
        ("PATCH", f"/sessions/{session}/people/{stranger}", document("people", fields=[])),
        ("DELETE", f"/sessions/{session}/people/{stranger}", None),
        ("GET", f"/people/{NOBODY}", None),
    ):
        (error,) = assert_refused(facts.call(method, path, body), 404)
        assert "record could not be found" in error["detail"]


# --- updating -----


def test_answers_are_changed_and_the_email_is_not(facts: Facts) -> None:
    """5, 9: PATCH takes the fields of POST; email is refused and cannot be changed."""
    path, email = _path(facts), _fresh()
    who = _register(facts, path, email, first_name="Ada", last_name="Byron")
    answer = facts.call("PATCH", f"{path}/{who['id']}", document("people", fields=[{"id": "last_name", "value": "L"}]))
    assert answer.status_code == 200
    assert _values(facts.data(f"{path}/{who['id']}")) == {"email": email, "first_name": "Ada", "last_name": "L"}
    assert_refused(facts.call("PATCH", f"{path}/{who['id']}", person(_fresh())), 400, 422)
    assert facts.data(f"{path}/{who['id']}")["attributes"]["email"] == email


def test_a_change_applies_though_its_answer_does_not_come(facts: Facts) -> None:
    """9: PATCH applies the write but the answer often never completes: read it back by filter[email]."""
    path, email = _path(facts), _fresh()
    who = _register(facts, path, email)
    facts.sandbox.configure(person_update_delay=3600)
    begun = time.monotonic()
    body = document("people", fields=[{"id": "first_name", "value": "Late"}])
    with pytest.raises(requests.exceptions.Timeout):
        facts.call("PATCH", f"{path}/{who['id']}", body, timeout=1)
    assert time.monotonic() - begun < 5
    assert _values(facts.data(path, filter__email=email)[0])["first_name"] == "Late"


@pytest.mark.parametrize("setting", ["stays", "moves"])
def test_whether_a_registration_moves_its_session_is_a_switch(facts: Facts, setting: str) -> None:
    """8: whether session.updated_at moves when a registration changes is unknown."""
    facts.sandbox.configure(session_updates=setting)
    session = facts.new_session()
    facts.sandbox.advance(100)
    _register(facts, f"/sessions/{session['id']}/people", _fresh())
    told = facts.data(f"/sessions/{session['id']}")["attributes"]
    assert (told["updated_at"] > session["attributes"]["updated_at"]) == (setting == "moves")


@pytest.mark.parametrize("setting", ["stays", "moves"])
def test_whether_a_session_moves_its_event_is_a_switch(facts: Facts, setting: str) -> None:
    """8: whether event.updated_at moves with its sessions is unknown."""
    facts.sandbox.configure(event_updates=setting)
    session = facts.new_session()
    event = f"/events/{session['attributes']['event_id']}"
    before = facts.data(event)["attributes"]["updated_at"]
    facts.sandbox.advance(100)
    facts.call("PATCH", f"/sessions/{session['id']}", document("sessions", name="moved"))
    assert facts.data(f"/sessions/{session['id']}")["attributes"]["updated_at"] >= before + 100
    assert (facts.data(event)["attributes"]["updated_at"] > before) == (setting == "moves")


# --- removing -----


@pytest.fixture
def registered(facts: Facts) -> tuple[str, Row]:
    """A list of people, and one who is in it."""
    path = _path(facts)
    return path, _register(facts, path, _fresh())


def test_a_person_is_removed_by_id(facts: Facts, registered: tuple[str, Row]) -> None:
    """5: DELETE /sessions/{id}/people/{person_id} is 204; afterwards the person is 404 in this session."""
    path, who = registered
    answer = facts.call("DELETE", f"{path}/{who['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_refused(facts.get(f"{path}/{who['id']}"), 404)
    assert_refused(facts.call("DELETE", f"{path}/{who['id']}"), 404)
    assert facts.data(path, filter__email=who["attributes"]["email"]) == []


@pytest.mark.parametrize("status", [204, 200])
def test_a_person_is_removed_by_email(facts: Facts, registered: tuple[str, Row], status: int) -> None:
    """5: DELETE /sessions/{id}/people?filter[email]= is 204 (a stub says 200)."""
    path, who = registered
    facts.sandbox.configure(removal_by_email=status)
    everybody = len(facts.whole(path))
    assert facts.call("DELETE", path, filter__email=who["attributes"]["email"]).status_code == status
    assert len(facts.whole(path)) == everybody - 1
    assert_refused(facts.call("DELETE", path, filter__email=who["attributes"]["email"]), 404)


def test_nobody_is_removed_without_a_name(facts: Facts, registered: tuple[str, Row]) -> None:
    """5: DELETE /sessions/{id}/people has filter[email]; without one nobody may be removed."""
    path, _ = registered
    everybody = len(facts.whole(path))
    for params in ({}, {"filter__email": ""}, {"filter__role": "participant"}):
        assert_refused(facts.call("DELETE", path, **params), 400, 404, 422)
    assert len(facts.whole(path)) == everybody
