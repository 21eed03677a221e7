"""What happens to a lease when its holder is late, its store fails or its row goes; and crowds of real threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_livestorm.auth.lease import LEASE_SECONDS, TokenLease
from airflow_provider_livestorm.auth.oauth import GrantRefusedError
from airflow_provider_livestorm.auth.token import fingerprint
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormReconnectRequiredError,
    LivestormTokenError,
)
from tests.auth.rotation import LIFE, SEED, Clock, Doorkeeper, MemoryStore, Rotation

CROWD = 50
both_rotations = pytest.mark.parametrize("rotation", ["strict", "grace"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def server() -> Doorkeeper:
    return Doorkeeper()


def lease(
    store: MemoryStore,
    server: Doorkeeper,
    clock: Clock,
    sleep: Callable[[float], None] | None = None,
    mask: Callable[[str], None] = lambda _: None,
) -> TokenLease:
    return TokenLease("conn", store, server, mask=mask, clock=clock, sleep=sleep or clock.sleep)


# --- a holder that is late -----


def test_a_late_failure_does_not_give_back_the_lease_of_whoever_took_over(
    store: MemoryStore, server: Doorkeeper, clock: Clock
) -> None:
    def fail_late() -> None:
        clock.now += LEASE_SECONDS + 1
        store.put(store.record.leased("taken over", clock.now + LEASE_SECONDS))
        raise LivestormTokenError("HTTP 503")

    server.arriving.append(fail_late)
    with pytest.raises(LivestormTokenError, match="HTTP 503"):
        lease(store, server, clock).get()
    assert store.record.lease is not None, "a third caller would now send the token that the second has on the wire"
    assert store.record.lease.owner == "taken over"


def test_a_late_refusal_is_not_believed_while_another_holds_the_lease(
    store: MemoryStore, server: Doorkeeper, clock: Clock
) -> None:
    """The other has redeemed and is about to store; whoever comes late is refused, and must wait for it."""
    other = lease(store, server, clock)

    def be_overtaken() -> None:
        clock.now += LEASE_SECONDS + 1
        store.put(store.record.leased("taken over", clock.now + LEASE_SECONDS))
        granted.append(server._redeem(SEED))

    def let_the_other_store(seconds: float) -> None:
        clock.sleep(seconds)
        if store.record.refresh_token == SEED:
            store.put(store.record.granted(granted[0], clock.now))

    granted: list[Any] = []
    server.arriving.append(be_overtaken)
    token = lease(store, server, clock, let_the_other_store).get()
    assert token.access_token == "access-1"
    assert other.stored() == token
    assert server.redeemed == [SEED]


def test_a_lease_that_ran_out_before_it_was_written_is_not_used(server: Doorkeeper, clock: Clock) -> None:
    """A compare-and-swap may wait long for the database. The lease then is one already run out: others don't see it."""

    def be_slow(step: str) -> None:
        if step == "swap" and not waited:
            waited.append(step)
            clock.now += LEASE_SECONDS + 1

    def look() -> None:
        held = store.record.lease
        assert held is not None
        assert held.until > clock.now, "sent the refresh token under a lease that had run out"

    waited: list[str] = []
    store = MemoryStore(pause=be_slow)
    server.arriving.append(look)
    assert lease(store, server, clock).get().access_token == "access-1"


def test_a_holder_that_stores_late_is_believed_over_a_refusal_of_whoever_took_over(
    store: MemoryStore, server: Doorkeeper, clock: Clock
) -> None:
    def be_overtaken() -> None:
        clock.now += LEASE_SECONDS + 1
        with pytest.raises(LivestormReconnectRequiredError):
            lease(store, server, clock).get()
        assert store.record.refusal is not None

    server.leaving.append(be_overtaken)
    assert lease(store, server, clock).get().access_token == "access-1"
    assert (store.record.refresh_token, store.record.refusal, store.record.lease) == ("refresh-1", None, None)


def test_in_grace_two_pairs_may_come_of_one_token_and_the_stored_one_lives_on(store: MemoryStore, clock: Clock) -> None:
    server = Doorkeeper("grace")

    def be_overtaken() -> None:
        clock.now += LEASE_SECONDS + 1
        server.use(lease(store, server, clock).get().access_token)

    server.leaving.append(be_overtaken)
    token = lease(store, server, clock).get()
    assert token.access_token == "access-2", "what was stored first is adopted, and the late pair dropped"
    assert store.record.refresh_token in server.valid


# --- a store that fails, a row that goes -----


def test_a_row_that_vanishes_during_a_refresh_is_said_and_nothing_is_sent_again(
    store: MemoryStore, server: Doorkeeper, clock: Clock
) -> None:
    def vanish() -> None:
        store.extra = None

    server.leaving.append(vanish)
    with pytest.raises(LivestormConfigurationError, match="is not in Airflow's metadata database"):
        lease(store, server, clock).get()
    assert server.redeemed == [SEED]
    assert clock.slept == [], "no retry can bring it back"


@pytest.mark.parametrize("when", ["fail_before", "fail_after"])
def test_a_lease_that_may_or_may_not_be_written_is_not_used(
    store: MemoryStore, server: Doorkeeper, clock: Clock, when: str
) -> None:
    getattr(store, when).append(LivestormTokenError("the database went away"))
    with pytest.raises(LivestormTokenError, match="went away") as caught:
        lease(store, server, clock).get()
    assert caught.value.retryable
    assert server.redeemed == []
    assert lease(store, server, clock).get().access_token == "access-1"
    assert server.redeemed == [SEED]


def test_secrets_are_masked_before_they_are_written_anywhere(server: Doorkeeper, clock: Clock) -> None:
    masked: list[str] = []
    seen: list[list[str]] = []
    store = MemoryStore(pause=lambda step: seen.append([*masked]) if step == "swap" else None)
    lease(store, server, clock, mask=masked.append).get()
    assert seen == [[SEED], [SEED, "access-1", "refresh-1"]], "the old one at the lease, all at the commit"


def test_a_refusal_of_an_unknown_kind_is_remembered_for_a_minute_and_gives_the_lease_back(
    store: MemoryStore, server: Doorkeeper, clock: Clock
) -> None:
    server.failures += [GrantRefusedError("unauthorized_client", ""), GrantRefusedError("unauthorized_client", "")]
    for _ in range(3):
        with pytest.raises(LivestormConfigurationError, match=r"'conn'.*unauthorized_client"):
            lease(store, server, clock).get()
    assert len(server.failures) == 1, "asked once"
    assert store.record.lease is None


# --- crowds -----


class CrowdStore(MemoryStore):
    """Lets a thread wait until somebody wrote what it has not read yet."""

    def __init__(self) -> None:
        super().__init__()
        self._written = threading.Condition()
        self._mine = threading.local()
        self.waiting = threading.Semaphore(0)

    def read(self) -> Any:
        snapshot = super().read()
        self._mine.revision = snapshot.revision
        return snapshot

    def _write(self, extra: dict[str, Any]) -> None:
        super()._write(extra)
        with self._written:
            self._written.notify_all()

    def sleep(self, _: float) -> None:
        self.waiting.release()
        with self._written:
            assert self._written.wait_for(lambda: str(self.revision) != self._mine.revision, 20)


def crowd(call: Callable[[], str]) -> set[str]:
    """What a crowd gets that calls at one moment."""
    start = threading.Barrier(CROWD)

    def run(_: int) -> str:
        start.wait(20)
        return call()

    with ThreadPoolExecutor(CROWD) as pool:
        return set(pool.map(run, range(CROWD), timeout=40))


@both_rotations
def test_fifty_threads_of_whom_all_find_the_lease_taken_redeem_once(rotation: Rotation, clock: Clock) -> None:
    store, server = CrowdStore(), Doorkeeper(rotation)

    def until_all_others_wait() -> None:
        for _ in range(CROWD - 1):
            assert store.waiting.acquire(timeout=20)

    server.arriving.append(until_all_others_wait)
    assert crowd(lambda: lease(store, server, clock, store.sleep).get().access_token) == {"access-1"}
    assert (server.redeemed, server.reuses) == ([SEED], 0)


@both_rotations
def test_fifty_threads_whose_token_the_api_refused_at_once_redeem_once_more(rotation: Rotation, clock: Clock) -> None:
    store, server = CrowdStore(), Doorkeeper(rotation)
    first = lease(store, server, clock).get()
    server.use(first.access_token)
    refused = fingerprint(first.access_token)
    clock.now += LIFE / 2  # it is not so young that another would be refused as well
    got = crowd(lambda: lease(store, server, clock, store.sleep).get(refused=refused).access_token)
    assert got == {"access-2"}
    assert (server.redeemed, server.reuses) == ([SEED, "refresh-1"], 0)
