"""The docs show what `make bench` found: their tables are those of docs/benchmarks.json, and nobody wrote into them."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.bars import bars
from benchmarks.report import rendered
from scripts.local_airflow import REPOSITORY

DOCS = REPOSITORY / "docs"
TOLD = json.loads((DOCS / "benchmarks.json").read_text())


def test_the_tables_are_made_from_the_figures() -> None:
    page = (DOCS / "benchmarks.md").read_text()
    assert rendered(page, TOLD) == page


@pytest.mark.parametrize("name", sorted({"A", "B", "C"} & TOLD["scenarios"].keys()))
def test_each_contender_ran_at_least_five_times(name: str) -> None:
    assert min(len(runs) for runs in TOLD["scenarios"][name].values()) >= 5


def test_each_plot_is_there() -> None:
    page = (DOCS / "benchmarks.md").read_text()
    assert all((DOCS / plot).exists() for plot in re.findall(r"\((images/[^)]+)\)", page))


def test_what_was_missed_is_said() -> None:
    """The page says of each kind of bar that was missed what stands in the way."""
    missed = {scenario for scenario, bar in bars(TOLD["scenarios"]) if not bar.holds}
    page = (DOCS / "benchmarks.md").read_text()
    assert all(f"**{scenario}, missed.**" in page for scenario in missed)
