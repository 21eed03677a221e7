"""Scenarios A, B and C: one long list, page after page.

A: 100 pages, 50 ms each, no limit to speak of. B: the same with 5 calls a second, enforced. C: 100,000 rows from a
server that answers at once, and memory against rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.field import (
    AIRBYTE,
    CLIENT,
    DLT,
    FIELD,
    HTTP_OPERATOR,
    JSON_LOOP,
    MSGSPEC_LOOP,
    OPERATOR,
    Contender,
    interleaved,
    run,
)
from benchmarks.neutral import Neutral

__all__ = ["enforced", "memory", "slow", "throughput"]

# One format of each is enough where the wire decides.
_ONE_EACH = (JSON_LOOP, MSGSPEC_LOOP, HTTP_OPERATOR, DLT, AIRBYTE, CLIENT, OPERATOR)
Figures = dict[str, list[dict[str, Any]]]


def slow(neutral: Neutral, repeats: int, rows: int = 5_000) -> Figures:
    """Scenario A."""
    return _measured(neutral, _ONE_EACH, repeats, {"rows": rows, "latency": 0.05})


def enforced(neutral: Neutral, repeats: int, rows: int = 5_000) -> Figures:
    """Scenario B; who can be told of the limit is told."""
    told = tuple(replace(one, options=("--per-second", "5")) for one in _ONE_EACH)
    return _measured(neutral, told, repeats, {"rows": rows, "latency": 0.05, "per_second": 5})


def throughput(neutral: Neutral, repeats: int, rows: int = 100_000) -> Figures:
    """Scenario C."""
    return _measured(neutral, FIELD, repeats, {"rows": rows})


def memory(neutral: Neutral, counts: Sequence[int], most: dict[str, int]) -> dict[str, dict[int, dict[str, Any]]]:
    """Peak memory by rows, once each; `most` names contenders that are spared more rows than so many."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for count in counts:
        for contender in FIELD:
            if count <= most.get(contender.name, count):
                with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                    told = _checked(run(contender, neutral, Path(folder), serve={"rows": count}), contender, count)
                found.setdefault(contender.name, {})[count] = told
    return found


def _measured(neutral: Neutral, contenders: Sequence[Contender], repeats: int, serve: dict[str, Any]) -> Figures:
    figures: Figures = {contender.name: [] for contender in contenders}
    for contender, folder in interleaved(contenders, repeats):
        told = run(contender, neutral, folder, serve=serve)
        figures[contender.name].append(_checked(told, contender, serve["rows"]))
    return figures


def _checked(told: dict[str, Any], contender: Contender, rows: int) -> dict[str, Any]:
    if told["rows"] != rows:
        raise RuntimeError(f"{contender.name} got {told['rows']} of {rows} rows")
    return told
