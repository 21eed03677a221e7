"""From resources to rows: nothing is lost, nothing secret is kept, odd values do not crash."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_livestorm.api.json_api import Resource
from airflow_provider_livestorm.api.resources import CATALOGUE, EVENTS, SESSION_PEOPLE, SESSIONS

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
# Members that some stream knows, and any other.
members = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        sorted({part for one in CATALOGUE.values() for column in one.rows.columns for part in column.path[1:]})
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(members, inner, max_size=4)),
    max_leaves=6,
)


@pytest.mark.parametrize("name", CATALOGUE)
def test_columns_begin_with_the_ids_and_hold_key_and_cursor(name: str) -> None:
    resource = CATALOGUE[name]
    names = [column.name for column in resource.rows.columns]
    assert names[: len(resource.key)] == list(resource.key)
    assert resource.cursor is None or resource.cursor in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", CATALOGUE)
@given(attributes=st.dictionaries(members, values, max_size=6))
def test_any_attributes_make_a_row(name: str, attributes: dict[str, Any]) -> None:
    reader = CATALOGUE[name].rows
    row = reader.row(Resource("1", name, attributes), parent="p")
    assert list(row) == [*(column.name for column in reader.columns), "_extra"]
    record = reader.read(Resource("1", name, attributes), parent="p")
    assert record.extra == row["_extra"]


@given(wrong=values, member=st.sampled_from(["title", "created_at", "chat_enabled", "sessions_count", "owner"]))
def test_a_value_of_the_wrong_type_is_kept_in_extra(wrong: Any, member: str) -> None:
    row = EVENTS.rows.row(Resource("1", "events", {member: wrong}))
    extra = row["_extra"] or {}
    fits = {
        "title": isinstance(wrong, str),
        "created_at": isinstance(wrong, int | float) and not isinstance(wrong, bool) and abs(wrong) < 1e11,
        "chat_enabled": isinstance(wrong, bool),
        "sessions_count": isinstance(wrong, int | float) and not isinstance(wrong, bool) and wrong == int(wrong),
        "owner": isinstance(wrong, dict),
    }[member]
    if wrong is None:
        assert row["_extra"] is None
    elif not fits and not (member == "created_at" and isinstance(wrong, int | float)):
        assert extra[member] == wrong


def test_an_unknown_attribute_is_kept_wherever_it_is() -> None:
    attributes = {"brand_new": 1, "registrant_detail": {"newer": {"deep": [1]}, "attended": True}}
    row = SESSION_PEOPLE.rows.row(Resource("1", "people", attributes), parent="s")
    assert row["attended"] is True
    assert row["_extra"] == {"brand_new": 1, "registrant_detail": {"newer": {"deep": [1]}}}


@pytest.mark.parametrize("where", [(), ("registrant_detail",), ("registrant_detail", "anew"), ("anew",)])
def test_secrets_are_dropped_at_any_depth(where: tuple[str, ...]) -> None:
    attributes: dict[str, Any] = {}
    inner = attributes
    for name in where:
        inner = inner.setdefault(name, {})
    inner |= {
        "password_key": "the-secret",
        "connection_link": "https://the-secret",
        "list": [{"password_key": "the-secret"}],
    }
    assert "the-secret" not in repr(SESSION_PEOPLE.rows.row(Resource("1", "people", attributes), parent="s"))


def test_nought_is_never_and_null_and_missing_are_null() -> None:
    attributes = {"started_at": 0, "ended_at": 1_770_000_000, "canceled_at": None}
    row = SESSIONS.rows.row(Resource("1", "sessions", attributes))
    assert row["started_at"] is None
    assert row["ended_at"] == dt.datetime(2026, 2, 2, 2, 40, tzinfo=dt.UTC)
    assert row["canceled_at"] is None
    assert row["created_at"] is None


def test_a_registrant_without_detail_is_a_row() -> None:
    for detail in (None, {}):
        row = SESSION_PEOPLE.rows.row(
            Resource("1", "people", {"role": "participant", "registrant_detail": detail}), parent="s"
        )
        assert (row["session_id"], row["id"], row["role"], row["attended"]) == ("s", "1", "participant", None)


SHAPES: list[dict[str, Any]] = [
    {"email": "a@b.example", "messages_count": 2, "registrant_detail": {"attended": True, "created_at": 1_770_000_000}},
    {"email": "c@b.example", "messages_count": 2, "registrant_detail": {"attended": None, "created_at": 0}},
    {"email": "c@b.example", "messages_count": 2, "registrant_detail": {"attendance_rate": 50}},
    {"email": "c@b.example", "messages_count": 2, "registrant_detail": {"attendance_rate": 50.5}},
    {"email": "c@b.example", "messages_count": 2.0, "registrant_detail": None},
    {"email": "c@b.example", "messages_count": 2**70, "registrant_detail": None},
    {"email": 5, "messages_count": 2, "registrant_detail": {"attended": "yes", "created_at": 1_770_000_000}},
    {"email": "d@b.example", "messages_count": None, "registrant_detail": None},
    {"email": "e@b.example", "messages_count": 1, "registrant_detail": "none"},
    {"messages_count": 1, "email": {"password_key": "the-secret"}, "new": {"password_key": "the-secret", "kept": 1}},
    {},
]


@given(st.lists(st.sampled_from(SHAPES), max_size=12))
def test_rows_that_come_together_are_what_each_is_by_itself(attributes: list[dict[str, Any]]) -> None:
    """To the type of each value: a row's digest is of its JSON."""
    reader = SESSION_PEOPLE.rows
    people = [Resource(str(number), "people", members) for number, members in enumerate(attributes)]
    rows = reader.rows(people, parent="s")
    by_value = [reader._odd(one, "s") for one in people]  # a value at a time
    assert msgspec.json.encode(rows) == msgspec.json.encode(by_value)
    assert b"the-secret" not in msgspec.json.encode(rows)
    assert all([*row] == [*(column.name for column in reader.columns), "_extra"] for row in rows)
    assert reader.records(people, parent="s") == [reader.read(one, parent="s") for one in people]


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_told_by_relationships_is_in_every_row(count: int) -> None:
    linked = {"organization": {"data": {"id": "o", "type": "organizations"}}}
    users = [Resource(str(number), "users", {"email": "a@b.example"}, linked) for number in range(count)]
    users.append(Resource("x", "users", {"email": "a@b.example"}, {"organization": {"data": None}}))
    rows = CATALOGUE["users"].rows.rows(users)
    assert [row["organization_id"] for row in rows] == ["o"] * count + [None]


def test_of_two_names_for_one_column_the_first_with_a_value_counts() -> None:
    reader = CATALOGUE["questions"].rows
    came = [
        {"responded_orally": first, "response_orally": second} for first in (True, None) for second in (False, None)
    ]
    rows = reader.rows([Resource("1", "questions", attributes) for attributes in came], parent="s")
    assert [row["responded_orally"] for row in rows] == [True, True, False, None]


def test_more_times_than_are_remembered_are_told() -> None:
    begin, count = 1_770_000_000, 10_000
    rows = SESSIONS.rows.rows([Resource("1", "sessions", {"started_at": begin + number}) for number in range(count)])
    assert [row["started_at"].timestamp() - begin for row in rows] == list(range(count))
