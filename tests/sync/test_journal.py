"""Pages that were asked ahead lie beyond a gap where one before them failed: no later try may take them for its own."""

from __future__ import annotations

import datetime as dt
import pathlib

from airflow_provider_livestorm.api.json_api import Document, Meta, Resource
from airflow_provider_livestorm.sync.journal import Journal

PAGES = 5


class Clock:
    def __init__(self) -> None:
        self.now = 1_770_000_000.0

    def __call__(self) -> float:
        return self.now


def journal(folder: pathlib.Path, clock: Clock) -> Journal:
    return Journal(folder, "a task", 0, now=lambda: dt.datetime(2026, 3, 1, tzinfo=dt.UTC), clock=clock)


def page(number: int, of: str) -> Document:
    following = number + 1 if number + 1 < PAGES else None
    return Document([Resource(f"{of} {number}", "people")], meta=Meta(next_page=following, page_count=PAGES))


def test_pages_beyond_a_gap_are_dropped(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    first = journal(tmp_path, clock)
    for number in (0, 1, 3, 4):  # page 2 failed
        first.put("list", number, page(number, "old"))
    clock.now += 60
    second = journal(tmp_path, clock)
    assert second.kept("list") == 2
    assert second.get("list", 1) is not None
    assert [second.get("list", number) for number in (3, 4)] == [None, None]
    assert journal(tmp_path, clock).resumed == 2  # they are gone for good


def test_what_an_earlier_try_asked_ahead_is_not_the_end_of_a_later_one(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    first = journal(tmp_path, clock)
    for number in (0, 1, 3, 4):
        first.put("list", number, page(number, "old"))
    clock.now += 2 * 86_400
    second = journal(tmp_path, clock)
    assert second.kept("list") == 0  # too old to be carried on
    for number in (0, 1, 2):
        second.put("list", number, page(number, "new"))
    clock.now += 60
    third = journal(tmp_path, clock)
    assert third.kept("list") == 3  # pages 3 and 4 of two days ago are not the end of this list
    assert third.get("list", 3) is None


def test_pages_that_come_late_do_not_disturb_what_drops_them(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    kept = journal(tmp_path, clock)
    for number in range(PAGES):
        kept.put("list-0", number, page(number, "old"))
        kept.put("other-0", number, page(number, "old"))
    kept.forget("list-0")
    assert kept.kept("list-0") == 0
    assert kept.kept("other-0") == PAGES
