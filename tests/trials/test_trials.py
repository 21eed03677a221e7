"""The trials with a small count; `make trials` runs them whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trials.crowd import crowd, naive_crowd
from trials.stage import Stage, stage

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("trials")) as running:
        yield running


def test_a_crowd_shares_one_refresh_and_is_served_soon(theatre: Stage) -> None:
    outcome = crowd(theatre, 40)
    assert not outcome.missed, outcome


def test_a_naive_store_is_caught_by_the_crowd(theatre: Stage) -> None:
    """The control: were it not caught, the trial above would prove nothing."""
    outcome = naive_crowd(theatre, 20)
    assert not outcome.missed, outcome
