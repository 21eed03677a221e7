"""`make trials`: run the trials whole, print a table and the figures as JSON; ends with 1 where a bar was missed."""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile
from collections.abc import Callable

from trials.crowd import crowd, naive_crowd
from trials.edit import edit, naive_edit, paste
from trials.health import health
from trials.kill import kill_grace, kill_strict
from trials.outcome import Outcome, table
from trials.stage import Stage, stage
from trials.tasks import tasks_naive, tasks_postgresql, tasks_sqlite

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
# On Airflow 2.11, which has no api-servers to set a stage with.
WITHOUT_STAGE: dict[str, tuple[Callable[[int], Outcome], int]] = {
    "tasks_postgresql": (tasks_postgresql, 15),
    "tasks_sqlite": (tasks_sqlite, 15),
    "tasks_naive": (tasks_naive, 3),
}


def main() -> int:
    """Run those that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m trials", description=__doc__)
    parser.add_argument(
        "--only", choices=[*TRIALS, *WITHOUT_STAGE], action="append", help="run this one; may be repeated"
    )
    parser.add_argument("--count", type=int, help="callers, kills, edits, lives of a token (default: each trial's own)")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there too")
    options = parser.parse_args()
    outcomes = []
    names = options.only or [*TRIALS, *WITHOUT_STAGE]
    with contextlib.ExitStack() as running:
        if not WITHOUT_STAGE.keys() >= set(names):
            folder = running.enter_context(tempfile.TemporaryDirectory(prefix="trials-"))
            theatre = running.enter_context(stage(pathlib.Path(folder)))
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            if name in WITHOUT_STAGE:
                alone, count = WITHOUT_STAGE[name]
                outcomes.append(alone(options.count or count))
            else:
                trial, count = TRIALS[name]
                outcomes.append(trial(theatre, options.count or count))
            print(table(outcomes[-1:]), file=sys.stderr, flush=True)
    figures = json.dumps([outcome.as_json() for outcome in outcomes], indent=2)
    if options.json:
        options.json.write_text(figures + "\n")
    print(figures)
    print(table(outcomes))
    return int(any(outcome.missed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
