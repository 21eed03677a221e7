"""Which lists a run reads."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.sync.planner import plan
from airflow_provider_livestorm.sync.privacy import Privacy

DAY = dt.timedelta(days=1)
SINCE = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def test_parents_come_before_children_whatever_the_order_asked_for() -> None:
    assert plan(["session_people", "sessions", "events", "events"]).streams == ("events", "sessions", "session_people")


def test_an_interval_looks_a_little_further_on_both_sides_as_bounds_may_be_exclusive_and_clocks_differ() -> None:
    made = plan(["events"], mode="interval", since=SINCE, until=SINCE + DAY)
    assert made.window == {
        "updated_since": SINCE - dt.timedelta(seconds=61),
        "updated_until": SINCE + DAY + dt.timedelta(seconds=1),
    }


def test_people_are_asked_of_sessions_that_changed_and_of_those_that_may_change_without_saying_so() -> None:
    made = plan(["session_people"], mode="interval", since=SINCE, settle=3 * DAY)
    changed, unsettled = made.parent_filters(SINCE + DAY)
    assert changed == made.window
    assert unsettled == {"date_from": SINCE - 3 * DAY}


def test_an_interval_long_past_leaves_later_sessions_to_later_intervals() -> None:
    made = plan(["session_people"], mode="interval", since=SINCE, until=SINCE + DAY, settle=3 * DAY)
    assert "date_to" not in made.parent_filters(SINCE + 2 * DAY)[1]
    assert made.parent_filters(SINCE + 30 * DAY)[1]["date_to"] == SINCE + DAY + dt.timedelta(seconds=1)


def test_all_is_every_stream_that_livestorm_lists() -> None:
    assert set(plan(["all"]).streams) == CATALOGUE.keys() - {"jobs"}
    assert set(plan(["all", "jobs"], jobs=("a",)).streams) == CATALOGUE.keys()


def test_a_settle_window_is_not_negative() -> None:
    with pytest.raises(LivestormConfigurationError, match="not negative"):
        plan(["events"], settle=dt.timedelta(days=-1))


@pytest.mark.parametrize(
    ("streams", "how", "sentence"),
    [
        (["webinars"], {}, "There is no stream 'webinars'; there are organization, users, events, "),
        ([], {}, "Name at least one stream of organization, users, events, "),
        (["events"], {"mode": "interval", "since": SINCE.replace(tzinfo=None)}, "updated_since has no time zone"),
        (["events"], {"mode": "interval"}, "needs the interval's begin or its end"),
        (["events"], {"mode": "interval", "since": SINCE, "until": SINCE}, "ends before it begins"),
        (["events"], {"mode": "full", "since": SINCE}, "An interval belongs to mode 'interval'"),
        (["events"], {"mode": "delta"}, "mode is one of cursor, interval, full; got 'delta'"),
        (["people"], {"mode": "interval", "since": SINCE}, "cannot tell which people changed in an interval"),
        (["events"], {"on_unknown": "shrug"}, "on_unknown is one of keep, ignore, fail"),
        (["events"], {"reconcile_calls": -1}, "reconcile_calls is not negative"),
        (["jobs"], {}, "The stream jobs needs job_ids"),
        (["events"], {"privacy": Privacy(exclude=("eventz.title",))}, "There is no stream 'eventz'"),
        (["events"], {"privacy": Privacy(exclude=("events.titel",))}, "No stream has a column 'titel'"),
        (["events"], {"privacy": Privacy(exclude=("events.id",))}, "id names the rows of events"),
        (["people"], {"privacy": Privacy(hashed=("email",))}, "Columns can only be hashed with a key"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_sentence(streams: list[str], how: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LivestormConfigurationError, match=re.escape(sentence)):
        plan(streams, **how)
