"""What the lease does not believe: an API that refuses one fresh token after the other, and clocks that are wrong."""

from __future__ import annotations

import pytest

from airflow_provider_livestorm.auth.lease import CLOCKS_SECONDS, DOUBT_SECONDS, LEASE_SECONDS, TokenLease
from airflow_provider_livestorm.auth.token import fingerprint
from airflow_provider_livestorm.exceptions import LivestormTokenError
from tests.auth.rotation import SEED, Clock, Doorkeeper, MemoryStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def server() -> Doorkeeper:
    return Doorkeeper()


def lease(store: MemoryStore, server: Doorkeeper, clock: Clock, patience: float = 120.0) -> TokenLease:
    return TokenLease("conn", store, server, mask=lambda _: None, patience=patience, clock=clock, sleep=clock.sleep)


def test_fresh_tokens_that_the_api_refuses_are_replaced_once_a_minute_whoever_asks(
    store: MemoryStore, server: Doorkeeper, clock: Clock
) -> None:
    token = lease(store, server, clock).get()
    token = lease(store, server, clock).get(refused=fingerprint(token.access_token))
    assert token.access_token == "access-2", "one may have been revoked"
    for ask in (lease(store, server, clock).get, lease(store, server, clock).stored):
        with pytest.raises(LivestormTokenError, match=r"'conn'.*refuses an access token.*moment ago") as caught:
            ask(refused=fingerprint("access-2"))
        assert caught.value.retryable
    assert lease(store, server, clock).get().access_token == "access-2", "who was not refused goes on with it"
    assert len(server.redeemed) == 2
    clock.now += DOUBT_SECONDS
    store.edit(expires_at=clock.now + 100)
    assert lease(store, server, clock).get(refused=fingerprint("access-2")).access_token == "access-3"


def test_a_token_that_ran_out_meanwhile_is_no_doubt(store: MemoryStore, server: Doorkeeper, clock: Clock) -> None:
    """A 401 is then to be expected, and the next one too: tokens may live for seconds."""
    token = lease(store, server, clock).get()
    for _ in range(3):
        assert token.expires_at is not None
        clock.now = token.expires_at
        token = lease(store, server, clock).get(refused=fingerprint(token.access_token))
    assert token.access_token == "access-4"
    assert lease(store, server, clock).get(refused=fingerprint("access-4")).access_token == "access-5", (
        "the first doubt"
    )


@pytest.mark.parametrize(
    ("ahead", "held"),
    [(1.0, True), (LEASE_SECONDS + CLOCKS_SECONDS, True), (LEASE_SECONDS + CLOCKS_SECONDS + 1, False)],
)
def test_a_lease_that_outlasts_every_lease_was_dated_by_a_wrong_clock(
    store: MemoryStore, server: Doorkeeper, clock: Clock, ahead: float, held: bool
) -> None:
    snapshot = store.read()
    store.compare_and_swap(snapshot, store.record.leased("somebody", clock.now + ahead).into(snapshot.extra))
    if held:
        with pytest.raises(LivestormTokenError, match="another process has been refreshing"):
            lease(store, server, clock, patience=0.5).get()
    else:
        assert lease(store, server, clock, patience=0.5).get().access_token == "access-1"
    assert server.redeemed == ([] if held else [SEED])


def test_patience_ends_though_the_clock_is_set_back(store: MemoryStore, server: Doorkeeper, clock: Clock) -> None:
    snapshot = store.read()
    store.compare_and_swap(snapshot, store.record.leased("somebody", clock.now + 50).into(snapshot.extra))
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock.now -= 0.01

    with pytest.raises(LivestormTokenError, match="for 10 s without a result"):
        TokenLease("conn", store, server, mask=lambda _: None, patience=10.0, clock=clock, sleep=sleep).get()
    assert sum(waited) == pytest.approx(10.0, abs=0.5)
