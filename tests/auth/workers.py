"""Workers who want a token of one connection at once, each in a process of its own: the world that is interleaved."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from airflow_provider_livestorm.auth.lease import LEASE_SECONDS, POLL_SECONDS, TokenLease
from airflow_provider_livestorm.auth.stores import Snapshot
from airflow_provider_livestorm.auth.token import Grant, TokenRecord, TokenSet
from airflow_provider_livestorm.exceptions import LivestormError, LivestormTokenError
from tests.auth.interleaving import World
from tests.auth.rotation import SEED, Clock, Doorkeeper, MemoryStore, Rotation

EXPIRED = TokenRecord().granted(Grant("access-0", SEED, 100.0), 0.0).into({"other": "stays"})
BEGINNINGS = {"a seed": {"refresh_token": SEED, "other": "stays"}, "an expired pair": EXPIRED}


class Names:
    """Stands for uuid: a lease's owner is the actor who took it, so that a run can be repeated."""

    world: Workers

    def uuid4(self) -> Any:
        return type("Owner", (), {"hex": f"{self.world.acting.name}-{self.world.acting.steps}"})


NAMES = Names()


class WatchedStore(MemoryStore):
    """Knows which revision each actor read last, and who took a lease, for which token, and did not give it back."""

    def __init__(self, extra: dict[str, Any], world: Workers) -> None:
        super().__init__(extra, world.pause)
        self.world = world
        self.read_by: dict[str, int] = {}
        self.held: dict[str, tuple[str | None, float]] = {}

    def read(self) -> Snapshot:
        snapshot = super().read()
        self.read_by[self.world.acting.name] = self.revision
        return snapshot

    def _write(self, extra: dict[str, Any]) -> None:
        super()._write(extra)
        me, record = self.world.acting.name, self.record
        if record.lease is not None and record.lease.owner.startswith(f"{me}-"):
            self.held[me] = (record.refresh_token, record.lease.until)
        else:
            self.held.pop(me, None)


class WatchedDoorkeeper(Doorkeeper):
    """Fails the test where a token is sent while somebody else may send it."""

    world: Workers
    refused_a_holder = False

    def refresh(self, refresh_token: str, *, within: float) -> Grant:
        world, me = self.world, self.world.acting.name
        for other, (token, until) in world.store.held.items():
            assert me == other or token != refresh_token or until <= world.clock.now, (
                f"{me} sends a token for which {other} holds a lease that has not run out"
            )
        return super().refresh(refresh_token, within=within)

    def _redeem(self, refresh_token: str) -> Grant:
        lease = self.world.store.record.lease
        holder = lease is not None and lease.owner.startswith(f"{self.world.acting.name}-")
        self.refused_a_holder |= holder and refresh_token not in self.valid
        return super()._redeem(refresh_token)


class Workers(World):
    """Callers who want a token of one connection, each in a process of its own."""

    def __init__(self, *, rotation: Rotation = "strict", begin: str = "a seed", callers: str = "AB") -> None:
        super().__init__()
        NAMES.world = self
        self.clock = Clock()
        self.store = WatchedStore(dict(BEGINNINGS[begin]), self)
        self.server = WatchedDoorkeeper(rotation, self.pause)
        self.server.world = self
        self.began: dict[str, float] = {}
        for name in callers:
            self.enter(name, self.call)

    def call(self) -> TokenSet | LivestormError:
        """As a task does: an error that a retry can help is retried, once."""
        try:
            return self.lease().get()
        except LivestormTokenError as error:
            if not error.retryable:
                return error
        self.acting.forget("retries")
        try:
            return self.lease().get()
        except LivestormError as error:
            return error

    def lease(self) -> TokenLease:
        self.began[self.acting.name] = self.clock.now
        return TokenLease("conn", self.store, self.server, mask=lambda _: None, clock=self.clock, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        if seconds == POLL_SECONDS:  # waits for another's refresh: nothing is new until somebody writes or time passes
            self.acting.forget("polls", self.began[self.acting.name])
            read, now = self.store.read_by[self.acting.name], self.clock.now
            self.pause("sleep", read, now, until=lambda: self.store.revision != read or self.clock.now > now)
        else:
            self.pause("sleep")

    def state(self) -> Hashable:
        return (
            repr(self.store.extra), self.store.revision, self.clock.now,
            tuple(self.server.redeemed), frozenset(self.server.valid), tuple(self.server.under_way),
            len(self.server.arriving), len(self.store.fail_before), len(self.store.fail_after),
        )  # fmt: skip

    def all_wait(self) -> None:
        lease = self.store.record.lease
        self.clock.now = max(lease.until if lease else 0.0, self.clock.now) + POLL_SECONDS

    # --- what must hold -----

    @property
    def results(self) -> list[Any]:
        return [actor.result for actor in self.actors if len(actor.name) == 1]

    @property
    def stored_token_is_alive(self) -> bool:
        return (self.store.extra or {}).get("refresh_token") in self.server.valid

    stalled_in_a_lease = False

    def check_step(self) -> None:
        assert self.server.reuses == 0 or self.stalled_in_a_lease, "a refresh token was spent twice"

    def check_end(self) -> None:
        assert self.store.record.lease is None, "a lease was left behind"
        assert self.stored_token_is_alive, f"the connection is lost: {self.store.extra}"
        assert (self.store.extra or {})["other"] in ("stays", "edited")


class Stalled(Workers):
    """At any one place all stand still for longer than a lease lasts: a suspended machine, a database away."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.enter("stall", self.stall)

    def stall(self) -> None:
        self.pause("all stand still")
        self.stalled_in_a_lease = self.store.record.lease is not None
        self.clock.now += LEASE_SECONDS + 1
