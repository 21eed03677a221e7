"""What the trials found, kept: figures in docs/trials.json, and the tables of the docs that are made from them."""

from __future__ import annotations

import json
import os
import pathlib
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from trials.outcome import Outcome, found_as_text

__all__ = ["keep", "rendered"]

_BEGIN = "<!-- What follows is made by make trials. -->"
_END = "<!-- What was made by make trials ends here. -->"


def keep(
    outcomes: Iterable[Outcome], figures: pathlib.Path, pages: Mapping[pathlib.Path, Callable[[str], bool]]
) -> None:
    """Put the outcomes into the file of figures, each in the place of its last one, and their tables into the pages."""
    kept: dict[str, Any] = json.loads(figures.read_text())["trials"] if figures.exists() else {}
    kept |= {outcome.trial: outcome.as_json() for outcome in outcomes}
    where = {"cores": os.cpu_count(), "python": platform.python_version(), "airflow": version("apache-airflow")}
    found = {"measured_on": where, "trials": kept}
    figures.write_text(json.dumps(found, indent=1) + "\n")
    for page, tells in pages.items():
        page.write_text(rendered(page.read_text(), found, tells))


def rendered(text: str, found: Mapping[str, Any], tells: Callable[[str], bool]) -> str:
    """The page with the table of these trials in it."""
    before, rest = text.split(_BEGIN)
    after = rest.split(_END)[1]
    return before + _BEGIN + "\n\n" + "\n".join(_lines(found, tells)) + "\n\n" + _END + after


def _lines(found: Mapping[str, Any], tells: Callable[[str], bool]) -> Iterator[str]:
    where = found["measured_on"]
    yield f"{where['cores']} cores, Python {where['python']}, Airflow {where['airflow']}:"
    yield ""
    yield "| trial | count | what | found | bar | |"
    yield "|---|---|---|---|---|---|"
    for trial in [trial for name, trial in found["trials"].items() if tells(name)]:
        head = f"**{trial['trial']}** | {trial['count']}"
        for bar in trial["bars"]:
            wanted = bar["wanted"].replace("<=", "≤").replace(">=", "≥")
            verdict = "" if bar["holds"] else "missed"
            yield f"| {head} | {bar['what']} | {found_as_text(bar['found'])} | {wanted} | {verdict} |"
            head = " | "
