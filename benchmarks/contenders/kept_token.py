"""Tokens in a JSON file that all processes share, as people keep them who refresh by themselves.

For the contenders that have no store of their own. Standard library alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any

__all__ = ["CLIENT", "KeptToken"]

CLIENT = {"client_id": "client", "client_secret": "secret"}


class KeptToken:
    """The file.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = pathlib.Path(path)

    def read(self) -> dict[str, Any]:
        """`access_token`, `refresh_token` and `expires_at` (UTC unix seconds)."""
        kept: dict[str, Any] = json.loads(self._path.read_text())
        return kept

    def write(self, granted: dict[str, Any]) -> dict[str, Any]:
        """Keep what the token endpoint gave; no reader sees half of it."""
        kept = {name: granted[name] for name in ("access_token", "refresh_token")}
        kept["expires_at"] = time.time() + granted["expires_in"]
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        beside.write_text(json.dumps(kept))
        beside.replace(self._path)
        return kept

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock that one process of this machine has at a time."""
        with self._path.with_name(f"{self._path.name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
