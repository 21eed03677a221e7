"""Six processes of Airflow 2.11 with six callers each, for a few lives of a token; `make trials` has more of them."""

from __future__ import annotations

from tests.airflow2.conftest import Stack
from trials.tasks import naive, sqlite, tasks


def test_tasks_refresh_once_a_life_and_spend_no_token_twice_on_postgresql(airflow2: Stack) -> None:
    outcome = tasks(airflow2.airflow, "PostgreSQL", 2)
    assert not outcome.missed, outcome


def test_tasks_refresh_once_a_life_and_spend_no_token_twice_on_sqlite() -> None:
    with sqlite() as airflow:
        outcome = tasks(airflow, "SQLite", 2)
    assert not outcome.missed, outcome


def test_a_naive_store_is_caught(airflow2: Stack) -> None:
    """The control: were it not caught, those above would prove nothing."""
    outcome = naive(airflow2.airflow, 1)
    assert not outcome.missed, outcome
