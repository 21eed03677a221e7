"""Where the rotating tokens are kept: the protocol that `lease.py` refreshes over. Each store has its own module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Snapshot", "TokenStore"]


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
