"""Scenarios D, E and G: a workspace of real size, read whole, read again after a change, and killed on the way."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.field import (
    AIRBYTE,
    DLT,
    JSON_LOOP,
    OPERATOR,
    Contender,
    command,
    interleaved,
    run,
    surroundings,
)
from benchmarks.neutral import Neutral
from benchmarks.preset import rows_of

__all__ = ["TRUSTING", "cold_and_again", "killed"]

# A peer that leans on the parent's updated_at asks less and misses whatever does not move it (api.md 8).
TRUSTING = tuple(replace(one, name=f"{one.name}, trusting", options=("--trusting",)) for one in (DLT, AIRBYTE))
_SYNCING = (JSON_LOOP, DLT, AIRBYTE, *TRUSTING, OPERATOR)
_KILLED = (JSON_LOOP, DLT, AIRBYTE, OPERATOR)
Figures = dict[str, list[dict[str, Any]]]


def cold_and_again(
    neutral: Neutral, repeats: int, first: pathlib.Path, changes: Sequence[pathlib.Path]
) -> tuple[Figures, dict[str, Figures]]:
    """D and E: a first sync; then, on its state, one of each changed workspace in turn."""
    cold: Figures = {contender.name: [] for contender in _SYNCING}
    rows = rows_of(json.loads(first.read_bytes()))
    again: dict[str, Figures] = {change.stem: {one.name: [] for one in _SYNCING} for change in changes}
    for contender, folder in interleaved(_SYNCING, repeats):
        told = _synced(contender, neutral, folder, first)
        if told["rows"] != rows:
            raise RuntimeError(f"{contender.name} got {told['rows']} of {rows} rows")
        cold[contender.name].append(told)
        for change in changes:
            again[change.stem][contender.name].append(_synced(contender, neutral, folder, change))
    return cold, again


def killed(neutral: Neutral, repeats: int, workspace: pathlib.Path) -> Figures:
    """G: killed by SIGKILL when half of a first sync's calls were made, and run again; calls and seconds of both."""
    figures: Figures = {contender.name: [] for contender in _KILLED}
    halves: dict[str, int] = {}
    for contender, folder in interleaved(_KILLED, repeats):
        if contender.name not in halves:
            halves[contender.name] = _synced(contender, neutral, folder / "whole", workspace)["calls"] // 2
        before, seconds = _kill_at(halves[contender.name], contender, neutral, folder, workspace)
        after = _synced(contender, neutral, folder, workspace)
        figures[contender.name].append(
            {
                **after,
                "calls_before": before,
                "calls": after["calls"] + before,
                "whole_calls": halves[contender.name] * 2,
                "seconds_before": seconds,
                "seconds": after["whole"] + seconds,
            }
        )
    return figures


def _synced(contender: Contender, neutral: Neutral, folder: pathlib.Path, workspace: pathlib.Path) -> dict[str, Any]:
    return run(contender, neutral, folder, work="workspace", serve={"workspace": str(workspace)})


def _kill_at(
    calls: int, contender: Contender, neutral: Neutral, folder: pathlib.Path, workspace: pathlib.Path
) -> tuple[int, float]:
    """Start a contender, kill it once so many calls were made; returns how many it made, and in how many seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    neutral.set(workspace=str(workspace))
    began = time.monotonic()
    with subprocess.Popen(
        command(contender, neutral.url, folder, work="workspace"), env=surroundings(folder), cwd=folder,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as child:  # fmt: skip
        while neutral.counts().get("calls", 0) < calls:
            if child.poll() is not None:
                raise RuntimeError(f"{contender.name} ended before it was killed")
            time.sleep(0.005)
        os.killpg(child.pid, signal.SIGKILL)
    seconds = time.monotonic() - began
    made: int = neutral.counts()["calls"]
    return made, seconds
