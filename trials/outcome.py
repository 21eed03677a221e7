"""What a trial found: figures, and the bars that they were held against. Pure values, and their table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Bar", "Outcome", "found_as_text", "percentile", "spread", "table"]


@dataclass(frozen=True)
class Bar:
    """A figure and what it has to be.

    Attributes:
        what: in words.
        found: the figure.
        wanted: the bar, in words.
        holds: whether it was met.
    """

    what: str
    found: float | str
    wanted: str
    holds: bool

    @classmethod
    def equal(cls, what: str, found: float, wanted: float) -> Bar:
        """A figure that has to be just this."""
        return cls(what, found, f"= {wanted}", found == wanted)

    @classmethod
    def same(cls, what: str, found: str, wanted: str) -> Bar:
        """Words that have to be just these."""
        return cls(what, found, f"= {wanted}", found == wanted)

    @classmethod
    def at_most(cls, what: str, found: float, most: float) -> Bar:
        """A figure that has to stay at or below this; not a number does not."""
        return cls(what, found, f"<= {most}", found <= most)

    @classmethod
    def at_least(cls, what: str, found: float, least: float) -> Bar:
        """A figure that has to reach this."""
        return cls(what, found, f">= {least}", found >= least)


@dataclass(frozen=True)
class Outcome:
    """Of one trial.

    Attributes:
        count: how many callers, kills, edits it had.
        figures: all else that is worth knowing; goes into the JSON.
        secrets: what must not turn up anywhere; does not go into the JSON.
    """

    trial: str
    count: int
    bars: Sequence[Bar]
    figures: dict[str, Any] = field(default_factory=dict)
    secrets: Sequence[str] = field(default=(), repr=False)

    @property
    def missed(self) -> list[Bar]:
        """The bars that were not met."""
        return [bar for bar in self.bars if not bar.holds]

    def as_json(self) -> dict[str, Any]:
        """For the file of figures."""
        figures = asdict(self) | {"passed": not self.missed}
        del figures["secrets"]
        return figures


def percentile(figures: Sequence[float], share: float) -> float:
    """The figure that `share` (0 to 1) of them do not exceed: the nearest rank; not a number where there are none."""
    if not figures:
        return math.nan
    return sorted(figures)[max(0, math.ceil(share * len(figures)) - 1)]


def spread(figures: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Number, least, median, 99th percentile, most."""
    if not figures:
        return {"number": 0}
    return {
        "number": len(figures),
        "min": round(min(figures), digits),
        "median": round(statistics.median(figures), digits),
        "p99": round(percentile(figures, 0.99), digits),
        "max": round(max(figures), digits),
    }


def found_as_text(found: float | str) -> str:
    """A figure for people."""
    return f"{found:.3f}".rstrip("0").rstrip(".") if isinstance(found, float) else str(found)


def table(outcomes: Iterable[Outcome]) -> str:
    """A line for each bar of each trial."""
    rows = [("trial", "count", "what", "found", "wanted", "")]
    for outcome in outcomes:
        for bar in outcome.bars:
            verdict = "ok" if bar.holds else "MISSED"
            rows.append((outcome.trial, str(outcome.count), bar.what, found_as_text(bar.found), bar.wanted, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
