"""The sandbox's switches and limits: what a user may set at the start, and change while it runs.

Where api.md says UNSURE, a switch gives both positions; the default is the less comfortable one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Clock", "Settings"]

_CHOICES: dict[str, tuple[Any, ...]] = {
    "rotation": ("strict", "grace"),
    "oversize_pages": ("refuse", "clamp"),
    "items_per_page": ("page_size", "row_count"),
    "meta_form": ("full", "old"),
    "empty_page_count": (0, 1),
    "bounds": ("inclusive", "exclusive"),
    "monthly_spelling": ("new", "old"),
    "count_refused": (False, True),
    "breakout_rooms": ("hidden", "shown"),
}


@dataclass
class Settings:
    """All that can be set.

    Attributes:
        rotation: what becomes of the old pair at a refresh. `strict`: it dies at once. `grace`: it dies when the new
            access token is first used (api.md 1.2).
        token_life: seconds that an access token lives.
        interval_limit: calls in any one second; 0 for no limit.
        monthly_limit: calls in 30 days; 0 for no limit.
        count_refused: whether a call that was refused with 429 counts against the month.
        oversize_pages: what becomes of page[size] over 50.
        items_per_page: what that member of `meta` tells.
        meta_form: `old` lacks current_page, previous_page and next_page.
        empty_page_count: page_count of an empty list.
        bounds: of the `_since` and `_until` filters.
        breakout_rooms: whether lists of sessions hold them where filter[include_breakout_rooms] is not sent.
        monthly_spelling: `old` writes RateLimit-Montly, as Livestorm once did.
    """

    rotation: str = "strict"
    token_life: int = 7200  # Doorkeeper's default; Livestorm's own is not published
    interval_limit: int = 5
    monthly_limit: int = 10_000
    count_refused: bool = False
    oversize_pages: str = "refuse"
    items_per_page: str = "page_size"
    meta_form: str = "full"
    empty_page_count: int = 0
    bounds: str = "inclusive"
    monthly_spelling: str = "new"
    breakout_rooms: str = "hidden"

    def change(self, changes: dict[str, Any]) -> None:
        """Set some of them; ValueError, with nothing changed, for a name or a value that does not exist."""
        known = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no setting {name!r}; there are {', '.join(sorted(known))}")
            if name in _CHOICES:
                if type(value) is not known[name] or value not in _CHOICES[name]:
                    raise ValueError(f"{name} is one of {', '.join(map(str, _CHOICES[name]))}; got {value!r}")
            elif type(value) is not known[name] or value < 0:
                raise ValueError(f"{name} is a whole number, not negative; got {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)


class Clock:
    """The sandbox's time, UTC unix seconds: it runs as time does, and can be moved.

    Args:
        epoch: the time at the start.
        monotonic: seconds.
    """

    def __init__(self, epoch: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._zero = monotonic() - epoch

    def now(self) -> float:
        """The time."""
        return self._monotonic() - self._zero

    def advance(self, seconds: float) -> None:
        """Move it forward, or back."""
        self._zero -= seconds
