"""The docs show what `make trials` found: their tables are those of docs/trials.json, and nobody wrote into them."""

from __future__ import annotations

import json

import pytest

from scripts.local_airflow import REPOSITORY
from trials.__main__ import PAGES, PLACES
from trials.report import rendered

DOCS = REPOSITORY / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_the_table_is_made_from_the_figures(name: str) -> None:
    page = (DOCS / name).read_text()
    assert rendered(page, json.loads((DOCS / "trials.json").read_text()), PAGES[name]) == page


def test_every_trial_was_run_whole() -> None:
    kept = json.loads((DOCS / "trials.json").read_text())["trials"]
    counts = sorted(count for trials, _ in PLACES for _, count in trials.values())
    assert sorted(trial["count"] for trial in kept.values()) == counts


def test_what_was_missed_is_said() -> None:
    """The page says of each bar that was missed what stands in the way."""
    kept = json.loads((DOCS / "trials.json").read_text())["trials"]
    missed = {(name, bar["what"]) for name, trial in kept.items() for bar in trial["bars"] if not bar["holds"]}
    assert missed <= {
        ("health", "p99 of the health page in the crowd, s, to 3 x p99 at rest"),
        ("daily", "calls in 30 days"),
    }
