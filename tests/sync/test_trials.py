"""The trials of the sync with a small count; `make trials` runs them whole."""

from __future__ import annotations

from trials.sync_calls import daily, first_full, first_full_cut, positions
from trials.sync_kills import faults, kills, two_at_once
from trials.sync_limits import memory, pace, reserve


def test_the_first_sync_takes_hardly_more_calls_than_the_api_allows() -> None:
    outcome = first_full(None, 1, "small")
    assert not outcome.missed, outcome


def test_so_it_does_where_a_session_brings_not_all_its_people() -> None:
    outcome = first_full_cut(None, 1, "small")
    assert not outcome.missed, outcome


def test_each_day_is_the_truth() -> None:
    """A small workspace has less to save: the bars on calls are those of the whole trial."""
    outcome = daily(None, 4, "small")
    assert outcome.bars[0].holds, outcome
    assert outcome.bars[2].holds, outcome


def test_every_bad_position_is_right_and_said() -> None:
    outcome = positions(None, 3)
    assert not outcome.missed, outcome


def test_the_five_a_second_are_kept() -> None:
    """How well they are used is a time, which only the whole trial judges."""
    outcome = pace(None, 1, "tiny")
    assert outcome.bars[1].holds, outcome


def test_a_killed_sync_is_carried_on() -> None:
    outcome = kills(None, 5)
    assert not outcome.missed, outcome


def test_faults_are_outlived_or_publish_nothing() -> None:
    outcome = faults(None, 6)
    assert not outcome.missed, outcome


def test_memory_does_not_grow_with_the_rows() -> None:
    outcome = memory(None, 20_000)
    assert not outcome.missed, outcome


def test_the_reserve_is_never_touched() -> None:
    outcome = reserve(None, 4)
    assert not outcome.missed, outcome


def test_of_two_at_once_one_publishes() -> None:
    outcome = two_at_once(None, 2)
    assert not outcome.missed, outcome
