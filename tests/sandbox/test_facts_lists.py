"""Filters, sorting, includes and the smaller resources, as api.md 5, 6.4 to 6.6 and 8 list them, list by list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.facts import Facts, Row, assert_refused

TIMES = ("created_since", "created_until", "updated_since", "updated_until")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A workspace with some of everything."""
    with SandboxProcess(preset="small", interval_limit=0) as process:
        yield process


def _ids(rows: list[Row]) -> set[str]:
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"] for row in rows}


def _crowd(sandbox: SandboxProcess) -> tuple[str, list[Row]]:
    """The session with the most people, and they."""
    rows: dict[str, list[Row]] = {}
    for row in sandbox.truth("session_people"):
        rows.setdefault(row["session_id"], []).append(row)
    return max(rows.items(), key=lambda one: len(one[1]))


@pytest.mark.parametrize("stream", ["events", "sessions", "people", "people_attributes", "users"])
def test_a_list_tells_the_whole_workspace_once(facts: Facts, stream: str) -> None:
    """2: following next_page until null gives every record once, by any page size."""
    extra = {"filter__include_breakout_rooms": "true"} if stream == "sessions" else {}
    rows = facts.whole(f"/{stream}", **extra)
    truth = {row["id"]: row["attributes"] for row in facts.sandbox.truth(stream)}
    assert _ids(rows) == truth.keys()
    assert all(row["attributes"] == truth[row["id"]] for row in rows)
    assert {row["type"] for row in rows} == {stream}


# --- windows (5, 8) -----


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("bounds", ["exclusive", "inclusive"])
def test_sessions_and_events_have_four_windows(facts: Facts, name: str, bounds: str) -> None:
    """5: T takes unix or ISO; 8: whether the bounds are inclusive is unknown, so it is a switch."""
    facts.sandbox.configure(bounds=bounds)
    member, _, end = name.rpartition("_")
    for stream in ("events", "sessions"):
        rows = [row for row in facts.sandbox.truth(stream) if not _is_room(row)]
        moments = sorted(row["attributes"][f"{member}_at"] for row in rows)
        at = moments[len(moments) // 2]
        wanted = set()
        for row in rows:
            moment = row["attributes"][f"{member}_at"]
            if (moment > at if end == "since" else moment < at) or (bounds == "inclusive" and moment == at):
                wanted.add(row["id"])
        assert 0 < len(wanted) < len(rows)
        utc = dt.datetime.fromtimestamp(at, dt.UTC)
        elsewhere = utc.astimezone(dt.timezone(dt.timedelta(hours=-7))).isoformat()
        for written in (str(at), utc.strftime("%Y-%m-%dT%H:%M:%SZ"), elsewhere):
            assert _ids(facts.whole(f"/{stream}", **{f"filter__{name}": written})) == wanted, written


def _is_room(row: Row) -> bool:
    return row["attributes"].get("breakout_room_parent_session_id") is not None


@pytest.mark.parametrize("whose", ["person", "registration"])
def test_session_people_have_windows_too(facts: Facts, whose: str) -> None:
    """5, 8: session people have updated_since/until and created_since/until; whose times is a switch."""
    facts.sandbox.configure(people_window=whose, bounds="inclusive")
    session, rows = _crowd(facts.sandbox)
    for name in TIMES:
        member, _, end = name.rpartition("_")
        moments = {}
        for row in rows:
            told = row["attributes"] if whose == "person" else row["attributes"]["registrant_detail"]
            moments[row["id"]] = told[f"{member}_at"]
        at = sorted(moments.values())[len(rows) // 2]
        wanted = {one for one, moment in moments.items() if (moment >= at if end == "since" else moment <= at)}
        assert _ids(facts.whole(f"/sessions/{session}/people", **{f"filter__{name}": at})) == wanted


@pytest.mark.parametrize("path", ["/people", "/events/{event}/people", "/sessions/{session}/questions", "/webhooks"])
def test_lists_without_a_window_do_not_honour_one(facts: Facts, path: str) -> None:
    """8: event people and people have role and email only; chat, questions, users, webhooks have no window at all."""
    session, rows = _crowd(facts.sandbox)
    path = path.format(session=session, event=rows[0]["attributes"]["registrant_detail"]["event_id"])
    everything = facts.get(path).json()["meta"]["record_count"]
    answer = facts.get(path, filter__updated_since="2030-01-01T00:00:00Z")
    assert answer.status_code == 400 or answer.json()["meta"]["record_count"] == everything


@pytest.mark.parametrize("name", ["title", "status", "attended", "tag", "date_from"])
def test_a_filter_of_another_list_is_not_honoured(facts: Facts, name: str) -> None:
    """5: each list has its own filters."""
    answer = facts.get("/people", **{f"filter__{name}": "1"})
    everything = facts.get("/people").json()["meta"]["record_count"]
    assert answer.status_code == 400 or answer.json()["meta"]["record_count"] == everything


@pytest.mark.parametrize("status", ["upcoming", "live", "on_demand", "past", "past_not_started", "canceled", "draft"])
def test_sessions_are_filtered_by_each_status(facts: Facts, status: str) -> None:
    """5: filter[status] of sessions takes each of the seven values."""
    wanted = {
        row["id"]
        for row in facts.sandbox.truth("sessions")
        if row["attributes"]["status"] == status and not _is_room(row)
    }
    assert _ids(facts.whole("/sessions", filter__status=status)) == wanted != set()


def test_events_are_filtered_by_each_scheduling_status(facts: Facts) -> None:
    """5: filter[scheduling_status] of events takes each of the eight values, and no other."""
    rows = facts.sandbox.truth("events")
    for status in (
        "live", "upcoming", "on_demand", "ended", "not_started", "draft", "cancelled", "not_scheduled",
    ):  # fmt: skip
        wanted = {row["id"] for row in rows if row["attributes"]["scheduling_status"] == status}
        assert _ids(facts.whole("/events", filter__scheduling_status=status)) == wanted, status
    for status in ("past", "past_not_started", "live,draft", ""):
        assert_refused(facts.get("/events", filter__scheduling_status=status), 400)


def test_an_events_sessions_have_the_same_filters(facts: Facts) -> None:
    """5: GET /events/{id}/sessions has status, date_from, date_to and include_breakout_rooms as GET /sessions has."""
    event = max(facts.whole("/events"), key=lambda row: int(row["attributes"]["sessions_count"]))["id"]
    rows = [row for row in facts.sandbox.truth("sessions") if row["attributes"]["event_id"] == event]
    shown = facts.whole(f"/events/{event}/sessions", filter__include_breakout_rooms="true")
    assert _ids(shown) == _ids(rows)
    at = sorted(row["attributes"]["estimated_started_at"] for row in rows)[3] + 1
    before = facts.whole(f"/events/{event}/sessions", filter__date_to=at)
    after = facts.whole(f"/events/{event}/sessions", filter__date_from=at)
    assert _ids(before) | _ids(after) == {row["id"] for row in rows if not _is_room(row)}
    assert not _ids(before) & _ids(after)
    past = facts.whole(f"/events/{event}/sessions", filter__status="past")
    assert {row["attributes"]["status"] for row in past} == {"past"}


def test_quotes_around_a_value_are_sent_literally(facts: Facts) -> None:
    """9: quotes around filter values are part of the value."""
    email = facts.sandbox.truth("people")[40]["attributes"]["email"]
    assert len(facts.data("/people", filter__email=email)) == 1
    assert facts.data("/people", filter__email=f'"{email}"') == []


@pytest.mark.parametrize("path", ["/people", "/events/{event}/people", "/sessions/{session}/people"])
def test_people_are_filtered_by_role_and_by_exact_email(facts: Facts, path: str) -> None:
    """5: filter[role] is participant or team_member, never registrant; filter[email] is exact."""
    session, rows = _crowd(facts.sandbox)
    path = path.format(session=session, event=rows[0]["attributes"]["registrant_detail"]["event_id"])
    everybody = facts.whole(path)
    for role in ("participant", "team_member"):
        wanted = {row["id"] for row in everybody if row["attributes"]["role"] == role}
        assert _ids(facts.whole(path, filter__role=role)) == wanted != set()
    assert_refused(facts.get(path, filter__role="registrant"), 400)
    email = rows[-1]["attributes"]["email"]
    assert [row["id"] for row in facts.data(path, filter__email=email)] == [rows[-1]["id"]]
    assert facts.data(path, filter__email=email.partition("@")[0]) == []


# --- users, webhooks, people attributes -----


def test_users_are_filtered_by_role_by_email_of_any_case_and_by_pending_invite(facts: Facts) -> None:
    """5: GET /users has filter[email] (case-insensitive), filter[role]=host,moderator and filter[pending_invite]."""
    facts.sandbox.configure(user_roles="documented")
    users = facts.whole("/users")
    organization = facts.data("/organization")["id"]
    for user in users:
        assert user["relationships"]["organization"]["data"] == {"type": "organizations", "id": organization}
    assert _ids(facts.data("/users", filter__email=users[0]["attributes"]["email"].upper())) == {users[0]["id"]}
    assert _ids(facts.data("/users", filter__role="host,moderator")) == _ids(users)
    for name, value in (("role", "host"), ("role", "moderator"), ("pending_invite", True), ("pending_invite", False)):
        wanted = {row["id"] for row in users if row["attributes"][name] == value}
        assert _ids(facts.data("/users", **{f"filter__{name}": str(value).lower()})) == wanted != set()


@pytest.mark.parametrize("name", ["slug", "name", "placeholder", "created_at", "updated_at"])
def test_people_attributes_are_sorted_up_and_down(facts: Facts, name: str) -> None:
    """5: GET /people_attributes has sort=(-)slug,name,placeholder,created_at,updated_at."""
    up, down = (
        [row["attributes"][name] for row in facts.data("/people_attributes", sort=sign + name)] for sign in ("", "-")
    )
    known = [value for value in up if value is not None]
    assert known == sorted(known)
    assert [value for value in down if value is not None] == known[::-1]


@pytest.mark.parametrize("sort", ["type", "id", "-builtin", "slug,nothing", "title"])
def test_people_attributes_have_no_other_order(facts: Facts, sort: str) -> None:
    """5: sort takes the five names that are documented."""
    assert_refused(facts.get("/people_attributes", sort=sort), 400)


@pytest.mark.parametrize("name", ["builtin", "description", "name", "placeholder", "slug", "type", "user_id"])
def test_people_attributes_are_filtered_by_each_member(facts: Facts, name: str) -> None:
    """5: GET /people_attributes has seven filters."""
    rows = facts.data("/people_attributes")
    value = next(row["attributes"][name] for row in rows if row["attributes"][name] is not None)
    wanted = {row["id"] for row in rows if row["attributes"][name] == value}
    sent = str(value).lower() if isinstance(value, bool) else value
    assert _ids(facts.data("/people_attributes", **{f"filter__{name}": sent})) == wanted
    assert len(wanted) < len(rows)


def test_options_of_people_attributes_have_label_value_and_position(facts: Facts) -> None:
    """6.5: options [{label, value, position int}], of those that are selects."""
    for row in facts.data("/people_attributes"):
        options = row["attributes"]["options"]
        assert bool(options) == row["attributes"]["type"].endswith("_select")
        assert [set(one) for one in options] == [{"label", "value", "position"}] * len(options)
        assert [one["position"] for one in options] == sorted(one["position"] for one in options)


# --- chat, questions, /me -----


def test_questions_bring_who_asked_and_who_answered(facts: Facts) -> None:
    """5: GET questions has include=asker,responder, and the people are included once each."""
    session = facts.sandbox.truth("questions")[0]["attributes"]["session_id"]
    path = f"/sessions/{session}/questions"
    rows = facts.data(path)
    for include, names in (
        ("asker", ["question_author_id"]), ("asker,responder", ["question_author_id", "response_author_id"]),
    ):  # fmt: skip
        found = facts.get(path, include=include).json()["included"]
        wanted = {row["attributes"][name] for row in rows for name in names} - {None}
        assert _ids(found) == wanted
        assert {row["type"] for row in found} == {"people"}
    assert_refused(facts.get(path, include="author"), 400)
    facts.sandbox.configure(question_spelling="response_orally")
    assert {
        ("response_orally" in row["attributes"], "responded_orally" in row["attributes"]) for row in facts.data(path)
    } == {(True, False)}


def test_chat_tells_who_wrote_and_whether_of_the_team(facts: Facts) -> None:
    """6.5: chat messages have author_id, text and html, and from_team_member agrees with the author's role."""
    roles = {row["id"]: row["attributes"]["role"] for row in facts.sandbox.truth("people")}
    rows = facts.sandbox.truth("chat_messages")
    for row in rows:
        told = row["attributes"]
        assert told["from_team_member"] == (roles[told["author_id"]] == "team_member")
    assert any("&lt;" in row["attributes"]["html_content"] for row in rows if "<" in row["attributes"]["text_content"])


@pytest.mark.parametrize(("setting", "most"), [("cut", 50), ("complete", 100_000)])
def test_whether_a_large_session_brings_all_its_people_is_a_switch(facts: Facts, setting: str, most: int) -> None:
    """8: no paging of `included` is documented, so for a large session include=people may be cut."""
    facts.sandbox.configure(included_people=setting)
    session, rows = _crowd(facts.sandbox)
    assert len(rows) > 50
    document = facts.get(f"/sessions/{session}", include="people").json()
    assert len(_ids(document["included"])) == min(most, len(rows))
    assert "meta" not in document


@pytest.mark.parametrize("path", ["/me", "/organization"])
def test_the_organization_is_told_to_both_kinds_of_token(facts: Facts, path: str) -> None:
    """6.6: a private token gets `organizations`; an access token gets `users` from /me, and perhaps from both."""
    organization = facts.sandbox.truth("organization")[0]
    facts.sandbox.configure(organization_form="users")
    user = facts.data(path)
    assert user["type"] == "users"
    assert user["relationships"]["organization"]["data"]["id"] == organization["id"]
    facts.authorization = facts.sandbox.credentials()["api_token"]
    told = facts.data(path)
    assert (told["type"], told["attributes"]) == ("organizations", organization["attributes"])


def test_the_users_form_of_organization_brings_the_organization(facts: Facts) -> None:
    """6.6: the users form with include=organization has an included `organizations`, from either path."""
    facts.sandbox.configure(organization_form="users")
    found = facts.get("/organization", include="organization").json()
    assert found["data"]["type"] == "users"
    assert [row["type"] for row in found["included"]] == ["organizations"]


def test_a_relationship_is_told_only_when_included(facts: Facts) -> None:
    """6.1, 6.2: relationships.sessions and relationships.people stand there when they are included."""
    for path, include in (("/events", "sessions"), ("/events", "tags")):
        assert not any("relationships" in row for row in facts.data(path))
        assert all(set(row["relationships"]) == {include} for row in facts.data(path, include=include))
    session = _crowd(facts.sandbox)[0]
    found = facts.get(f"/sessions/{session}", include="event").json()
    assert [row["type"] for row in found["included"]] == ["events"]
