"""`make trials`: run the trials whole, print a table and the figures as JSON; ends with 1 where a bar was missed."""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from scripts.local_airflow import REPOSITORY
from trials.celery_calls import celery_calls
from trials.cluster import cluster
from trials.crowd import crowd, naive_crowd
from trials.edit import edit, edit_at_commit, naive_edit, paste
from trials.endpoint import dead, endpoint
from trials.health import health
from trials.kill import kill_grace, kill_strict
from trials.outage import killed, outage
from trials.outcome import Outcome, table
from trials.report import keep
from trials.stage import stage
from trials.sync_calls import daily, first_full, first_full_cut, positions
from trials.sync_kills import faults, kills, two_at_once
from trials.sync_limits import memory, pace, reserve
from trials.tasks import tasks_naive, tasks_postgresql, tasks_sqlite

# A trial, given where it runs and how many callers, kills, edits or lives of a token; and how many by default.
Trials = dict[str, tuple[Callable[[Any, int], Outcome], int]]

ON_TWO_API_SERVERS: Trials = {
    "crowd": (crowd, 200),
    "health": (health, 200),
    "kill_grace": (kill_grace, 300),
    "kill_strict": (kill_strict, 300),
    "edit": (edit, 100),
    "paste": (paste, 100),
    "edit_at_commit": (edit_at_commit, 20),
    "endpoint": (endpoint, 10),
    "dead": (dead, 50),
    "outage": (outage, 10),
    "killed": (killed, 10),
    "naive_crowd": (naive_crowd, 200),
    "naive_edit": (naive_edit, 20),
}
IN_A_WHOLE_AIRFLOW: Trials = {"celery": (celery_calls, 12)}
ON_AIRFLOW_2: Trials = {
    "tasks_postgresql": (lambda _, lives: tasks_postgresql(lives), 15),
    "tasks_sqlite": (lambda _, lives: tasks_sqlite(lives), 15),
    "tasks_naive": (lambda _, lives: tasks_naive(lives), 3),
}
OF_THE_SYNC: Trials = {
    "first_full": (first_full, 3),
    "first_full_cut": (first_full_cut, 3),
    "daily": (daily, 30),
    "positions": (positions, 10),
    "pace": (pace, 1),
    "kills": (kills, 200),
    "faults": (faults, 200),
    "memory": (memory, 1_000_000),
    "reserve": (reserve, 12),
    "two_at_once": (two_at_once, 20),
}
PLACES: list[tuple[Trials, Callable[[pathlib.Path], AbstractContextManager[Any]]]] = [
    (ON_TWO_API_SERVERS, stage),
    (IN_A_WHOLE_AIRFLOW, cluster),
    (ON_AIRFLOW_2, contextlib.nullcontext),  # they make their own
    (OF_THE_SYNC, contextlib.nullcontext),  # likewise
]
# The page whose table tells of a trial.
PAGES: dict[str, Callable[[str], bool]] = {
    "tokens.md": lambda trial: trial not in OF_THE_SYNC,
    "sync.md": lambda trial: trial in OF_THE_SYNC,
}


def main() -> int:
    """Run those that are asked for."""
    names = [name for trials, _ in PLACES for name in trials]
    parser = argparse.ArgumentParser(prog="python -m trials", description=__doc__)
    parser.add_argument("--only", choices=names, action="append", help="run this one; may be repeated")
    parser.add_argument("--count", type=int, help="callers, kills, edits, lives of a token (default: each trial's own)")
    parser.add_argument("--keep", action="store_true", help="put the figures into docs/trials.json and docs/tokens.md")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    for trials, place in PLACES:
        chosen = [name for name in trials if name in (options.only or names)]
        if not chosen:
            continue
        with tempfile.TemporaryDirectory(prefix="trials-") as folder, place(pathlib.Path(folder)) as where:
            for name in chosen:
                trial, count = trials[name]
                print(f"{name} ...", file=sys.stderr, flush=True)
                outcomes.append(trial(where, options.count or count))
                print(table(outcomes[-1:]), file=sys.stderr, flush=True)
    if options.keep:
        keep(
            outcomes,
            REPOSITORY / "docs" / "trials.json",
            {REPOSITORY / "docs" / page: tells for page, tells in PAGES.items()},
        )
    print(json.dumps([outcome.as_json() for outcome in outcomes], indent=2))
    print(table(outcomes))
    return int(any(outcome.missed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
