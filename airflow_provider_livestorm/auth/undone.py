"""What a save of the connection form may undo, and how this process does it again. Used by `lease.py`.

Airflow's own save is no compare-and-swap: it reads the row and writes it some milliseconds later, and a refresh that
was stored in between is gone; the refresh token that it spent is back. Whoever redeemed it knows better.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from airflow_provider_livestorm.auth.token import fingerprint

__all__ = ["Refreshed"]

_KEPT = 100  # a save that undoes anything comes within a moment, not a hundred refreshes later


class Refreshed:
    """The refreshes that this process stored: by the refresh token that was spent, how to store its pair again.

    Args:
        later: does something a moment after a refresh, on a thread of its own; not at all where there is none.
    """

    def __init__(self, *, later: Callable[[Callable[[], None]], None] = lambda _: None) -> None:
        self._later = later
        self._lock = threading.Lock()
        self._stores: dict[tuple[str, str], Callable[[], object]] = {}

    def remember(self, conn_id: str, spent: str, store: Callable[[], object], look: Callable[[], None]) -> None:
        """Keep how to store what was had for a refresh token, and have a look at the row a moment later."""
        with self._lock:
            self._stores[conn_id, fingerprint(spent)] = store
            for oldest in list(self._stores)[:-_KEPT]:
                del self._stores[oldest]
        self._later(look)

    def restore(self, conn_id: str, found: str | None) -> bool:
        """Store it again if the refresh token that was found is one that was spent here; whether it was."""
        with self._lock:
            store = self._stores.get((conn_id, fingerprint(found))) if found else None
        if store is not None:
            store()
        return store is not None
