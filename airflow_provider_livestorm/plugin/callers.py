"""Who asks the api-server in the name of a task: whoever proves that it can read the Connection.

For the two routes that tasks have, those of `token_broker.py` and `usage_report.py`.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar, cast

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, read_assertion
from airflow_provider_livestorm.exceptions import LivestormError, LivestormTokenError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings

__all__ = ["Callers", "Looks", "Proof", "ProofRegister", "problem", "unauthorized"]

# A crowd asks for the same connection: what one caller was told of it serves for those who ask in the same moment.
_LOOK_SECONDS = 0.1
_Found = TypeVar("_Found")

log = logging.getLogger(__name__)


class ProofRegister(Protocol):
    """Knows which proofs were shown before; `spent_proofs.SpentProofs`."""

    def first_use(self, conn_id: str, proof_id: str, expires_at: float) -> bool:
        """Whether this one never was; it is spent by this."""


class Proof(BaseModel):
    """What every question of a task begins with (RFC 7523, 2.2)."""

    client_assertion_type: str = Field(max_length=100)
    client_assertion: str = Field(max_length=4096)


class Looks:
    """What was found a moment ago.

    Args:
        monotonic: seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._found: dict[Hashable, tuple[float, Any]] = {}

    def look(self, what: Hashable, find: Callable[[], _Found], *, since: float = -math.inf) -> _Found:
        """What was found a moment ago, but not before `since`, or what is found now."""
        with self._lock:
            now = self._monotonic()
            self._found = {known: (at, found) for known, (at, found) in self._found.items() if now - at < _LOOK_SECONDS}
            if what in self._found and self._found[what][0] > since:
                return cast("_Found", self._found[what][1])
        found = find()
        with self._lock:
            self._found[what] = (now, found)
        return found

    def clear(self) -> None:
        """What was seen before this is old now."""
        with self._lock:
            self._found.clear()


class Callers:
    """Tells who may ask from who may not.

    Args:
        settings: reads a connection by its id; raises LivestormConfigurationError where there is none.
        proofs: refuses those that were shown before, to whichever api-server.
        looks: what was found of connections a moment ago.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        *,
        settings: Callable[[str], ConnectionSettings],
        proofs: ProofRegister,
        looks: Looks,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._proofs = proofs
        self._looks = looks
        self._monotonic = monotonic

    def authenticate(self, conn_id: str, shown: Proof, *, since: float = -math.inf) -> ConnectionSettings | None:
        """The connection if the caller proved that it can read it; an unknown one costs the same and tells the same.

        Args:
            conn_id: of the connection.
            shown: the proof.
            since: what was found before this (monotonic) will not do.

        Raises:
            LivestormTokenError: the database is away: no verdict on the caller.
        """
        begun = self._monotonic()
        try:
            settings = self._looks.look(("settings", conn_id), lambda: self._settings(conn_id), since=since)
        except LivestormTokenError:
            raise
        except Exception as error:  # noqa: BLE001 - a backend's denial, or whatever an odd URL leads to
            if not isinstance(error, LivestormError | PermissionError):
                log.warning("Connection %r cannot be used: %s", conn_id, type(error).__name__)
            settings = None
        proof = read_assertion(
            shown.client_assertion,
            conn_id=conn_id,
            client_id=settings.client_id if settings is not None else "nobody",
            client_secret=settings.secret if settings is not None else secrets.token_hex(32),
        )
        if settings is not None and proof is None and since == -math.inf:  # a person may have corrected it just now
            return self.authenticate(conn_id, shown, since=begun)
        if settings is None or proof is None or shown.client_assertion_type != ASSERTION_TYPE:
            return None
        return settings if self._proofs.first_use(conn_id, *proof) else None


def unauthorized() -> JSONResponse:
    """Whoever it was, and whatever was wrong."""
    return problem(401, "unauthorized", "The proof was not accepted.")


def problem(code: int, error: str, message: str) -> JSONResponse:
    """What a task is told where it cannot have what it asked for."""
    return JSONResponse({"error": error, "message": message}, code, {"Cache-Control": "no-store"})
