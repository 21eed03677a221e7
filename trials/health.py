"""The same crowd while Airflow's own health page is asked: the broker must not take what other routes need."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from trials.crowd import crowd
from trials.outcome import Bar, Outcome, percentile, spread
from trials.stage import Stage

__all__ = ["health"]

_REST_SECONDS = 5.0
_PAUSE_SECONDS = 0.02  # between two questions


def health(stage: Stage, count: int = 200, crowds: int = 3) -> Outcome:
    """Ask both api-servers at rest, and then during a few crowds, one after the other."""
    enough = threading.Event()
    with ThreadPoolExecutor(len(stage.urls)) as pool:
        timer = threading.Timer(_REST_SECONDS, enough.set)
        timer.start()
        rest = [took for polls in pool.map(lambda url: _poll(url, enough), stage.urls) for took in polls]
        enough.clear()
        polls = [pool.submit(_poll, url, enough) for url in stage.urls]
        try:
            outcomes = [crowd(stage, count) for _ in range(crowds)]
        finally:
            enough.set()
        rushed = [took for one in polls for took in one.result()]
    at_rest, at_rush = percentile(rest, 0.99), percentile(rushed, 0.99)
    return Outcome(
        "health",
        count,
        [
            Bar.equal("crowds served as above", sum(not outcome.missed for outcome in outcomes), crowds),
            Bar.at_most("p99 of the health page in the crowd, s, to 3 x p99 at rest", at_rush, round(3 * at_rest, 4)),
            Bar.at_most("p99 of the health page in the crowd, s", at_rush, 0.25),
        ],
        {
            "rest_s": spread(rest, 4),
            "crowd_s": spread(rushed, 4),
            "slowest_s": [round(took, 3) for took in sorted(rushed)[-10:]],
            "missed": [str(bar) for outcome in outcomes for bar in outcome.missed],
        },
    )


def _poll(url: str, enough: threading.Event) -> list[float]:
    took = []
    with requests.Session() as session:
        while not enough.wait(_PAUSE_SECONDS):
            begun = time.monotonic()
            session.get(f"{url}/api/v2/monitor/health", timeout=30).raise_for_status()
            took.append(time.monotonic() - begun)
    return took
