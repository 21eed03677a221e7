"""The plots of docs/benchmarks.md, out of docs/benchmarks.json; run in an environment with matplotlib."""

from __future__ import annotations

import json
import pathlib
import statistics
import sys
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "livestorm", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}

from matplotlib import pyplot as plt  # noqa: E402 - after the backend

_OURS, _OTHERS, _TRUSTING = "#0a7d5a", "#8a93a3", "#c9ced6"
_APART = 1.16  # times as high as the name below, on an axis of logarithms
Runs = list[dict[str, Any]]


def main() -> None:
    """Write the plots of what there is: `python plots.py FIGURES FOLDER`."""
    scenarios = json.loads(pathlib.Path(sys.argv[1]).read_text())["scenarios"]
    folder = pathlib.Path(sys.argv[2])
    for name, title, unit in (
        ("A", "100 pages, 50 ms each", "seconds"),
        ("C", "100,000 rows, no latency", "seconds"),
    ):
        if name in scenarios:
            figure, axes = plt.subplots(figsize=(7, 0.32 * len(scenarios[name]) + 0.9))
            _bars(axes, {one: _spread(runs, "seconds") for one, runs in scenarios[name].items()}, title, unit)
            _save(figure, folder / f"benchmark-{name.lower()}.svg")
    if "C memory" in scenarios:
        _memory(scenarios["C memory"], folder / "benchmark-memory.svg")
    if "D" in scenarios:
        _calls(scenarios, folder / "benchmark-calls.svg")


def _spread(runs: Runs, what: str) -> tuple[float, float, float]:
    found = [run[what] for run in runs]
    return statistics.median(found), min(found), max(found)


def _bars(axes: Any, found: dict[str, tuple[float, float, float]], title: str, unit: str, *, log: bool = False) -> None:
    names = list(reversed(found))
    for place, name in enumerate(names):
        middle, least, most = found[name]
        colour = _OURS if name.startswith("livestorm") else _TRUSTING if "trusting" in name else _OTHERS
        axes.barh(place, middle, color=colour, xerr=[[middle - least], [most - middle]], ecolor="#333333", capsize=2)
        axes.annotate(f" {middle:,.4g}", (most, place), va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(f"{unit}: median, least and most")
    if log:
        axes.set_xscale("log")
    axes.margins(x=0.12)


def _memory(found: dict[str, dict[str, Any]], file: pathlib.Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 3.6))
    taken: dict[int, float] = {}
    for name, by_rows in sorted(found.items(), key=lambda one: one[1][max(one[1], key=int)]["peak"]):
        counts = sorted(map(int, by_rows))
        peaks = [by_rows[str(count)]["peak"] for count in counts]
        ours = name.startswith("livestorm")
        axes.plot(counts, peaks, marker="o", ms=3, color=_OURS if ours else _OTHERS, lw=1.8 if ours else 1)
        # A name stands above the one below it, where two lines end in one place.
        taken[counts[-1]] = height = max(peaks[-1], taken.get(counts[-1], 0) * _APART)
        axes.annotate(f" {name}", (counts[-1], height), fontsize=7, va="center")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(right=2e7)
    axes.set_title("peak memory, MiB, by rows", loc="left", fontsize=10)
    axes.set_xlabel("rows")
    _save(figure, file)


def _calls(scenarios: dict[str, Any], file: pathlib.Path) -> None:
    figure, both = plt.subplots(2, 1, figsize=(7, 5.2))
    panels = (("D", "runs", "a first sync"), ("E", "second", "a second sync, one session in a hundred changed"))
    for axes, (scenario, key, title) in zip(both, panels, strict=True):
        found = {one: _spread(runs, "calls") for one, runs in scenarios[scenario][key].items()}
        _bars(axes, found, title, "calls", log=scenario == "E")
    _save(figure, file)


def _save(figure: Any, file: pathlib.Path) -> None:
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
