"""What each resource looks like: names, types, nulls, enumerations and how records hang together (api.md 5, 6, 9)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.facts import Facts, Row

KINDS: dict[str, tuple[type, ...]] = {
    "s": (str,), "i": (int,), "b": (bool,), "n": (int, float), "l": (list,), "o": (dict,), "v": (str, list),
}  # fmt: skip
# name:kind, with a question mark where api.md 6 says «may be null or absent»
PERSON = "role:s created_at:i updated_at:i timezone:s? first_name:s? last_name:s? email:s avatar_link:s?"
SHAPES = {
    "events": (
        "title:s slug:s registration_link:s estimated_duration:i registration_page_enabled:b "
        "light_registration_page_enabled:b detailed_registration_page_enabled:b? everyone_can_speak:b description:s? "
        "status:s recording_enabled:b recording_public:b? show_in_company_page:b chat_enabled:b polls_enabled:b "
        "questions_enabled:b language:s published_at:i scheduling_status:s created_at:i updated_at:i "
        "sessions_count:i owner:o fields:l"
    ),
    "sessions": (
        "event_id:s status:s timezone:s room_link:s name:s? attendees_count:i registrants_count:i duration:i? "
        "estimated_started_at:i started_at:i ended_at:i canceled_at:i created_at:i updated_at:i "
        "breakout_room_parent_session_id:s? embed_url:s?"
    ),
    "people": PERSON,
    "event_people": f"{PERSON} registrant_detail:o",
    "session_people": (
        f"{PERSON} registrant_detail:o messages_count:i questions_count:i votes_count:i up_votes_count:i "
        "replay_view_detail:o?"
    ),
    "event_detail": "event_id:s created_at:i updated_at:i fields:l",
    "session_detail": (
        "event_id:s session_id:s created_at:i updated_at:i fields:l referrer:s? utm_source:s? utm_medium:s? "
        "utm_term:s? utm_content:s? utm_campaign:s? browser_version:s? browser_name:s? os_name:s? os_version:s? "
        "screen_height:s? screen_width:s? ip_city:s? ip_country_code:s? ip_country_name:s? password_key:s? "
        "connection_link:s attended:b attendance_rate:n? attendance_duration:i has_viewed_replay:b "
        "registration_type:s is_highlighted:b is_guest_speaker:b session_role:s?"
    ),
    "event_field": "id:s type:s order:i required:b custom:b? options:o?",
    "answer": "id:s type:s value:v? required:b? custom:b?",
    "users": (
        "role:s created_at:i updated_at:i first_name:s? last_name:s? email:s avatar_link:s? locale:s pending_invite:b "
        "website_link:s? linkedin_link:s? facebook_link:s? twitter_handle:s?"
    ),
    "organization": "name:s slug:s parent_id:s?",
    "event_tags": "title:s",
    "questions": (
        "event_id:s session_id:s question:s response:s? question_author_id:s response_author_id:s? created_at:i "
        "updated_at:i responded_at:i? responded_orally:b"
    ),
    "chat_messages": (
        "author_id:s text_content:s html_content:s from_team_member:b from_guest_speaker:b created_at:i updated_at:i? "
        "session_id:s? event_id:s?"
    ),
    "people_attributes": (
        "slug:s name:s type:s builtin:b description:s? placeholder:s? options:l user_id:s? created_at:i? updated_at:i?"
    ),
}
# api.md has no «?» here, openapi.yaml lets them be null: so the sandbox sometimes does.
HARSHER = {("events", "estimated_duration"), ("questions", "responded_orally")}
ENUMERATIONS = {
    ("events", "scheduling_status"): "live upcoming on_demand ended not_started draft cancelled not_scheduled",
    ("events", "status"): "draft published",
    ("sessions", "status"): "upcoming live on_demand past past_not_started canceled draft",
    ("session_people", "role"): "participant team_member",
    ("people", "role"): "participant team_member",
    ("users", "role"): "host moderator owner admin",
    ("people_attributes", "type"): "text email avatar url consent unique_select multiple_select",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A workspace with some of everything, drafts and cancelled sessions too."""
    with SandboxProcess(preset="small", interval_limit=0) as process:
        yield process


def _misfits(shape: str, attributes: Row) -> list[str]:
    """What is wrong with a record's members."""
    known = dict(one.split(":") for one in SHAPES[shape].split())
    wrong = [f"{name} is unknown" for name in attributes if name not in known]
    for name, kind in known.items():
        value = attributes.get(name)
        if value is None:
            wrong += [] if kind.endswith("?") else [f"{name} is missing or null"]
        elif type(value) not in KINDS[kind.rstrip("?")]:
            wrong.append(f"{name} is {value!r}")
    return wrong


def _detail(row: Row) -> Row:
    detail: Row = row["attributes"]["registrant_detail"]
    return detail


STREAMS = [name for name in SHAPES if not name.endswith("detail") and name not in ("event_field", "answer")]


@pytest.mark.parametrize("stream", STREAMS)
def test_attributes_have_their_names_and_types(sandbox: SandboxProcess, stream: str) -> None:
    """6: each resource has the attributes that are listed, of their types, null only where «?» stands."""
    rows = sandbox.truth(stream)
    assert rows
    wrong = {wrong for row in rows for wrong in _misfits(stream, row["attributes"])}
    assert wrong - {f"{name} is missing or null" for kind, name in HARSHER if kind == stream} == set()


def test_what_lies_deeper_has_its_names_and_types_too(sandbox: SandboxProcess) -> None:
    """6.1 to 6.3: owner, fields and registrant_detail; values are a string, a list or null, a list for multiple."""
    wrong: Counter[str] = Counter()
    for row in sandbox.truth("events"):
        wrong.update(_misfits("people", row["attributes"]["owner"]["attributes"]))
        assert (row["attributes"]["owner"]["type"], row["type"]) == ("people", "events")
        assert "owner" not in row.get("relationships", {})
        for field in row["attributes"]["fields"]:
            wrong.update(_misfits("event_field", field))
            assert field["type"] in ("text", "file", "multiple")
            if field["type"] == "multiple":
                assert all(isinstance(item["value"], str) for item in field["options"]["items"])
                assert isinstance(field["options"]["multiple_answers"], bool)
        assert [one["order"] for one in row["attributes"]["fields"]] == sorted(
            one["order"] for one in row["attributes"]["fields"]
        )
    for stream, shape in (("session_people", "session_detail"), ("event_people", "event_detail")):
        for row in sandbox.truth(stream):
            wrong.update(_misfits(shape, _detail(row)))
            for answer in _detail(row)["fields"]:
                wrong.update(_misfits("answer", answer))
                assert (answer["type"] == "multiple") == isinstance(answer["value"], list) or answer["value"] is None
    assert wrong == {}


def test_values_are_those_of_the_enumerations(sandbox: SandboxProcess) -> None:
    """5, enumerations: the session's canceled has one l, the event's cancelled two."""
    for (stream, name), values in ENUMERATIONS.items():
        found = {row["attributes"][name] for row in sandbox.truth(stream)}
        assert found <= set(values.split()), (stream, name)
    assert "cancelled" in {row["attributes"]["scheduling_status"] for row in sandbox.truth("events")}
    assert "canceled" in {row["attributes"]["status"] for row in sandbox.truth("sessions")}


def test_never_is_nought_and_a_duration_that_is_not_known_is_null(sandbox: SandboxProcess) -> None:
    """2: «never» is 0 for published_at, started_at, ended_at and canceled_at; duration is null."""
    for row in sandbox.truth("sessions"):
        told = row["attributes"]
        assert (told["ended_at"] != 0) == (told["status"] == "past"), told
        assert (told["canceled_at"] != 0) == (told["status"] == "canceled"), told
        assert told["started_at"] != 0 or told["status"] not in ("live", "past")
        assert told["duration"] == (told["ended_at"] - told["started_at"] if told["ended_at"] else None)
        assert told["estimated_started_at"] > 0
    for row in sandbox.truth("events"):
        assert (row["attributes"]["published_at"] == 0) == (row["attributes"]["status"] == "draft")
        assert re.fullmatch("[a-z]{2}", row["attributes"]["language"])


def test_drafts_are_listed_too(facts: Facts) -> None:
    """9: draft and unpublished events are listed too, with published_at 0 and status draft."""
    drafts = [row for row in facts.whole("/events") if row["attributes"]["status"] == "draft"]
    assert drafts
    assert {row["attributes"]["published_at"] for row in drafts} == {0}
    assert {row["attributes"]["scheduling_status"] for row in drafts} == {"draft"}


def test_attendance_is_a_percentage_or_unknown(sandbox: SandboxProcess) -> None:
    """6.3: attendance_rate is 0 to 100 or null, also where attended is false; screens are strings."""
    rows = [_detail(row) for row in sandbox.truth("session_people")]
    rates = [row["attendance_rate"] for row in rows]
    assert None in rates
    assert all(0 <= rate <= 100 for rate in rates if rate is not None)
    assert max(rate or 0 for rate in rates) > 1
    assert any(row["attendance_rate"] is None and row["attended"] is False for row in rows)
    assert any(row["screen_width"] for row in rows)


def test_secrets_are_where_they_are_at_livestorm(sandbox: SandboxProcess) -> None:
    """6.3: password_key is null for team members, and connection_link carries the key of everybody else."""
    rows = sandbox.truth("session_people")
    assert {row["attributes"]["role"] for row in rows} == {"participant", "team_member"}
    for row in rows:
        key = _detail(row)["password_key"]
        assert (key is None) == (row["attributes"]["role"] == "team_member")
        assert key is None or key in _detail(row)["connection_link"]


def test_a_person_comes_back_in_several_sessions(sandbox: SandboxProcess) -> None:
    """6.3: one row per session and person; an event's list and the workspace's list have each person once."""
    rows = sandbox.truth("session_people")
    assert len({(row["session_id"], row["id"]) for row in rows}) == len(rows) > len({row["id"] for row in rows})
    events = sandbox.truth("event_people")
    assert len({(row["event_id"], row["id"]) for row in events}) == len(events)
    assert {(row["event_id"], row["id"]) for row in events} == {(_detail(row)["event_id"], row["id"]) for row in rows}
    assert {row["id"] for row in rows} <= {row["id"] for row in sandbox.truth("people")}


def test_one_record_is_told_as_the_list_tells_it(facts: Facts) -> None:
    """5, 6.3: GET of one record has the form of its list: base, event and session form of people differ."""
    row = next(row for row in facts.sandbox.truth("session_people") if row["attributes"]["role"] == "participant")
    session, event, email = row["session_id"], _detail(row)["event_id"], row["attributes"]["email"]
    forms = {}
    for form, path in (("people", "/people"), ("event_people", f"/events/{event}/people"),
                       ("session_people", f"/sessions/{session}/people")):  # fmt: skip
        (listed,) = facts.data(path, filter__email=email)
        one = facts.data(f"{path}/{row['id']}")
        assert one == listed
        assert _misfits(form, one["attributes"]) == []
        forms[form] = set(one["attributes"].get("registrant_detail", {}))
    assert len({len(names) for names in forms.values()}) == 3
    for path in (f"/events/{event}", f"/sessions/{session}"):
        one = facts.data(path)
        assert "relationships" not in one
        assert one == next(each for each in facts.whole(path.rpartition("/")[0]) if each["id"] == one["id"])


def test_counts_agree_with_what_can_be_listed(facts: Facts) -> None:
    """6.1, 6.2: sessions_count, registrants_count and attendees_count count what the lists hold."""
    sandbox = facts.sandbox
    held = Counter(row["attributes"]["event_id"] for row in sandbox.truth("sessions"))
    assert all(row["attributes"]["sessions_count"] == held[row["id"]] for row in sandbox.truth("events"))
    for session in facts.whole("/sessions")[:20]:
        rows = facts.whole(f"/sessions/{session['id']}/people")
        participants = [row for row in rows if row["attributes"]["role"] == "participant"]
        assert session["attributes"]["registrants_count"] in (len(rows), len(participants))
        attended = [sum(_detail(row)["attended"] for row in some) for some in (rows, participants)]
        assert session["attributes"]["attendees_count"] in attended


def test_an_event_has_no_date_of_its_own(sandbox: SandboxProcess) -> None:
    """6.1: no start date on the event: it is on the sessions."""
    for row in sandbox.truth("events"):
        assert not [name for name in row["attributes"] if "start" in name or name == "date"]


def test_custom_fields_are_long_slugs_that_differ_between_events(sandbox: SandboxProcess) -> None:
    """9: custom field ids are made from the question's text, can be over 100 characters, and differ per event."""
    custom = [
        {field["id"] for field in row["attributes"]["fields"] if field["custom"]} for row in sandbox.truth("events")
    ]
    assert max(len(one) for ids in custom for one in ids) > 100
    assert len({frozenset(ids) for ids in custom if ids}) > 5


def test_who_registers_without_an_email_field_has_an_unknown_address(sandbox: SandboxProcess) -> None:
    """9: anonymous events: email is `<unix>+<uuid>@unknown.livestorm.co`, the real one may sit in a custom field."""
    anonymous = {
        row["id"]
        for row in sandbox.truth("events")
        if "email" not in {one["id"] for one in row["attributes"]["fields"]}
    }
    rows = [row for row in sandbox.truth("session_people") if _detail(row)["event_id"] in anonymous]
    rows = [row for row in rows if row["attributes"]["role"] == "participant"]
    assert rows
    for row in rows:
        assert re.fullmatch(r"\d{10}\+[0-9a-f-]{36}@unknown\.livestorm\.co", row["attributes"]["email"])
    assert any("@" in str(answer["value"]) for row in rows for answer in _detail(row)["fields"])


def test_an_email_or_a_registration_may_be_missing(sandbox: SandboxProcess) -> None:
    """9: email or registrant_detail may be missing, so somewhere in the workspace one is."""
    sandbox.configure(incomplete_people="some")
    rows = [row["attributes"] for row in sandbox.truth("session_people")]
    assert any(not row.get("email") or not row.get("registrant_detail") for row in rows)
