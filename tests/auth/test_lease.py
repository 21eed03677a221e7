"""The single-flight refresh: a refresh token is spent once, and what it gave is never lost."""

from __future__ import annotations

import copy
import logging
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_livestorm.auth.lease import (
    COMMIT_ATTEMPTS,
    LEASE_SECONDS,
    ONE_TRY_SECONDS,
    REDEEM_SECONDS,
    TokenLease,
)
from airflow_provider_livestorm.auth.oauth import GrantRefusedError
from airflow_provider_livestorm.auth.refusals import PAUSE_SECONDS, REFUSAL_SECONDS
from airflow_provider_livestorm.auth.shield import uninterrupted
from airflow_provider_livestorm.auth.stores import Snapshot
from airflow_provider_livestorm.auth.token import Grant, TokenRecord, fingerprint
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormError,
    LivestormReconnectRequiredError,
    LivestormTokenError,
)

SEED = "seed-refresh-token"


class Clock:
    """Time that moves when somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class MemoryStore:
    """A store with a true compare-and-swap; `before_swap` and `after_read` let others do things in between."""

    def __init__(self, extra: dict[str, Any]) -> None:
        self.extra = extra
        self.revision = 0
        self.lock = threading.Lock()
        self.before_swap: list[Callable[[], None]] = []
        self.failures: list[Exception] = []

    def read(self) -> Snapshot:
        with self.lock:
            return Snapshot(copy.deepcopy(self.extra), str(self.revision))

    def compare_and_swap(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        if self.before_swap:
            self.before_swap.pop(0)()
        if self.failures:
            raise self.failures.pop(0)
        with self.lock:
            if seen.revision != str(self.revision):
                return None
            self.extra, self.revision = copy.deepcopy(extra), self.revision + 1
            return Snapshot(copy.deepcopy(extra), str(self.revision))

    def edit(self, **members: Any) -> None:
        """As a person saves the form."""
        with self.lock:
            self.extra, self.revision = self.extra | members, self.revision + 1

    @property
    def record(self) -> TokenRecord:
        return TokenRecord.from_extra(self.extra)


class Server:
    """Doorkeeper with strict rotation: a refresh token works once."""

    client_id = "client"
    client_secret = "client-secret"

    def __init__(self) -> None:
        self.valid = {SEED}
        self.redeemed: list[str] = []
        self.reuses = 0
        self.expires_in: float | None = 100.0
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.patient: Callable[[float], None] = lambda _: None
        self._lock = threading.Lock()

    def refresh(self, refresh_token: str, *, within: float) -> Grant:
        assert 0 < within < LEASE_SECONDS
        self.patient(within)
        self.before()
        with self._lock:
            if refresh_token not in self.valid:
                self.reuses += refresh_token in self.redeemed
                raise GrantRefusedError("invalid_grant", "revoked")
            self.valid.remove(refresh_token)
            self.redeemed.append(refresh_token)
            number = len(self.redeemed)
            self.valid.add(f"refresh-{number}")
        self.after()
        return Grant(f"access-{number}", f"refresh-{number}", self.expires_in, "events:read")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore({"refresh_token": SEED, "token_url": "https://elsewhere.example/token"})


@pytest.fixture
def server() -> Server:
    return Server()


def lease(store: MemoryStore, server: Server, clock: Clock, masked: list[str] | None = None) -> TokenLease:
    mask = masked.append if masked is not None else lambda _: None
    return TokenLease("conn", store, server, mask=mask, clock=clock, sleep=clock.sleep)


def test_a_seed_is_redeemed_once_and_the_pair_is_kept(store: MemoryStore, server: Server, clock: Clock) -> None:
    masked: list[str] = []
    token = lease(store, server, clock, masked).get()

    assert (token.access_token, token.generation, token.expires_at) == ("access-1", 1, clock.now + 100)
    assert store.extra["refresh_token"] == "refresh-1"
    assert store.extra["access_token"] == "access-1"
    assert store.extra["token_url"] == "https://elsewhere.example/token", "what is not ours stays"
    assert store.record.lease is None
    assert {"access-1", "refresh-1"} <= set(masked)
    assert lease(store, server, clock).get() == token, "it is fresh: nobody redeems again"
    assert server.redeemed == [SEED]


def test_fifty_callers_at_once_cause_one_redemption(store: MemoryStore, server: Server, clock: Clock) -> None:
    barrier, kept = threading.Barrier(50), threading.Event()
    swap = store.compare_and_swap

    def told(seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        snapshot = swap(seen, extra)
        if store.record.token is not None:
            kept.set()
        return snapshot

    store.compare_and_swap = told  # type: ignore[method-assign]  # it still swaps, and tells that a token is kept

    def call() -> str:
        barrier.wait(30)
        # Whoever waits does not move the clock: 49 of them would outrun the lease of one whom the machine holds up.
        patient = TokenLease("conn", store, server, mask=lambda _: None, clock=clock, sleep=lambda _: kept.wait(30))
        return patient.get().access_token

    with ThreadPoolExecutor(50) as pool:
        tokens = [future.result(60) for future in [pool.submit(call) for _ in range(50)]]

    assert set(tokens) == {"access-1"}
    assert server.redeemed == [SEED]
    assert server.reuses == 0


def test_whoever_loses_the_race_for_the_lease_does_not_redeem(store: MemoryStore, server: Server, clock: Clock) -> None:
    def be_faster() -> None:
        store.edit(**store.record.leased("faster", clock.now + LEASE_SECONDS).into(store.extra))
        server.before = lambda: pytest.fail("redeemed without the lease")

    def finish(seconds: float) -> None:
        clock.now += seconds
        store.edit(**store.record.granted(Grant("theirs", "their-refresh", 100.0), clock.now).into(store.extra))

    store.before_swap.append(be_faster)
    token = TokenLease("conn", store, server, mask=lambda _: None, clock=clock, sleep=finish).get()
    assert token.access_token == "theirs"


def test_an_expired_token_is_replaced_and_a_fresh_one_is_not(store: MemoryStore, server: Server, clock: Clock) -> None:
    tokens = lease(store, server, clock)
    tokens.get()
    clock.now += 89
    assert tokens.get().generation == 1
    clock.now += 2  # within a tenth of its life of the end
    assert tokens.get().generation == 2
    assert server.redeemed == [SEED, "refresh-1"]


def test_a_refused_token_is_replaced_unless_somebody_did_already(
    store: MemoryStore, server: Server, clock: Clock
) -> None:
    tokens = lease(store, server, clock)
    first = tokens.get()
    clock.now += 60
    refused = fingerprint(first.access_token)
    second = tokens.get(refused=refused)
    assert second.generation == 2
    assert tokens.get(refused=refused) == second, "a late 401 of the old token must not spend another refresh token"
    assert len(server.redeemed) == 2


def test_a_refresh_is_finished_though_a_signal_interrupts_it(store: MemoryStore, server: Server) -> None:
    """As Airflow ends a task: the handler of SIGTERM raises in the main thread."""

    class Terminated(BaseException):
        pass

    def terminate(*_: object) -> None:
        raise Terminated

    began = threading.Event()
    server.after = lambda: (began.set(), threading.Event().wait(0.2))  # type: ignore[assignment, return-value]
    before = signal.signal(signal.SIGTERM, terminate)
    killer = threading.Thread(target=lambda: (began.wait(10), os.kill(os.getpid(), signal.SIGTERM)))
    killer.start()
    try:
        with pytest.raises(Terminated):
            TokenLease("conn", store, server, mask=lambda _: None, carry_out=uninterrupted).get()
    finally:
        signal.signal(signal.SIGTERM, before)
        killer.join()
    assert store.extra["refresh_token"] == "refresh-1"
    assert store.record.lease is None


def test_what_fails_behind_the_shield_is_raised_before_it() -> None:
    def fail() -> None:
        raise LivestormTokenError("no")

    with pytest.raises(LivestormTokenError, match="no"):
        uninterrupted(fail)
    assert uninterrupted(lambda: 7) == 7


def test_each_signal_that_came_behind_the_shield_takes_effect_though_the_first_one_raises() -> None:
    """As where the execution time-out and SIGTERM come together: the task must end, and must hear that it does."""
    heard: list[int] = []

    class Told(BaseException):
        pass

    def hear(number: int, _: object) -> None:
        heard.append(number)
        raise Told(number)

    def work() -> None:
        signal.raise_signal(signal.SIGALRM)
        signal.raise_signal(signal.SIGTERM)

    before = {number: signal.signal(number, hear) for number in (signal.SIGALRM, signal.SIGTERM)}
    try:
        with pytest.raises(Told) as caught:
            uninterrupted(work)
        assert {number: signal.getsignal(number) for number in before} == dict.fromkeys(before, hear)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert heard == [signal.SIGALRM, signal.SIGTERM]
    assert caught.value.args == (signal.SIGALRM,)


def test_a_person_who_edits_something_else_during_a_refresh_loses_nothing(
    store: MemoryStore, server: Server, clock: Clock
) -> None:
    server.after = lambda: store.edit(token_url="https://new.example/token", note="mine")
    lease(store, server, clock).get()
    assert store.extra["note"] == "mine"
    assert store.extra["token_url"] == "https://new.example/token"
    assert store.extra["refresh_token"] == "refresh-1"
    assert store.record.lease is None


def test_a_refresh_token_pasted_during_a_refresh_wins(store: MemoryStore, server: Server, clock: Clock) -> None:
    server.valid.add("pasted")

    def paste() -> None:
        server.after = lambda: None
        store.edit(refresh_token="pasted")

    server.after = paste
    began = clock.now
    token = lease(store, server, clock).get()
    assert clock.now == began, "the lease for the old token must not hold up the new one"
    assert server.redeemed == [SEED, "pasted"]
    assert store.extra["refresh_token"] == "refresh-2"
    assert token.access_token == "access-2"


def test_a_pasted_refresh_token_voids_the_access_token(store: MemoryStore, server: Server, clock: Clock) -> None:
    tokens = lease(store, server, clock)
    tokens.get()
    server.valid.add("pasted")
    store.edit(**store.record.leased("refreshing the old one", clock.now + LEASE_SECONDS).into(store.extra))
    store.edit(refresh_token="pasted")
    began = clock.now
    assert tokens.get().access_token == "access-2"
    assert server.redeemed == [SEED, "pasted"]
    assert store.record.generation == 2
    assert clock.now == began, "the lease went with the old token"


def test_whoever_finds_the_lease_taken_waits_and_adopts(store: MemoryStore, server: Server, clock: Clock) -> None:
    held = store.record.leased("another process", clock.now + LEASE_SECONDS)
    store.edit(**held.into(store.extra))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds
        if len(slept) == 3:
            store.edit(**store.record.granted(Grant("theirs", "their-refresh", 100.0), clock.now).into(store.extra))

    token = TokenLease("conn", store, server, mask=lambda _: None, clock=clock, sleep=sleep).get()
    assert token.access_token == "theirs"
    assert server.redeemed == []


def test_a_lease_whose_holder_died_is_taken_over_when_it_runs_out(
    store: MemoryStore, server: Server, clock: Clock
) -> None:
    store.edit(**store.record.leased("killed", clock.now + LEASE_SECONDS).into(store.extra))
    began = clock.now
    assert lease(store, server, clock).get().access_token == "access-1"
    assert clock.now - began >= LEASE_SECONDS


def test_patience_ends_in_one_clear_error(store: MemoryStore, server: Server, clock: Clock) -> None:
    def hold_on(seconds: float) -> None:
        clock.now += seconds
        store.edit(**store.record.leased("busy", clock.now + LEASE_SECONDS).into(store.extra))

    hold_on(0)
    with pytest.raises(LivestormTokenError, match="another process has been refreshing its token") as caught:
        TokenLease("conn", store, server, mask=lambda _: None, clock=clock, sleep=hold_on).get()
    assert caught.value.retryable


def test_a_dead_refresh_token_is_asked_about_once_for_all(store: MemoryStore, server: Server, clock: Clock) -> None:
    server.valid.clear()
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    server.before = count
    for _ in range(100):
        with pytest.raises(LivestormReconnectRequiredError, match="authorize the application at Livestorm again"):
            lease(store, server, clock).get()
        clock.now += 3600
    assert calls == 1
    assert store.record.lease is None
    server.valid.add("authorized anew")
    store.edit(refresh_token="authorized anew")
    assert lease(store, server, clock).get().access_token == "access-1"


def test_a_refused_client_is_asked_about_once_a_minute_and_at_once_when_it_changes(
    store: MemoryStore, server: Server, clock: Clock
) -> None:
    calls = 0

    def refuse() -> None:
        nonlocal calls
        calls += 1
        if server.client_secret != "corrected":
            raise GrantRefusedError("invalid_client", "unknown client")

    server.before = refuse
    for _ in range(10):
        with pytest.raises(LivestormConfigurationError, match="Correct the login"):
            lease(store, server, clock).get()
    assert calls == 1
    clock.now += REFUSAL_SECONDS
    with pytest.raises(LivestormConfigurationError):
        lease(store, server, clock).get()
    assert calls == 2
    server.client_secret = "corrected"
    assert lease(store, server, clock).get().generation == 1


def test_a_refusal_that_is_about_a_token_somebody_rotated_meanwhile_is_not_believed(
    store: MemoryStore, server: Server, clock: Clock
) -> None:
    """Another process took over an expired lease and was faster; its pair is adopted."""

    def overtaken() -> None:
        server.before = lambda: None
        server.valid.discard(SEED)
        theirs = store.record.granted(Grant("theirs", "their-refresh", 100.0), clock.now)
        store.edit(**theirs.into(store.extra))

    server.before = overtaken
    assert lease(store, server, clock).get().access_token == "theirs"
    assert store.record.refusal is None


def test_a_failing_token_endpoint_gives_the_lease_back(store: MemoryStore, server: Server, clock: Clock) -> None:
    def fail() -> None:
        raise LivestormTokenError("HTTP 503")

    server.before = fail
    with pytest.raises(LivestormTokenError, match=r"^Connection 'conn': HTTP 503$") as caught:
        lease(store, server, clock).get()
    assert caught.value.retryable
    assert store.record.lease is None
    assert store.extra["refresh_token"] == SEED
    server.before = lambda: None
    clock.now += PAUSE_SECONDS
    began = clock.now
    assert lease(store, server, clock).get().generation == 1
    assert clock.now == began, "nobody had to wait for the lease"
    assert store.record.refusal is None


def test_a_fault_that_nobody_foresaw_gives_the_lease_back(store: MemoryStore, server: Server, clock: Clock) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    server.before = fail
    with pytest.raises(ZeroDivisionError):
        lease(store, server, clock).get()
    assert store.record.lease is None
    assert store.extra["refresh_token"] == SEED


def test_a_token_endpoint_without_a_verdict_is_asked_ever_more_rarely_by_all_together(
    store: MemoryStore, server: Server, clock: Clock
) -> None:
    began, calls, patience = clock.now, [], []

    def fail() -> None:
        calls.append(clock.now - began)
        raise LivestormTokenError("HTTP 503")

    server.before = fail
    server.patient = patience.append
    for _ in range(300):
        for _ in range(3):
            with pytest.raises(LivestormTokenError, match="HTTP 503"):
                lease(store, server, clock).get()
            with pytest.raises(LivestormTokenError, match="HTTP 503"):
                lease(store, server, clock).stored()
        clock.now += 1
    assert calls == [0, 5, 15, 35, 75, 135, 195, 255]
    assert patience == [REDEEM_SECONDS] + [ONE_TRY_SECONDS] * 7


@pytest.mark.parametrize("error", ["HTTP 503", "invalid_client", "unauthorized_client"])
@pytest.mark.parametrize("off", [-1e8, 1e8])
def test_a_refusal_of_a_clock_that_was_wrong_does_not_hold(
    store: MemoryStore, server: Server, clock: Clock, error: str, off: float
) -> None:
    def fail() -> None:
        raise GrantRefusedError(error, "") if "_" in error else LivestormTokenError(error)

    server.before = fail
    clock.now += off
    with pytest.raises(LivestormError):
        lease(store, server, clock).get()
    clock.now -= off
    server.before = lambda: None
    assert lease(store, server, clock).get().generation == 1


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "unauthorized_client", "HTTP 503"])
@pytest.mark.parametrize("mended", ["token", "secret"])
def test_a_pasted_token_and_a_corrected_secret_are_taken_at_once(
    store: MemoryStore, server: Server, clock: Clock, error: str, mended: str
) -> None:
    def fail() -> None:
        raise GrantRefusedError(error, "") if "_" in error else LivestormTokenError(error)

    server.before = fail
    with pytest.raises(LivestormError):
        lease(store, server, clock).get()
    server.before = lambda: None
    began = clock.now
    if mended == "token":
        server.valid.add("pasted")
        store.edit(refresh_token="pasted")
    else:
        server.client_secret = "corrected"
    assert lease(store, server, clock).get().access_token == "access-1"
    assert server.redeemed == ["pasted" if mended == "token" else SEED]
    assert clock.now == began


def test_a_store_that_fails_at_the_commit_gets_more_chances(store: MemoryStore, server: Server, clock: Clock) -> None:
    server.after = lambda: store.failures.extend(LivestormTokenError("database down") for _ in range(5))
    assert lease(store, server, clock).get().access_token == "access-1"
    assert store.extra["refresh_token"] == "refresh-1"


def test_a_store_that_wrote_and_then_failed_is_read_again_and_adopted(
    store: MemoryStore, server: Server, clock: Clock
) -> None:
    def write_and_fail() -> None:
        server.after = lambda: None

        def swap_then_fail() -> None:
            store.edit(**store.record.granted(Grant("access-1", "refresh-1", 100.0), clock.now).into(store.extra))
            store.failures.append(LivestormTokenError("the answer of the database was lost"))

        store.before_swap.append(swap_then_fail)

    server.after = write_and_fail
    assert lease(store, server, clock).get().access_token == "access-1"
    assert server.redeemed == [SEED]


def test_a_store_that_stays_down_is_said(store: MemoryStore, server: Server, clock: Clock) -> None:
    server.after = lambda: store.failures.extend(LivestormTokenError("database down") for _ in range(COMMIT_ATTEMPTS))
    with pytest.raises(LivestormTokenError, match="database down"):
        lease(store, server, clock).get()


def test_a_connection_without_refresh_token_says_both_remedies(server: Server, clock: Clock) -> None:
    with pytest.raises(LivestormReconnectRequiredError, match=r"leave the login empty.*authorize the application"):
        lease(MemoryStore({}), server, clock).get()


def test_stored_never_redeems(store: MemoryStore, server: Server, clock: Clock) -> None:
    assert lease(store, server, clock).stored() is None
    token = lease(store, server, clock).get()
    assert lease(store, server, clock).stored() == token
    clock.now += 60
    assert lease(store, server, clock).stored(refused=fingerprint(token.access_token)) is None
    assert len(server.redeemed) == 1


def test_a_server_that_does_not_rotate_keeps_its_refresh_token(
    store: MemoryStore, server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "refresh", lambda *_, **__: Grant("access", None, None))
    token = lease(store, server, clock).get()
    assert token.expires_at is None
    assert store.extra["refresh_token"] == SEED


def test_no_token_is_logged(store: MemoryStore, server: Server, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.after = lambda: store.failures.append(LivestormTokenError("database down"))
    token = lease(store, server, clock).get()
    assert "generation 1" in caplog.text
    for secret in (SEED, "access-1", "refresh-1", "client-secret"):
        assert secret not in caplog.text
        assert secret not in repr(token) + repr(store.record)
