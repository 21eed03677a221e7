"""Where the rotating tokens are kept: the protocol that `lease.py` refreshes over. Each store has its own module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_livestorm.auth.token import fingerprint

__all__ = ["Snapshot", "TokenStore", "sown"]

_SEEDS_KEPT = 20


@dataclass(frozen=True, slots=True, repr=False)
class Snapshot:
    """What was read, and the mark by which a later write knows that nobody wrote in between.

    Attributes:
        extra: the Connection's `extra`, decoded.
        revision: opaque to all but the store.
    """

    extra: dict[str, Any]
    revision: str | None


class TokenStore(Protocol):
    """Keeps the `extra` of one connection; every write is a compare-and-swap."""

    def read(self) -> Snapshot:
        """What is stored now.

        Raises:
            LivestormConfigurationError: the connection is not in this store.
            LivestormTokenError: the store could not be read; a retry may help.
        """

    def compare_and_swap(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        """Write `extra` if nobody wrote since `seen` was read; None where somebody did.

        Raises:
            LivestormTokenError: it is not known whether it was written; read again.
        """


def sown(extra: dict[str, Any], seed: str | None) -> dict[str, Any]:
    """What a store beside a connection holds, given the refresh token that the connection is configured with.

    That one is a seed: redeemed once, and what came of it is in the store, which remembers the fingerprints of its
    seeds. One that it never saw is a new authorization and wins; an old one comes from a process whose configuration
    lags behind, and takes what is there.
    """
    seeds = extra.get("seeds")
    seeds = seeds if isinstance(seeds, list) else []
    if seed is None or fingerprint(seed) in seeds:
        return extra
    return {"refresh_token": seed, "seeds": [*seeds[-_SEEDS_KEPT:], fingerprint(seed)]}
