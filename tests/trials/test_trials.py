"""The trials with a small count; `make trials` runs them whole, and those that do not hold yet as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trials.crowd import crowd, naive_crowd
from trials.edit import edit, edit_at_commit, naive_edit, paste
from trials.endpoint import QUICK, dead, endpoint
from trials.kill import kill_grace, kill_strict
from trials.outage import outage
from trials.stage import Stage, stage

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("trials")) as running:
        yield running


def test_a_crowd_shares_one_refresh_and_is_served_soon(theatre: Stage) -> None:
    outcome = crowd(theatre, 40)
    assert not outcome.missed, outcome


def test_a_killed_refresh_loses_nothing_where_the_server_has_a_grace_period(theatre: Stage) -> None:
    outcome = kill_grace(theatre, 8)
    assert not outcome.missed, outcome


def test_a_killed_refresh_loses_only_what_was_under_way_where_the_server_has_none(theatre: Stage) -> None:
    outcome = kill_strict(theatre, 8)
    assert not outcome.missed, outcome


def test_a_save_that_undoes_a_commit_is_mended(theatre: Stage) -> None:
    outcome = edit_at_commit(theatre, 2)
    assert not outcome.missed, outcome


def test_an_edit_during_a_refresh_and_the_new_token_both_survive(theatre: Stage) -> None:
    outcome = edit(theatre, 5)
    assert not outcome.missed, outcome


def test_a_token_pasted_during_a_refresh_wins(theatre: Stage) -> None:
    outcome = paste(theatre, 5)
    assert not outcome.missed, outcome


def test_a_failing_token_endpoint_costs_few_calls_and_ends_in_a_token_or_a_clear_error(theatre: Stage) -> None:
    outcome = endpoint(theatre, 4, QUICK)
    assert not outcome.missed, outcome


def test_a_dead_token_costs_one_call_and_a_wrong_secret_one_a_minute(theatre: Stage) -> None:
    outcome = dead(theatre, 20, minutes=3)
    assert not outcome.missed, outcome


def test_a_broker_that_goes_away_amid_a_call_serves_its_callers_when_it_is_back(theatre: Stage) -> None:
    outcome = outage(theatre, 4)
    assert not outcome.missed, outcome


def test_a_naive_store_is_caught_by_the_crowd(theatre: Stage) -> None:
    """The control: were it not caught, the trials above would prove nothing."""
    outcome = naive_crowd(theatre, 20)
    assert not outcome.missed, outcome


def test_a_naive_store_is_caught_by_edits(theatre: Stage) -> None:
    outcome = naive_edit(theatre, 5)
    assert not outcome.missed, outcome
