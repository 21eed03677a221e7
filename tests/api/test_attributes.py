"""An object's form is learned once: whatever form comes, and whatever came before, its values land in their columns."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_livestorm.api import attributes
from airflow_provider_livestorm.api.attributes import Attributes, ColumnPath

COLUMNS: list[ColumnPath] = [
    ("name", "text", ("name",)),
    ("count", "integer", ("count",)),
    ("rate", "number", ("rate",)),
    ("seen", "boolean", ("seen",)),
    ("at", "timestamp", ("at",)),
    ("answers", "json", ("answers",)),
    ("orally", "boolean", ("orally",)),
    ("orally", "boolean", ("verbally",)),  # the same, by another name
    ("inner_name", "text", ("inner", "name")),
    ("inner_count", "integer", ("inner", "count")),
]
GOOD = {
    "name": "a", "count": 1, "rate": 0.5, "seen": True, "at": 1_770_000_000, "answers": [{"id": "x"}],
    "inner": {"name": "b", "count": 2},
}  # fmt: skip
ANY = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip
MEMBERS = st.sampled_from(["name", "count", "rate", "seen", "at", "answers", "orally", "verbally", "new", "secret"])
OBJECTS = st.dictionaries(MEMBERS, ANY, max_size=8)


def reader() -> Attributes:
    return Attributes(COLUMNS, dropped=[("gone",)], secrets=("secret",))


def filled(reads: Attributes, members: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    row: dict[str, Any] = dict.fromkeys(dict.fromkeys(name for name, *_ in COLUMNS))
    extra = reads.fill(row, members)
    return row, extra


@given(earlier=st.lists(OBJECTS, max_size=4), now=OBJECTS, inner=OBJECTS, order=st.randoms())
def test_what_came_before_and_the_order_of_members_change_nothing(
    earlier: list[dict[str, Any]], now: dict[str, Any], inner: dict[str, Any], order: random.Random
) -> None:
    practised = reader()
    filled(practised, GOOD)
    for members in earlier:
        filled(practised, {**members, "inner": members})
    members = {**now, "inner": inner}
    shuffled = dict(order.sample(sorted(members.items()), len(members)))
    assert filled(practised, shuffled) == filled(reader(), members)


@given(now=OBJECTS)
def test_each_value_is_in_its_column_or_handed_back(now: dict[str, Any]) -> None:
    row, extra = filled(reader(), now)
    assert "secret" not in extra
    for member in now.keys() - {"secret", "orally", "verbally"}:
        if now[member] is None or (member == "at" and now[member] == 0):
            assert row.get(member) is None
        else:
            assert (row.get(member) is not None) != (member in extra)


def test_a_misfit_harms_no_other_value_of_its_row_and_no_later_row() -> None:
    reads = reader()
    row, extra = filled(reads, {**GOOD, "count": "many", "inner": {"name": 5, "count": 2}})
    assert (row["count"], row["inner_name"], row["rate"], row["inner_count"]) == (None, None, 0.5, 2)
    assert extra == {"count": "many", "inner": {"name": 5}}
    assert filled(reads, GOOD) == filled(reader(), GOOD)
    assert filled(reads, {**GOOD, "count": 2**64})[1] == {"count": 2**64}  # of its type, and for no column of a file


def test_of_two_members_for_one_column_the_first_that_tells_counts() -> None:
    assert filled(reader(), {"orally": None, "verbally": True})[0]["orally"] is True
    assert filled(reader(), {"verbally": True, "orally": False})[0]["orally"] is False


def test_forms_that_never_end_are_not_all_remembered(monkeypatch: Any) -> None:
    monkeypatch.setattr(attributes, "_FORMS_MOST", 10)
    reads = reader()
    for number in range(100):
        assert filled(reads, {"name": "a", f"new{number}": 1})[1] == {f"new{number}": 1}
        assert len(reads._forms) <= 10


@given(objects=st.lists(OBJECTS, min_size=1, max_size=4), insides=st.lists(OBJECTS, min_size=4, max_size=4))
def test_many_at_once_are_what_each_is_by_itself(objects: list[dict[str, Any]], insides: list[dict[str, Any]]) -> None:
    came = [{**members, "inner": inner} for members, inner in zip(objects, insides, strict=False)]
    try:
        columns, extra = reader().columns(came)
    except attributes.MISFITS:
        return  # one by one, then
    empty = dict.fromkeys(name for name, *_ in COLUMNS)
    for number, members in enumerate(came):
        row = {**empty, **{name: values[number] for name, values in columns.items()}}
        assert (row, {member: values[number] for member, values in extra.items()}) == filled(reader(), members)


@pytest.mark.parametrize("count", [1, 60])
def test_what_fits_is_taken_at_once(count: int) -> None:
    row, _ = filled(reader(), GOOD)
    columns, extra = reader().columns([{**GOOD, "new": 1}] * count)
    assert {name: [*values] for name, values in columns.items()} == {name: [row[name]] * count for name in columns}
    assert columns.keys() == row.keys() - {"orally"}
    assert extra == {"new": [1] * count}
