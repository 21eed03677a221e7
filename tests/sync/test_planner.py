"""Which lists a run reads."""

from __future__ import annotations

import datetime as dt

import pytest

from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.sync.planner import plan

SINCE = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def test_parents_come_before_children_whatever_the_order_asked_for() -> None:
    assert plan(["session_people", "sessions", "events", "events"]).streams == ("events", "sessions", "session_people")


def test_a_full_run_asks_for_everything() -> None:
    full = plan(["session_people"])
    assert full.mode == "full"
    assert full.changed == {}
    assert full.parent_filters() == [{}]


def test_an_updated_since_run_asks_a_second_further_back_as_the_bound_may_be_exclusive() -> None:
    assert plan(["events"], updated_since=SINCE).changed == {"updated_since": SINCE - dt.timedelta(seconds=1)}


def test_people_are_asked_of_sessions_that_changed_and_of_those_that_may_change_without_saying_so() -> None:
    changed, unsettled = plan(["session_people"], updated_since=SINCE, settle=dt.timedelta(days=3)).parent_filters()
    assert changed == {"updated_since": SINCE - dt.timedelta(seconds=1)}
    assert unsettled == {"date_from": SINCE - dt.timedelta(days=3)}


def test_a_settle_window_is_not_negative() -> None:
    with pytest.raises(LivestormConfigurationError, match="not negative"):
        plan(["events"], settle=dt.timedelta(days=-1))


@pytest.mark.parametrize(
    ("streams", "since", "sentence"),
    [
        (["webinars"], None, "There is no stream 'webinars'; there are events, sessions, session_people."),
        ([], None, "Name at least one stream of events, sessions, session_people."),
        (["events"], dt.datetime(2026, 3, 1), "updated_since has no time zone"),  # noqa: DTZ001 - that is the point
    ],
)
def test_what_cannot_be_planned_is_said_in_one_sentence(
    streams: list[str], since: dt.datetime | None, sentence: str
) -> None:
    with pytest.raises(LivestormConfigurationError, match=sentence):
        plan(streams, updated_since=since)
