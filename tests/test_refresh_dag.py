"""The refresh DAG: a token must outlive the time to the run after the next one, whatever the DAG's schedule is."""

from __future__ import annotations

import datetime as dt
import types
from typing import Any

import pytest

from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.hooks import connection, livestorm
from airflow_provider_livestorm.refresh_dag import token_refresh_dag

HOUR = dt.timedelta(hours=1)


class Lease:
    def __init__(self) -> None:
        self.asked: list[float] = []

    def get(self, *, min_left: float) -> None:
        self.asked.append(min_left)


@pytest.mark.parametrize(
    ("arguments", "min_left"),
    [
        ({}, 3600),
        ({"every": HOUR}, 7200),
        ({"schedule": HOUR}, 7200),
        ({"schedule": HOUR, "every": dt.timedelta(minutes=1)}, 7200),
        ({"schedule": "0 * * * *", "every": HOUR}, 7200),
        ({"schedule": None, "every": HOUR}, 7200),
    ],
    ids=str,
)
def test_a_token_is_refreshed_when_it_has_less_left_than_two_gaps_of_the_schedule(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], min_left: float
) -> None:
    lease = Lease()
    monkeypatch.setattr(connection, "variable_lease", lambda _: lease)
    monkeypatch.setattr(livestorm, "LivestormHook", lambda _: types.SimpleNamespace(settings=None))
    dag: Any = token_refresh_dag("conn", **arguments)
    dag.get_task("refresh_token").execute({})
    assert lease.asked == [min_left]


@pytest.mark.parametrize("schedule", [None, "0 6 * * *", "@daily"])
def test_a_schedule_that_does_not_tell_its_gaps_needs_them_told(schedule: str | None) -> None:
    with pytest.raises(LivestormConfigurationError, match="every"):
        token_refresh_dag("conn", schedule=schedule)
