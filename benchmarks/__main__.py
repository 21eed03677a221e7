"""`make bench`: measure this project beside what a user would pick instead, all in one run, and keep the figures."""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from benchmarks import broker, expiring, imports, lists, preset, report, stages, syncs
from benchmarks.field import AIRBYTE, DLT, DLT_PARQUET, HTTP_OPERATOR
from benchmarks.neutral import Neutral
from scripts.local_airflow import REPOSITORY

# A million rows would take the memory of the machine, or minutes that show no more than 100,000 do.
_SPARED = dict.fromkeys((HTTP_OPERATOR.name, AIRBYTE.name, DLT.name, DLT_PARQUET.name), 100_000)
_DOCS = REPOSITORY / "docs"


class _Run:
    """One run: what it is to measure, and the workspaces, which are written down once."""

    def __init__(self, neutral: Neutral, folder: pathlib.Path, repeats: int, *, quick: bool) -> None:
        self.neutral, self.repeats, self.quick = neutral, repeats, quick
        self._folder = folder
        self._files: list[pathlib.Path] = []

    def slow(self) -> Any:
        """A."""
        return lists.slow(self.neutral, self.repeats, 500 if self.quick else 5_000)

    def enforced(self) -> Any:
        """B."""
        return lists.enforced(self.neutral, self.repeats, 500 if self.quick else 5_000)

    def throughput(self) -> Any:
        """C."""
        return lists.throughput(self.neutral, self.repeats, 1_000 if self.quick else 100_000)

    def memory(self) -> Any:
        """C, memory."""
        return lists.memory(self.neutral, (50, 1_000) if self.quick else (50, 10_000, 100_000, 1_000_000), _SPARED)

    def syncs(self) -> dict[str, Any]:
        """D and E."""
        first, *changes = self._workspaces()
        cold, again = syncs.cold_and_again(self.neutral, self.repeats, first, changes)
        steps = [(first, first), *itertools.pairwise([first, *changes])]
        fewest = {after.stem: preset.fewest_calls(before, after) for before, after in steps}
        return {"D": {"runs": cold, "fewest": fewest}, "E": {**again, "fewest": fewest}}

    def killed(self) -> Any:
        """G."""
        first, *_ = self._workspaces()
        fewest = {"first": preset.fewest_calls(first, first)}
        return {"runs": syncs.killed(self.neutral, self.repeats, first), "fewest": fewest}

    def _workspaces(self) -> list[pathlib.Path]:
        self._files = self._files or preset.write(self._folder, "small" if self.quick else "real")
        return self._files


_SCENARIOS: dict[str, Callable[[_Run], dict[str, Any]]] = {
    "A": lambda run: {"A": run.slow()},
    "B": lambda run: {"B": run.enforced()},
    "C": lambda run: {"C": run.throughput(), "C stages": stages.measure(run.neutral, run.repeats)},
    "memory": lambda run: {"C memory": run.memory()},
    "syncs": lambda run: run.syncs(),
    "F": lambda run: {"F": expiring.measure(run.repeats, run.neutral)},
    "G": lambda run: {"G": run.killed()},
    "H": lambda run: {"H": imports.measure(run.repeats)},
    "I": lambda run: {"I": broker.measure(run.repeats)},
}


def main() -> int:
    """Measure those that are asked for; ends with 1 where a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=list(_SCENARIOS), action="append", help="measure this one; may be repeated")
    parser.add_argument("--repeats", type=int, default=5, help="of each contender (default: 5)")
    parser.add_argument("--quick", action="store_true", help="a few rows: whether all of it runs; keeps no figures")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    commit = report.commit()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Neutral() as neutral:
        run = _Run(neutral, pathlib.Path(folder), options.repeats, quick=options.quick)
        for name in options.only or _SCENARIOS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            found |= json.loads(json.dumps(_SCENARIOS[name](run)))  # as it is read back
            if not options.quick:
                report.keep(found, commit, _DOCS / "benchmarks.json", _DOCS / "benchmarks.md")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
