"""A new authorization takes the place of the old, and a disconnection leaves none, whoever else writes meanwhile."""

from __future__ import annotations

import pytest

from airflow_provider_livestorm.auth.grants import forget_tokens, store_authorization
from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.stores import sown
from airflow_provider_livestorm.auth.token import Grant, Refusal, TokenRecord, fingerprint
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormReconnectRequiredError,
    LivestormTokenError,
)
from tests.auth.rotation import SEED, Clock, Doorkeeper, MemoryStore

NEW = Grant("access-new", "refresh-new", 7200.0, "events:read")
ASKED = "identity:read events:read"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lease(store: MemoryStore, server: Doorkeeper, clock: Clock) -> TokenLease:
    return TokenLease("conn", store, server, mask=lambda _: None, clock=clock, sleep=clock.sleep)


def authorize(store: MemoryStore, clock: Clock, grant: Grant = NEW, masked: list[str] | None = None) -> TokenRecord:
    mask = (masked if masked is not None else []).append
    return store_authorization(store, grant, asked=ASKED, mask=mask, clock=clock, sleep=clock.sleep)


def test_the_new_pair_is_stored_and_used_and_what_is_not_ours_stays(clock: Clock) -> None:
    store, server, masked = MemoryStore(), Doorkeeper(), list[str]()
    lease(store, server, clock).get()
    authorize(store, clock, masked=masked)
    assert store.extra is not None
    assert store.extra["other"] == "stays"
    assert set(masked) == {"access-new", "refresh-new"}
    assert lease(store, server, clock).get().access_token == "access-new"
    assert (store.record.refresh_token, store.record.generation) == ("refresh-new", 2)
    assert store.record.issued_at == clock.now


def test_it_revives_a_connection_whose_token_is_dead(clock: Clock) -> None:
    store, server = MemoryStore(), Doorkeeper()
    server.valid.clear()
    with pytest.raises(LivestormReconnectRequiredError):
        lease(store, server, clock).get()
    authorize(store, clock)
    assert store.record.refusal is None
    assert lease(store, server, clock).get().access_token == "access-new"


def test_a_refresh_that_is_under_way_gives_way_to_it(clock: Clock) -> None:
    store, server = MemoryStore(), Doorkeeper()
    server.leaving.append(lambda: authorize(store, clock))
    assert lease(store, server, clock).get().access_token == "access-new"
    assert store.record.refresh_token == "refresh-new"


def test_a_refusal_that_is_under_way_does_not_stick_to_it(clock: Clock) -> None:
    store, server = MemoryStore(), Doorkeeper()
    server.valid.clear()
    server.arriving.append(lambda: authorize(store, clock))
    assert lease(store, server, clock).get().access_token == "access-new"


def test_it_is_merged_with_an_edit_and_survives_a_database_that_fails(clock: Clock) -> None:
    store = MemoryStore()
    steps = iter([lambda: None, lambda: store.edit(token_url="https://new.example/token")])
    store._pause = lambda *_: next(steps, lambda: None)()
    store.fail_before = [LivestormTokenError("away")] * 3
    authorize(store, clock)
    assert store.extra is not None
    assert store.extra["token_url"] == "https://new.example/token"
    assert store.record.refresh_token == "refresh-new"
    assert clock.slept == [1.0] * 3


def test_a_connection_that_was_deleted_meanwhile_is_said(clock: Clock) -> None:
    store = MemoryStore()
    store.extra = None
    with pytest.raises(LivestormConfigurationError, match="not in Airflow's metadata database"):
        authorize(store, clock)
    with pytest.raises(LivestormConfigurationError, match="not in Airflow's metadata database"):
        forget_tokens(store, clock=clock, sleep=clock.sleep)


def test_scopes_that_the_answer_does_not_name_are_those_that_were_asked_for(clock: Clock) -> None:
    store = MemoryStore()
    assert authorize(store, clock, Grant("a", "r", 60.0, None)).token.scope == ASKED  # type: ignore[union-attr]
    assert authorize(store, clock, Grant("a", "r", 60.0, "events:read")).token.scope == "events:read"  # type: ignore[union-attr]


def test_without_a_refresh_token_the_old_one_does_not_live_on_beside_the_new_access_token(clock: Clock) -> None:
    store, server = MemoryStore(), Doorkeeper()
    authorize(store, clock, Grant("access-new", None, 60.0))
    assert lease(store, server, clock).get().access_token == "access-new"
    clock.now += 61
    with pytest.raises(LivestormReconnectRequiredError, match="has no refresh token"):
        lease(store, server, clock).get()
    assert server.redeemed == []


def test_an_authorization_is_told_from_another_and_a_refresh_is_not(clock: Clock) -> None:
    store, server = MemoryStore(), Doorkeeper()
    lease(store, server, clock).get()
    first = store.record.lineage
    assert first == fingerprint(SEED)
    clock.now += 1000
    lease(store, server, clock).get()
    assert (store.record.generation, store.record.lineage, store.record.issued_at) == (2, first, clock.now)
    authorize(store, clock)
    assert store.record.lineage not in (None, first)
    store.edit(refresh_token="pasted")
    assert (store.record.lineage, store.record.issued_at, store.record.token) == (None, None, None)


def test_a_disconnection_leaves_no_token_and_tells_which_there_were(clock: Clock) -> None:
    store, server = MemoryStore(), Doorkeeper()
    token = lease(store, server, clock).get()
    before = forget_tokens(store, clock=clock, sleep=clock.sleep)
    assert before.token == token
    assert before.refresh_token == "refresh-1"
    assert store.extra is not None
    assert store.extra.keys() == {"other", "token_state"}
    with pytest.raises(LivestormReconnectRequiredError, match="has no refresh token"):
        lease(store, server, clock).get()
    assert server.redeemed == [SEED]


def test_a_disconnection_waits_for_a_refresh_whose_pair_would_outlive_it(clock: Clock) -> None:
    store, server = MemoryStore(), Doorkeeper()
    store.put(store.record.leased("somebody", clock.now + 30))

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 3:
            store.put(store.record.granted(Grant("access-1", "refresh-1", 60.0), clock.now))

    assert forget_tokens(store, clock=clock, sleep=sleep).refresh_token == "refresh-1"
    assert len(clock.slept) == 3
    assert server.redeemed == []


def test_a_disconnection_does_not_wait_for_a_refresh_that_never_ends(clock: Clock) -> None:
    store = MemoryStore()
    store.put(store.record.leased("somebody", clock.now + 1e6))
    forget_tokens(store, patience=5.0, clock=clock, sleep=clock.sleep)
    assert sum(clock.slept) == 5.0
    assert store.record.refresh_token is None


def test_a_seed_that_was_disconnected_does_not_come_back(clock: Clock) -> None:
    """Of a connection that lives elsewhere, the seed is still configured there."""
    store = MemoryStore(sown({}, SEED))
    forget_tokens(store, clock=clock, sleep=clock.sleep)
    assert store.extra is not None
    assert TokenRecord.from_extra(sown(store.extra, SEED)).refresh_token is None
    authorize(store, clock)
    assert TokenRecord.from_extra(sown(store.extra, SEED)).refresh_token == "refresh-new"


def test_what_was_refused_before_is_not_held_against_the_new_pair(clock: Clock) -> None:
    store = MemoryStore()
    store.put(store.record.refused(Refusal("invalid_client", "no", clock.now, "somebody")))
    authorize(store, clock)
    assert store.record.refusal is None
