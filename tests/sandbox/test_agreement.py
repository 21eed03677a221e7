"""Operations agree with each other and with time: what one writes another tells, and nothing is stamped in the past."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_livestorm.sandbox.generate import EPOCH, generate
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.settings import Settings
from tests.sandbox.facts import ALL_SCOPES, Facts, Row, assert_refused, document, person

DAY = 86_400


@pytest.fixture
def facts(sandbox: SandboxProcess) -> Iterator[Facts]:
    """With a private token, which the clock does not end."""
    facts = Facts(sandbox, sandbox.make_api_token(ALL_SCOPES))
    with facts.web:
        yield facts


def text(moment: float) -> str:
    """As sessions are written, in UTC."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def at(moment: float) -> dict[str, str]:
    return {"estimated_started_at": text(moment), "timezone": "UTC"}


def email() -> str:
    return f"{uuid.uuid4().hex}@p.example"


def attributes(facts: Facts, path: str) -> Row:
    told: Row = facts.data(path)["attributes"]
    return told


def new_event(facts: Facts, status: str = "published", **more: Any) -> str:
    answer = facts.post("/events", document("events", title="Agreement", status=status, **more))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


def new_session(facts: Facts, event: str, moment: float) -> str:
    answer = facts.post(f"/events/{event}/sessions", document("sessions", **at(moment)))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


# --- sessions and time -----


def test_a_session_made_for_the_past_was_not_held(facts: Facts) -> None:
    now = facts.sandbox.now()
    made = attributes(facts, f"/sessions/{new_session(facts, new_event(facts), now - 300 * DAY)}")
    assert (made["status"], made["started_at"], made["ended_at"]) == ("past_not_started", 0, 0)
    assert made["updated_at"] >= made["created_at"] >= int(now)
    event = new_event(facts, "draft")
    session = new_session(facts, event, now - 300 * DAY)
    facts.call("PATCH", f"/events/{event}", document("events", status="published"))
    published = attributes(facts, f"/sessions/{session}")
    assert (published["status"], published["started_at"]) == ("past_not_started", 0)
    assert published["updated_at"] >= published["created_at"]


def test_a_session_cannot_be_moved_into_the_past(facts: Facts) -> None:
    session = new_session(facts, new_event(facts), facts.sandbox.now() + DAY)
    change = document("sessions", **at(facts.sandbox.now() - DAY))
    assert_refused(facts.call("PATCH", f"/sessions/{session}", change), 422)


def test_a_session_that_was_moved_is_held_at_its_new_time_only(facts: Facts) -> None:
    now = facts.sandbox.now()
    event = new_event(facts)
    earlier, later = new_session(facts, event, now + 3 * DAY), new_session(facts, event, now + DAY)
    facts.call("PATCH", f"/sessions/{earlier}", document("sessions", **at(now + DAY)))
    facts.call("PATCH", f"/sessions/{later}", document("sessions", **at(now + 3 * DAY)))
    facts.sandbox.advance(DAY + 400)
    assert attributes(facts, f"/sessions/{earlier}")["status"] == "live"
    assert attributes(facts, f"/sessions/{later}")["status"] == "upcoming"


def test_publishing_opens_sessions_and_unpublishing_closes_them(facts: Facts) -> None:
    event = new_event(facts, "draft")
    session = new_session(facts, event, facts.sandbox.now() + DAY)
    assert attributes(facts, f"/sessions/{session}")["status"] == "draft"
    for status, expected in (("published", "upcoming"), ("draft", "draft"), ("published", "upcoming")):
        facts.call("PATCH", f"/events/{event}", document("events", status=status))
        assert attributes(facts, f"/sessions/{session}")["status"] == expected
        assert (attributes(facts, f"/events/{event}")["published_at"] > 0) is (status == "published")
    facts.call("PATCH", f"/events/{event}", document("events", status="draft"))
    facts.sandbox.advance(DAY + 400)
    assert attributes(facts, f"/sessions/{session}")["status"] == "draft", "nobody holds what is not published"


def test_date_filters_go_by_the_planned_start(facts: Facts) -> None:
    held = [row for row in facts.sandbox.truth("sessions") if row["attributes"]["started_at"]]
    late = next(one for one in held if one["attributes"]["started_at"] > one["attributes"]["estimated_started_at"] + 1)
    between = late["attributes"]["estimated_started_at"] + 1
    ids = [row["id"] for row in facts.whole("/sessions", filter__date_from=between)]
    assert late["id"] not in ids
    assert late["id"] in [row["id"] for row in facts.whole("/sessions", filter__date_to=between)]


def test_a_moment_without_a_zone_is_utc(facts: Facts) -> None:
    rows = facts.sandbox.truth("sessions")
    moment = sorted(row["attributes"]["estimated_started_at"] for row in rows)[len(rows) // 2]
    plain = dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    asked = [facts.whole("/sessions", filter__date_from=one) for one in (plain, f"{plain}Z", str(moment))]
    assert asked[0] == asked[1] == asked[2] != []


@pytest.mark.parametrize(
    ("moment", "zone"),
    [
        ("2027-7-2 03:04:05", "UTC"), ("\uff12027-07-02 03:04:05", "UTC"), ("2027-07-02\t03:04:05", "UTC"),
        ("2027-07-02T03:04:05", "UTC"), ("2027-07-02 03:04:05", "localtime"), ("2027-07-02 03:04:05", "right/UTC"),
        ("2027-07-02 03:04:05", "Mars/Base"), ("2027-02-30 03:04:05", "UTC"),
    ],
)  # fmt: skip
def test_a_time_has_one_form_and_a_zone_is_of_iana(facts: Facts, moment: str, zone: str) -> None:
    change = document("sessions", estimated_started_at=moment, timezone=zone)
    assert_refused(facts.post(f"/events/{new_event(facts)}/sessions", change), 422)


def test_breakout_rooms_go_with_their_session(sandbox: SandboxProcess, facts: Facts) -> None:
    room = next(one for one in sandbox.truth("sessions") if one["attributes"]["breakout_room_parent_session_id"])
    parent = room["attributes"]["breakout_room_parent_session_id"]
    assert facts.call("DELETE", f"/sessions/{parent}").status_code == 204
    assert not {room["id"], parent} & {one["id"] for one in sandbox.truth("sessions")}


# --- people -----


def test_counts_follow_who_comes_and_goes(facts: Facts) -> None:
    row = next(
        one for one in facts.sandbox.truth("session_people") if one["attributes"]["registrant_detail"]["attended"]
    )
    path = f"/sessions/{row['session_id']}"
    before = attributes(facts, path)
    assert facts.call("DELETE", f"{path}/people/{row['id']}").status_code == 204
    after = attributes(facts, path)
    assert after["registrants_count"] == before["registrants_count"] - 1
    assert after["attendees_count"] == before["attendees_count"] - 1


def test_a_new_name_leaves_what_was_answered_before(facts: Facts) -> None:
    rows = [one for one in facts.sandbox.truth("session_people") if one["attributes"]["role"] == "participant"]
    old = next(one for one in rows if one["attributes"]["first_name"])
    body = person(old["attributes"]["email"], first_name="CHANGED")
    assert facts.post(f"/sessions/{facts.new_session()['id']}/people", body).status_code == 201
    now = facts.data(f"/sessions/{old['session_id']}/people/{old['id']}")["attributes"]
    assert now["first_name"] == "CHANGED"
    assert now["registrant_detail"] == old["attributes"]["registrant_detail"]


def test_a_change_of_answers_keeps_where_somebody_came_from(facts: Facts) -> None:
    body = person(email())
    body["data"]["attributes"]["utm_source"] = "newsletter"
    facts.sandbox.configure(person_update_delay=0)
    path = f"/sessions/{facts.new_session()['id']}/people"
    who = facts.post(path, body).json()["data"]["id"]
    change = document("people", fields=[{"id": "first_name", "value": "Ada"}], utm_medium="email")
    told = facts.call("PATCH", f"{path}/{who}", change).json()["data"]["attributes"]["registrant_detail"]
    assert (told["utm_source"], told["utm_medium"]) == ("newsletter", "email")


def test_an_event_tells_of_a_person_as_in_their_newest_registration(facts: Facts) -> None:
    event, who = new_event(facts), email()
    for number in (1, 2):
        session = new_session(facts, event, facts.sandbox.now() + number * DAY)
        facts.post(f"/sessions/{session}/people", person(who, first_name=f"Name {number}"))
        facts.sandbox.advance(2)
    (row,) = facts.data(f"/events/{event}/people", filter__email=who)
    answers = {one["id"]: one["value"] for one in row["attributes"]["registrant_detail"]["fields"]}
    assert answers["first_name"] == "Name 2"


@pytest.mark.parametrize(
    "address",
    [
        "a\x00b@p.example",
        "a@b..co",
        "a@b.co,c",
        "a@zero\u200bwidth.co",
        f"{'a' * 65}@p.example",
        ".@-.-",
        "a@b",
        "a b@c.d",
    ],
)
def test_what_no_mail_server_takes_is_no_address(facts: Facts, address: str) -> None:
    assert_refused(facts.post(f"/sessions/{facts.new_session()['id']}/people", person(address)), 422)


def test_no_two_contacts_have_one_address(sandbox: SandboxProcess, facts: Facts) -> None:
    sandbox.add_fault(path_prefix="/v1/people", body="row-arrives")
    facts.get("/people")
    sandbox.advance(10 * DAY)
    rows = sandbox.truth("people")
    assert max(Counter(one["attributes"]["email"] for one in rows).values()) == 1
    assert [one["id"] for one in facts.data("/people", filter__email=rows[0]["attributes"]["email"])] == [rows[0]["id"]]


# --- the team -----


def test_whoever_is_invited_is_a_host_and_whoever_is_removed_a_contact_like_others(facts: Facts) -> None:
    known = next(one for one in facts.sandbox.truth("people") if one["attributes"]["role"] == "participant")
    answer = facts.post("/users", document("users", email=known["attributes"]["email"], role="moderator"))
    assert (answer.status_code, answer.json()["data"]["id"]) == (201, known["id"])
    assert attributes(facts, f"/people/{known['id']}")["role"] == "team_member"
    assert facts.call("DELETE", f"/users/{known['id']}").status_code == 204
    assert attributes(facts, f"/people/{known['id']}")["role"] == "participant"


def test_the_owner_stays_and_life_goes_on_without_the_others(facts: Facts) -> None:
    users = facts.whole("/users")
    answers = {one["attributes"]["role"]: facts.call("DELETE", f"/users/{one['id']}").status_code for one in users}
    assert answers == {"owner": 422, "admin": 204, "host": 204, "moderator": 204}
    event = attributes(facts, f"/events/{new_event(facts)}")
    assert event["owner"]["id"] == next(one["id"] for one in users if one["attributes"]["role"] == "owner")
    facts.sandbox.advance(20 * DAY)
    assert facts.get("/events").status_code == 200


# --- the plan's allowance -----


def test_contacts_of_the_last_thirty_days_count_each_once(facts: Facts) -> None:
    one, two = (facts.new_session()["id"] for _ in range(2))
    who = email()
    assert facts.post(f"/sessions/{one}/people", person(who)).status_code == 201
    counted = {
        row["id"]
        for row in facts.sandbox.truth("session_people")
        if row["attributes"]["registrant_detail"]["created_at"] > facts.sandbox.now() - 30 * DAY
    }
    facts.sandbox.configure(contacts_limit=len(counted) + 1)
    assert facts.post(f"/sessions/{one}/people", person(email())).status_code == 201, "those of long ago do not count"
    assert facts.post(f"/sessions/{two}/people", person(who)).status_code == 201, "they count already"
    assert_refused(facts.post(f"/sessions/{two}/people", person(email())), 402)
    task = {"fields": [{"id": "email", "value": email()}]}
    assert_refused(facts.post(f"/sessions/{two}/people/bulk", document("jobs", tasks=[task])), 402)
    stranger = next(row["id"] for row in facts.sandbox.truth("people") if row["id"] not in counted)
    body = document("sessions", **at(facts.sandbox.now() + DAY))
    body["data"]["relationships"] = {"people": [{"data": {"type": "people", "id": stranger}}]}
    assert_refused(facts.post(f"/events/{new_event(facts)}/sessions", body), 402)


def test_nobody_is_registered_in_a_session_that_is_gone(facts: Facts) -> None:
    session = facts.new_session()["id"]
    tasks = [{"fields": [{"id": "email", "value": email()}]}]
    job = facts.post(f"/sessions/{session}/people/bulk", document("jobs", tasks=tasks)).json()["data"]["id"]
    assert facts.call("DELETE", f"/sessions/{session}").status_code == 204
    facts.sandbox.advance(5)
    assert attributes(facts, f"/jobs/{job}")["status"] == "failed"


@pytest.mark.parametrize("slug", ["a b", "a/../b", "A", "", "a--b", "é"])
def test_a_slug_is_fit_for_a_url(facts: Facts, slug: str) -> None:
    assert_refused(facts.post("/events", document("events", title="x", slug=slug)), 422)


def test_a_slug_is_one_events_only(facts: Facts) -> None:
    slug = f"s-{uuid.uuid4().hex}"
    new_event(facts, slug=slug)
    assert_refused(facts.post("/events", document("events", title="x", slug=slug)), 422)


# --- life beside callers -----


@pytest.fixture(scope="module")
def untouched() -> Iterator[dict[str, set[str]]]:
    with SandboxProcess(preset="small", interval_limit=0) as sandbox:
        sandbox.advance(EPOCH + 12 * DAY - sandbox.now())
        yield {stream: {one["id"] for one in sandbox.truth(stream)} for stream in ("events", "sessions", "people")}


def test_what_callers_make_changes_nothing_of_what_happens_by_itself(untouched: dict[str, set[str]]) -> None:
    with SandboxProcess(preset="small", interval_limit=0) as sandbox:
        facts = Facts(sandbox)
        upcoming = facts.session_ahead()["id"]
        answers = [facts.post(f"/sessions/{upcoming}/people", person(email())) for _ in range(20)]
        session = new_session(facts, new_event(facts), sandbox.now() + DAY)
        answers += [facts.post(f"/sessions/{session}/people", person(email())) for _ in range(20)]
        assert {one.status_code for one in answers} == {201}
        sandbox.advance(EPOCH + 12 * DAY - sandbox.now())
        for stream, before in untouched.items():
            assert before <= {one["id"] for one in sandbox.truth(stream)}, stream
        facts.web.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_registers_before_they_exist_or_after_the_cancellation(seed: int) -> None:
    for one in generate("small", seed, EPOCH, Settings()).workspace.registrations():
        assert one.created_at >= one.person.created_at
        assert not one.session.canceled_at or one.created_at <= one.session.canceled_at
        assert one.created_at <= one.session.start
