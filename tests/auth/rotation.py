"""A world in which tokens rotate: a clock, a store with a true compare-and-swap, and a Doorkeeper that keeps count."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any, Literal

from airflow_provider_livestorm.auth.oauth import GrantRefusedError
from airflow_provider_livestorm.auth.stores import Snapshot
from airflow_provider_livestorm.auth.token import Grant, TokenRecord
from airflow_provider_livestorm.exceptions import LivestormConfigurationError

SEED = "seed-refresh-token"
LIFE = 100.0  # seconds that the Doorkeeper's access tokens live

Pause = Callable[..., None]
Rotation = Literal["strict", "grace"]


def _go_on(*_: object) -> None:
    """Nobody interleaves."""


class Clock:
    """Time that moves when somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class MemoryStore:
    """The row of one connection. `pause` is called before each step, so that others may do theirs.

    Attributes:
        extra: what the row holds; None once the row vanished.
        fail_before: errors for the next writes, raised before they take effect.
        fail_after: errors for the next writes, raised though they took effect.
    """

    def __init__(self, extra: dict[str, Any] | None = None, pause: Pause = _go_on) -> None:
        self.extra: dict[str, Any] | None = {"refresh_token": SEED, "other": "stays"} if extra is None else extra
        self.revision = 0
        self.fail_before: list[Exception] = []
        self.fail_after: list[Exception] = []
        self._pause = pause
        self._lock = threading.Lock()

    def read(self) -> Snapshot:
        self._pause("read")
        with self._lock:
            if self.extra is None:
                raise LivestormConfigurationError("Connection 'conn' is not in Airflow's metadata database.")
            return Snapshot(copy.deepcopy(self.extra), str(self.revision))

    def compare_and_swap(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        self._pause("swap")
        if self.fail_before:
            raise self.fail_before.pop()
        with self._lock:
            if self.extra is None or seen.revision != str(self.revision):
                return None
            self._write(extra)
            written = Snapshot(copy.deepcopy(extra), str(self.revision))
        if self.fail_after:
            raise self.fail_after.pop()
        return written

    def edit(self, **members: Any) -> None:
        """As a person saves the form, where nobody writes between the form's own read and write."""
        with self._lock:
            self._write((self.extra or {}) | members)

    def overwrite(self, extra: dict[str, Any]) -> None:
        """As somebody writes who does not compare."""
        with self._lock:
            self._write(extra)

    def put(self, record: TokenRecord) -> None:
        """As another process writes the record."""
        self.overwrite(record.into(self.extra or {}))

    @property
    def record(self) -> TokenRecord:
        return TokenRecord.from_extra(self.extra or {})

    def _write(self, extra: dict[str, Any]) -> None:
        self.extra, self.revision = copy.deepcopy(extra), self.revision + 1


class Doorkeeper:
    """Livestorm's token endpoint, in both of Doorkeeper's rotations (api.md 1.2).

    strict: a refresh token dies when it is redeemed. grace: it dies when the access token that it gave is first used.

    Attributes:
        redeemed: the refresh tokens of all redemptions that succeeded, in order.
        spent: the refresh tokens that were redeemed at least once.
        reuses: how often a token in `spent` was sent again, whatever the answer.
        under_way: the refresh tokens that are on the wire now.
        came_from: the refresh token for which an access token was given.
    """

    client_id = "client"
    client_secret = "the-client-secret"

    def __init__(self, rotation: Rotation = "strict", pause: Pause = _go_on) -> None:
        self.rotation = rotation
        self.valid = {SEED}
        self.redeemed: list[str] = []
        self.spent: set[str] = set()
        self.reuses = 0
        self.under_way: list[str] = []
        self.failures: list[Exception] = []
        self.arriving: list[Callable[[], None]] = []
        self.leaving: list[Callable[[], None]] = []
        self.came_from: dict[str, str] = {}
        self._pause = pause
        self._lock = threading.Lock()

    def refresh(self, refresh_token: str, *, within: float) -> Grant:
        assert within > 0
        self.under_way.append(refresh_token)
        try:
            self._pause("arrive", refresh_token)
            if self.arriving:
                self.arriving.pop(0)()
            if self.failures:
                raise self.failures.pop(0)
            grant = self._redeem(refresh_token)
            if self.leaving:
                self.leaving.pop(0)()
            self._pause("leave", grant.access_token)
            return grant
        finally:
            self.under_way.remove(refresh_token)

    def _redeem(self, refresh_token: str) -> Grant:
        with self._lock:
            self.reuses += refresh_token in self.spent
            if refresh_token not in self.valid:
                raise GrantRefusedError("invalid_grant", "revoked")
            if self.rotation == "strict":
                self.valid.remove(refresh_token)
            self.spent.add(refresh_token)
            self.redeemed.append(refresh_token)
            number = len(self.redeemed)
            self.valid.add(f"refresh-{number}")
            self.came_from[f"access-{number}"] = refresh_token
            return Grant(f"access-{number}", f"refresh-{number}", LIFE, "events:read")

    def use(self, access_token: str) -> None:
        """As the API sees an access token: in grace the refresh token that it came from dies now."""
        with self._lock:
            self.valid.discard(self.came_from[access_token])
