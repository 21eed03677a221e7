"""A list is whole if as many rows came as Livestorm counts, and none of them twice, however far apart."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from airflow_provider_livestorm.api.answer import Page
from airflow_provider_livestorm.api.json_api import Resource
from airflow_provider_livestorm.api.lists import Tally
from airflow_provider_livestorm.exceptions import LivestormListChangedError

ROWS = 100_000  # more than are told apart at once


def tally(ids: Iterable[int]) -> Tally:
    made, rows = Tally("/events"), [Resource(f"row {number}", "events") for number in ids]
    for number, first in enumerate(range(0, len(rows), 50)):
        made.add(Page(number, rows[first : first + 50], [], len(rows), -(-len(rows) // 50)))
    return made


@pytest.mark.parametrize("rows", [0, 1, 50, ROWS])
def test_rows_that_are_all_distinct_are_a_whole_list(rows: int) -> None:
    told = tally(range(rows))
    told.check()
    assert told.rows == rows


@pytest.mark.parametrize("again", [0, 1, ROWS // 2, ROWS - 2])
def test_a_row_that_came_twice_is_told_however_far_apart(again: int) -> None:
    with pytest.raises(LivestormListChangedError, match=f"{ROWS} rows came, {ROWS - 1} of them distinct"):
        tally([*range(ROWS - 1), again]).check()
