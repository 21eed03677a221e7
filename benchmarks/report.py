"""The figures kept in docs/benchmarks.json, and the tables of docs/benchmarks.md that are made from them."""

from __future__ import annotations

import json
import os
import pathlib
import platform
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.bars import bars, median, to_five_a_second
from benchmarks.field import FIELD, JSON_LOOP, MSGSPEC_LOOP
from benchmarks.neutral import environment
from benchmarks.preset import SYNCS
from scripts.local_airflow import REPOSITORY
from trials.outcome import found_as_text

__all__ = ["commit", "keep", "rendered", "versions"]

_PACKAGES = {
    "server": ("uvicorn", "uvloop", "httptools"),
    "plain": ("requests", "urllib3", "msgspec"),
    "http": ("apache-airflow", "apache-airflow-providers-http"),
    "dlt": ("dlt", "pyarrow"),
    "airbyte": ("airbyte-cdk",),
    "": ("apache-airflow", "requests", "msgspec", "pyarrow"),
}
_ASK = "import importlib.metadata as m, sys, json; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
Figures = dict[str, Any]


def commit() -> str:
    """Which state of the project is there, and whether something in it was changed since."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    return subprocess.check_output(asked, cwd=REPOSITORY, text=True).strip()


def keep(found: Figures, measured: str, figures: pathlib.Path, page: pathlib.Path) -> None:
    """Put figures into the file, each scenario's in the place of its last ones, and their tables into the page.

    Args:
        found: by scenario.
        measured: which state of the project.
        figures: the file.
        page: the page.
    """
    before = json.loads(figures.read_text()) if figures.exists() else {"scenarios": {}, "commits": {}}
    told = {
        "measured_on": _machine(),
        "versions": versions(),
        "commits": {**before["commits"], **dict.fromkeys(found, measured)},
        "scenarios": {**before["scenarios"], **found},
    }
    figures.write_text(json.dumps(told, indent=1) + "\n")
    page.write_text(rendered(page.read_text(), told))
    plots = pathlib.Path(__file__).parent / "plots.py"
    subprocess.run([environment("plots"), plots, figures, figures.parent / "images"], check=True)


def rendered(text: str, told: Figures) -> str:
    """The page with the tables of these figures in it."""
    tables = {"machine": _where, "contenders": _does, "bars": _bars, **_TABLES}
    for name, lines in tables.items():
        measured = name not in _TABLES or name.removesuffix(" later") in told["scenarios"]
        made = [*lines(told)] if measured else ["Not measured yet."]
        if measured and name in _PICTURES:
            title, file = _PICTURES[name]
            made += ["", f"![{title}](images/{file})"]
        block = "\n".join(["", *made, ""])
        text = re.sub(rf"(?s)(<!-- made: {name} -->\n).*?(<!-- end -->)", partial(_put, block), text)
    return text


def _put(block: str, found: re.Match[str]) -> str:
    return f"{found[1]}{block}\n{found[2]}"


def versions() -> dict[str, dict[str, str]]:
    """What is installed in each environment that is there."""
    return {
        name or "this project": json.loads(subprocess.check_output([environment(name), "-c", _ASK, *packages]))
        for name, packages in _PACKAGES.items()
        if environment(name).exists()
    }


def _machine() -> Figures:
    model = next(
        (line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine(),
    )  # fmt: skip
    return {"cores": os.cpu_count(), "processor": model, "python": platform.python_version()}


def _where(told: Figures) -> Iterator[str]:
    where = told["measured_on"]
    commits = ", ".join(f"`{one}`" for one in dict.fromkeys(told["commits"].values()))
    yield f"{where['cores']} cores ({where['processor']}), Python {where['python']}; measured at {commits}."
    yield ""
    yield "| environment | versions |"
    yield "|---|---|"
    for name, found in told["versions"].items():
        yield f"| {name} | {', '.join(f'{package} {version}' for package, version in found.items())} |"


def _bars(told: Figures) -> Iterator[str]:
    yield "| | what | found | bar | |"
    yield "|---|---|---|---|---|"
    for scenario, bar in bars(told["scenarios"]):
        wanted = bar.wanted.replace("<=", "≤").replace(">=", "≥")
        yield f"| {scenario} | {bar.what} | {found_as_text(bar.found)} | {wanted} | {'' if bar.holds else 'missed'} |"


def _spread(runs: list[Figures], figure: str = "seconds", digits: int = 2) -> str:
    found = [run[figure] for run in runs]
    return f"{median(runs, figure):.{digits}f} ({min(found):.{digits}f}-{max(found):.{digits}f})"


def _lists(
    scenario: str, limit: str, share: Callable[[Figures, list[Figures]], str]
) -> Callable[[Figures], Iterator[str]]:
    def lines(told: Figures) -> Iterator[str]:
        figures = told["scenarios"][scenario]
        yield from _runs(figures)
        head = (
            "contender",
            "seconds",
            "rows a second",
            "CPU seconds",
            "peak MiB",
            "calls",
            "refused",
            "connections",
            limit,
        )
        yield f"| {' | '.join(head)} |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for name, runs in figures.items():
            refused = max(run.get("refused", 0) for run in runs)
            yield (
                f"| {name} | {_spread(runs)} | {median(runs, 'rows') / median(runs):,.0f} | {median(runs, 'cpu'):.2f} |"
                f" {median(runs, 'peak'):.0f} | {median(runs, 'calls'):,.0f} | {refused} |"
                f" {median(runs, 'connections'):.0f} | {share(figures, runs)} |"
            )

    return lines


def _runs(figures: dict[str, list[Figures]]) -> Iterator[str]:
    yield f"Runs of each: {min(map(len, figures.values()))}."
    yield ""


def _one_by_one(_: Figures, runs: list[Figures]) -> str:
    return f"{median(runs) / (median(runs, 'rows') / 50 * 0.05):.2f}"


def _five_a_second(_: Figures, runs: list[Figures]) -> str:
    return f"{to_five_a_second(runs):.3f}"


def _to_msgspec(figures: Figures, runs: list[Figures]) -> str:
    return f"{median(figures[MSGSPEC_LOOP.name]) / median(runs):.2f}"


def _memory(told: Figures) -> Iterator[str]:
    figures = told["scenarios"]["C memory"]
    counts = sorted({int(count) for found in figures.values() for count in found})
    limit = figures[JSON_LOOP.name][str(counts[0])]["peak"]
    yield f"| contender | {' | '.join(f'{count:,} rows' for count in counts)} | the most, to the limit |"
    yield "|---|" + "---|" * (len(counts) + 1)
    for name, found in figures.items():
        peaks = [found[str(count)]["peak"] for count in counts if str(count) in found]
        cells = [f"{peak:.0f}" for peak in peaks] + [""] * (len(counts) - len(peaks))
        yield f"| {name} | {' | '.join(cells)} | {max(peaks) / limit:.1f} |"


def _stages(told: Figures) -> Iterator[str]:
    yield "| step | microseconds a row | what for |"
    yield "|---|---|---|"
    for name, one in told["scenarios"]["C stages"].items():
        yield f"| {name} | {one['median']:.1f} ({min(one['runs']):.1f}-{max(one['runs']):.1f}) | {one['what']} |"


def _synced(scenario: str, change: str | None = None) -> Callable[[Figures], Iterator[str]]:
    def lines(told: Figures) -> Iterator[str]:
        figures = told["scenarios"][scenario]
        fewest = figures["fewest"][change or "first"]
        yield from _runs(figures[change or "runs"])
        yield "| contender | calls | to the fewest possible | seconds | CPU seconds | rows |"
        yield "|---|---|---|---|---|---|"
        for name, runs in figures[change or "runs"].items():
            calls = median(runs, "calls")
            yield (
                f"| {name} | {calls:,.0f} | {calls / fewest:.2f} | {_spread(runs)} | {median(runs, 'cpu'):.2f} |"
                f" {median(runs, 'rows'):,.0f} |"
            )

    return lines


def _successive(told: Figures) -> Iterator[str]:
    figures = told["scenarios"]["E"]
    syncs = [name for name in SYNCS if name in figures]
    yield f"| calls | {' | '.join(f'{name} sync' for name in syncs)} |"
    yield "|---|" + "---|" * len(syncs)
    yield f"| *the fewest possible* | {' | '.join(str(figures['fewest'][name]) for name in syncs)} |"
    for name in figures[syncs[0]]:
        yield f"| {name} | {' | '.join(_spread(figures[sync][name], 'calls', 0) for sync in syncs)} |"


def _killed(told: Figures) -> Iterator[str]:
    figures = told["scenarios"]["G"]
    yield from _runs(figures["runs"])
    head = ("contender", "calls of both", "to one whole run", "to the fewest possible", "seconds of both, with imports")
    yield f"| {' | '.join(head)} |"
    yield "|---|" + "---|" * (len(head) - 1)
    for name, runs in figures["runs"].items():
        calls, whole, fewest = median(runs, "calls"), median(runs, "whole_calls"), figures["fewest"]["first"]
        yield f"| {name} | {calls:,.0f} | {calls / whole:.3f} | {calls / fewest:.2f} | {_spread(runs)} |"


def _expiring(told: Figures) -> Iterator[str]:
    figures = told["scenarios"]["F"]
    yield from _runs(figures["runs"])
    yield "| contender | processes that got all | refreshes | spent refresh tokens sent | 401s | calls |"
    yield "|---|---|---|---|---|---|"
    for name, runs in figures["runs"].items():
        cells = [_spread(runs, what, 0) for what in ("refreshes", "spent_refresh_tokens", "unauthorized", "calls")]
        yield f"| {name} | {_spread(runs, 'finished', 0)} of {figures['processes']} | {' | '.join(cells)} |"
    yield ""
    yield "| contender | how it refreshes |"
    yield "|---|---|"
    for name, does in figures["does"].items():
        yield f"| {name} | {does} |"


def _imports(told: Figures) -> Iterator[str]:
    figures = told["scenarios"]["H"]
    yield from (f"Runs of each: {figures['repeats']}.", "")
    yield "| what | milliseconds | times the limit | heavy modules that come with it |"
    yield "|---|---|---|---|"
    for name in ("airflow_sdk", "empty_module", "plain_dag_file", "plain_task_dag_file"):
        yield f"| {name.replace('_', ' ')} | {_of(figures[name])} | | |"
    for group in ("public", "at_work", "parsing"):
        for name, one in figures[group].items():
            yield f"| `{name}` | {_of(one)} | {one['times_the_limit']} | {', '.join(one['heavy'])} |"


def _broker(told: Figures) -> Iterator[str]:
    figures = told["scenarios"]["I"]
    yield from (f"Runs of each: {figures['repeats']}, of {figures['seconds']:.0f} s.", "")
    head = ("callers", "calls a second", "p50 ms", "p99 ms", "to its door", "of the api-server's cheapest answer")
    yield f"| {' | '.join(head)} |"
    yield "|---|" + "---|" * (len(head) - 1)
    for callers, one in figures["callers"].items():
        cells = [_of(one["broker"][name]) for name in ("calls_a_second", "p50_ms", "p99_ms")]
        yield f"| {callers} | {' | '.join(cells)} | {one['to_door']['median']} | {one['to_version']['median']} |"


def _of(one: Figures) -> str:
    return f"{one['median']:.1f} ({one['min']:.1f}-{one['max']:.1f})"


def _does(_: Figures) -> Iterator[str]:
    yield "| contender | what it does |"
    yield "|---|---|"
    for contender in FIELD:
        yield f"| {contender.name} | {contender.does} |"


_TABLES: dict[str, Callable[[Figures], Iterator[str]]] = {
    "A": _lists("A", "seconds to one call after the other", _one_by_one),
    "B": _lists("B", "seconds to calls / 5", _five_a_second),
    "C": _lists("C", "rows a second to requests, msgspec", _to_msgspec),
    "C stages": _stages,
    "C memory": _memory,
    "D": _synced("D"),
    "E": _synced("E", "second"),
    "E later": _successive,
    "F": _expiring,
    "G": _killed,
    "H": _imports,
    "I": _broker,
}
_PICTURES = {
    "A": ("Seconds in scenario A", "benchmark-a.svg"),
    "C": ("Seconds in scenario C", "benchmark-c.svg"),
    "C memory": ("Peak memory by rows", "benchmark-memory.svg"),
    "E": ("Calls in scenarios D and E", "benchmark-calls.svg"),
}
