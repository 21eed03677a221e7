"""The neutral server in a process of its own, and what it counted."""

from __future__ import annotations

import json
import pathlib
import subprocess
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

from scripts.local_airflow import REPOSITORY

__all__ = ["Neutral", "environment"]

_HERE = pathlib.Path(__file__).parent


def environment(name: str) -> pathlib.Path:
    """The Python of a contender's environment (`make bench-envs`), or with an empty name the project's."""
    return REPOSITORY / (f".bench/{name}" if name else ".venv") / "bin" / "python"


class Neutral:
    """Runs `server.py`; use as a context manager.

    Attributes:
        url: of the API.
    """

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [environment("server"), _HERE / "server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._root = self._process.stdout.readline().strip()
        self.url = f"{self._root}/v1"
        self.token_url = f"{self._root}/oauth/token"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def set(self, **told: Any) -> None:
        """Serve this from now on, and count from 0: see `server.Server.set`."""
        with urlopen(f"{self._root}/control", json.dumps(told).encode()):  # noqa: S310 - our own server
            pass

    def counts(self) -> dict[str, Any]:
        """Calls, connections and refusals since then."""
        with urlopen(f"{self._root}/control") as answer:  # noqa: S310 - our own server
            told: dict[str, Any] = json.load(answer)
        return told
