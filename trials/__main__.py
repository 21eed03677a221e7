"""`make trials`: run the trials whole, print a table and the figures as JSON; ends with 1 where a bar was missed."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile
from collections.abc import Callable

from trials.crowd import crowd, naive_crowd
from trials.edit import edit, naive_edit, paste
from trials.endpoint import dead, endpoint
from trials.health import health
from trials.kill import kill_grace, kill_strict
from trials.outage import killed, outage
from trials.outcome import Outcome, table
from trials.stage import Stage, stage

TRIALS: dict[str, tuple[Callable[[Stage, int], Outcome], int]] = {
    "crowd": (crowd, 200),
    "health": (health, 200),
    "kill_grace": (kill_grace, 300),
    "kill_strict": (kill_strict, 300),
    "edit": (edit, 100),
    "paste": (paste, 100),
    "endpoint": (endpoint, 10),
    "dead": (dead, 50),
    "outage": (outage, 10),
    "killed": (killed, 10),
    "naive_crowd": (naive_crowd, 200),
    "naive_edit": (naive_edit, 20),
}


def main() -> int:
    """Run those that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m trials", description=__doc__)
    parser.add_argument("--only", choices=list(TRIALS), action="append", help="run this one; may be repeated")
    parser.add_argument("--count", type=int, help="callers, kills, edits (default: each trial's own)")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there too")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="trials-") as folder, stage(pathlib.Path(folder)) as running:
        for name in options.only or TRIALS:
            trial, count = TRIALS[name]
            print(f"{name} ...", file=sys.stderr, flush=True)
            outcomes.append(trial(running, options.count or count))
            print(table(outcomes[-1:]), file=sys.stderr, flush=True)
    figures = json.dumps([outcome.as_json() for outcome in outcomes], indent=2)
    if options.json:
        options.json.write_text(figures + "\n")
    print(figures)
    print(table(outcomes))
    return int(any(outcome.missed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
