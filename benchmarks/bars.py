"""What the figures are held against."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.field import AIRBYTE, CLIENT, DLT, DLT_PARQUET, HTTP_OPERATOR, JSON_LOOP, MSGSPEC_LOOP, OPERATOR
from benchmarks.syncs import TRUSTING
from trials.outcome import Bar

__all__ = ["bars", "median", "to_five_a_second"]

_PARQUET = f"{OPERATOR.name}, Parquet"


def median(runs: list[dict[str, Any]], figure: str = "seconds") -> float:
    """Of one figure over the runs of a contender."""
    return float(statistics.median(run[figure] for run in runs))


def to_five_a_second(runs: list[dict[str, Any]]) -> float:
    """Seconds to a fifth of the calls that were let in; somewhat below 1 is possible, as five may go at once."""
    let_in = [run["calls"] - run.get("refused", 0) for run in runs]
    return median(runs) / (statistics.median(let_in) / 5)


def bars(scenarios: dict[str, Any]) -> Iterator[tuple[str, Bar]]:
    """The bars of those scenarios that were measured."""
    for name, of in _BARS.items():
        if name in scenarios:
            for bar in of(scenarios[name]):
                yield name, bar


def _slow(figures: dict[str, Any]) -> Iterator[Bar]:
    for one in (CLIENT, OPERATOR):
        yield Bar.at_least(f"{one.name}: times as fast as {JSON_LOOP.name}", _times(figures, one.name), 3)


def _enforced(figures: dict[str, Any]) -> Iterator[Bar]:
    for one in (CLIENT, OPERATOR):
        found = round(to_five_a_second(figures[one.name]), 3)
        yield Bar.at_most(f"{one.name}: seconds to calls / 5", found, 1.03)


def _throughput(figures: dict[str, Any]) -> Iterator[Bar]:
    wanted = ((MSGSPEC_LOOP, 0.75), (JSON_LOOP, 1.5), (DLT, 2.5), (HTTP_OPERATOR, 3), (AIRBYTE, 4))
    for one in (CLIENT, OPERATOR):
        for peer, least in wanted:
            if peer.name in figures:
                times = _times(figures, one.name, peer.name)
                yield Bar.at_least(f"{one.name}: rows a second, to those of {peer.name}", times, least)
    if DLT_PARQUET.name in figures:
        times = _times(figures, _PARQUET, DLT_PARQUET.name)
        yield Bar.at_least(f"{_PARQUET}: rows a second, to those of {DLT_PARQUET.name}", times, 5)


def _memory(figures: dict[str, Any]) -> Iterator[Bar]:
    few, most = "50", max(figures[JSON_LOOP.name], key=int)
    plain = figures[JSON_LOOP.name][most]["peak"]
    yield Bar.at_most(
        f"{CLIENT.name}: MiB above {JSON_LOOP.name}", round(figures[CLIENT.name][most]["peak"] - plain, 1), 20
    )
    for name in (OPERATOR.name, _PARQUET):
        above = figures[name][most]["peak"] - figures[name][few]["peak"]
        yield Bar.at_most(f"{name}: MiB above itself with one page", round(above, 1), 20)


def _again(figures: dict[str, Any]) -> Iterator[Bar]:
    for sync in ("second", "fourth"):
        runs = figures[sync]
        for peer in (DLT.name, AIRBYTE.name, *(one.name for one in TRUSTING)):
            if peer in runs:
                times = round(median(runs[peer], "calls") / median(runs[OPERATOR.name], "calls"), 1)
                yield Bar.at_least(f"{OPERATOR.name}: times fewer calls than {peer}, in the {sync} sync", times, 30)


def _times(figures: dict[str, Any], name: str, peer: str = JSON_LOOP.name) -> float:
    return round(median(figures[peer]) / median(figures[name]), 2)


def _expiring(figures: dict[str, Any]) -> Iterator[Bar]:
    for name, runs in figures["runs"].items():
        if name.startswith("livestorm"):
            yield Bar.equal(f"{name}: refreshes, in any run", max(run["refreshes"] for run in runs), 1)
            yield Bar.equal(f"{name}: processes that got all rows", min(run["finished"] for run in runs), 8)


def _imports(figures: dict[str, Any]) -> Iterator[Bar]:
    slowest = max(figures["public"], key=lambda name: figures["public"][name]["median"])
    yield Bar.at_most(f"slowest public module to import ({slowest}), ms", figures["public"][slowest]["median"], 50)
    heavy = {name for one in figures["parsing"].values() for name in one["heavy"]}
    yield Bar.same("heavy modules that parsing an example brings", ", ".join(sorted(heavy)), "")


_BARS: dict[str, Callable[[dict[str, Any]], Iterator[Bar]]] = {
    "A": _slow, "B": _enforced, "C": _throughput, "C memory": _memory, "E": _again, "F": _expiring, "H": _imports,
}  # fmt: skip
