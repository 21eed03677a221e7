"""`make trials`: run the trials whole, print a table and the figures as JSON; ends with 1 where a bar was missed."""

from __future__ import annotations

import argparse
import functools
import json
import pathlib
import sys
import tempfile
from collections.abc import Callable

from trials.celery_calls import celery_calls
from trials.cluster import cluster
from trials.crowd import crowd, naive_crowd
from trials.edit import edit, naive_edit, paste
from trials.health import health
from trials.kill import kill_grace, kill_strict
from trials.outcome import Outcome, table
from trials.stage import Stage, stage

TRIALS: dict[str, tuple[Callable[[Stage, int], Outcome], int]] = {
    "crowd": (crowd, 200),
    "health": (health, 200),
    "kill_grace": (kill_grace, 300),
    "kill_strict": (kill_strict, 300),
    "edit": (edit, 100),
    "paste": (paste, 100),
    "naive_crowd": (naive_crowd, 200),
    "naive_edit": (naive_edit, 20),
}
CELERY, CELERY_TASKS = "celery", 12  # it needs a whole Airflow, not two api-servers


def main() -> int:
    """Run those that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m trials", description=__doc__)
    parser.add_argument("--only", choices=[*TRIALS, CELERY], action="append", help="run this one; may be repeated")
    parser.add_argument("--count", type=int, help="callers, kills, edits (default: each trial's own)")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there too")
    options = parser.parse_args()
    outcomes: list[Outcome] = []

    def run(name: str, trial: Callable[[], Outcome]) -> None:
        print(f"{name} ...", file=sys.stderr, flush=True)
        outcomes.append(trial())
        print(table(outcomes[-1:]), file=sys.stderr, flush=True)

    chosen = options.only or [*TRIALS, CELERY]
    if on_stage := [name for name in chosen if name in TRIALS]:
        with tempfile.TemporaryDirectory(prefix="trials-") as folder, stage(pathlib.Path(folder)) as running:
            for name in on_stage:
                trial, count = TRIALS[name]
                run(name, functools.partial(trial, running, options.count or count))
    if CELERY in chosen:
        with tempfile.TemporaryDirectory(prefix="trials-") as folder, cluster(pathlib.Path(folder)) as airflow:
            run(CELERY, functools.partial(celery_calls, airflow, options.count or CELERY_TASKS))
    figures = json.dumps([outcome.as_json() for outcome in outcomes], indent=2)
    if options.json:
        options.json.write_text(figures + "\n")
    print(figures)
    print(table(outcomes))
    return int(any(outcome.missed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
