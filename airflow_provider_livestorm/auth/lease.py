"""The single-flight refresh: the one place that redeems a refresh token.

Many processes may want a new access token at once, and a refresh token may be spent once. So whoever refreshes first
takes a lease in the store by compare-and-swap; the others come back later and hold nothing. No lock is held over the
network:

1. take the lease (owner, until); whoever fails reads again and adopts what is there;
2. redeem the refresh token, in less time than the lease lasts;
3. write the new pair by compare-and-swap, a generation on, before anyone uses it.

It runs wherever a store can be written: the api-server, the command line, an Airflow 2 task.
"""

from __future__ import annotations

import functools
import logging
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from airflow_provider_livestorm.auth.oauth import GrantRefusedError, TokenEndpointBusyError
from airflow_provider_livestorm.auth.refusals import error_of, identity_of, objection
from airflow_provider_livestorm.auth.stores import Snapshot, TokenStore
from airflow_provider_livestorm.auth.token import (
    NO_VERDICT,
    Grant,
    Refusal,
    TokenRecord,
    TokenSet,
    TokenState,
    fingerprint,
)
from airflow_provider_livestorm.auth.undone import Refreshed
from airflow_provider_livestorm.exceptions import LivestormError, LivestormTokenError

__all__ = ["Redeemer", "TokenLease"]

LEASE_SECONDS = 60.0
# A lease is told by wall clocks, as it outlives processes and machines. As redeeming takes half of it, it holds where
# they agree within this; one that would last longer was dated by a clock that has been set right since.
CLOCKS_SECONDS = 30.0
# The last try must begin early enough to end, time-outs and all, inside the lease (oauth.TIMEOUT).
REDEEM_SECONDS = 30.0
POLL_SECONDS = 0.25
# A fresh token that the API refuses is replaced once in so long, whoever asks: more of the same would not help.
DOUBT_SECONDS = 60.0
# Each try may count as a call of the month (api.md 3): where the last one failed, there is only one.
ONE_TRY_SECONDS = 15.0  # oauth.TIMEOUT
# A redeemed token that is not stored is lost; the database gets this many chances, a second or so apart.
COMMIT_ATTEMPTS = 30

log = logging.getLogger(__name__)


class Redeemer(Protocol):
    """Speaks to the token endpoint; `oauth.OAuthClient`."""

    @property
    def client_id(self) -> str:
        """Of the OAuth application."""

    @property
    def client_secret(self) -> str:
        """Of the OAuth application."""

    def refresh(self, refresh_token: str, *, within: float) -> Grant:
        """Redeem a refresh token, the last try ending in less than `within` seconds."""


class TokenLease:
    """Gives the access token of one connection, and refreshes it under a lease when it must.

    Args:
        conn_id: for messages.
        store: where the pair is kept.
        oauth: redeems.
        mask: told every new secret before anyone else sees it.
        patience: seconds to wait for somebody else's refresh.
        carry_out: does a refresh; `shield.uninterrupted` where a signal may come.
        refreshed: this process's memory of its refreshes, for all leases over the same store.
        page: URL of the page where a person reconnects, for messages.
        clock: UTC unix seconds.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        conn_id: str,
        store: TokenStore,
        oauth: Redeemer,
        *,
        mask: Callable[[str], None],
        patience: float = 2 * LEASE_SECONDS,
        carry_out: Callable[[Callable[[], TokenSet | None]], TokenSet | None] = lambda work: work(),
        refreshed: Refreshed | None = None,
        page: str | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conn_id = conn_id
        self._store = store
        self._oauth = oauth
        self._mask = mask
        self._patience = patience
        self._carry_out = carry_out
        self._refreshed = refreshed if refreshed is not None else Refreshed()
        self._page = page
        self._clock = clock
        self._sleep = sleep

    def stored(self, *, refused: str | None = None) -> TokenSet | None:
        """The stored access token if it is fresh; None if a refresh is due. Reads once, waits for nobody.

        Args:
            refused: `fingerprint` of an access token that the API just refused: that one will not do.

        Raises:
            LivestormReconnectRequiredError: the refresh token is dead, or there is none.
            LivestormConfigurationError: the client was refused less than a minute ago.
            LivestormTokenError: the token endpoint failed a moment ago, or the store could not be read.
        """
        return self._usable(self._read()[1], refused)

    def get(self, *, refused: str | None = None, min_left: float = 0.0) -> TokenSet:
        """A fresh access token, refreshed if need be, by us or by whoever holds the lease.

        Args:
            refused: as in `stored`.
            min_left: refresh also a fresh one that has not so many seconds left.

        Raises:
            LivestormReconnectRequiredError: the refresh token is dead, or there is none.
            LivestormConfigurationError: the client was refused.
            LivestormTokenError: the token endpoint or the store gave no usable answer in time; a retry may help.
        """
        for _ in range(1 + math.ceil(self._patience / POLL_SECONDS)):  # not by the clock, which may be set back
            snapshot, record = self._read()
            token = self._usable(record, refused, min_left)
            if token is None and not self._held(record):
                token = self._carry_out(functools.partial(self._refresh, snapshot, record, refused))
            if token is not None:
                return token
            if record.lease is not None:
                self._sleep(POLL_SECONDS)
        raise LivestormTokenError(
            f"Connection {self._conn_id!r}: another process has been refreshing its token for"
            f" {self._patience:.0f} s without a result; try again later."
        )

    def _held(self, record: TokenRecord) -> bool:
        """Whether somebody may be redeeming: clocks that agree within CLOCKS_SECONDS cannot misjudge it."""
        return record.lease is not None and 0 < record.lease.until - self._clock() <= LEASE_SECONDS + CLOCKS_SECONDS

    def _usable(self, record: TokenRecord, refused: str | None, min_left: float = 0.0) -> TokenSet | None:
        token = record.token
        # A row may hold what the Connection does not (stores.sown), so nobody masked it yet.
        for secret in (record.refresh_token, token.access_token if token is not None else None):
            if secret:
                self._mask(secret)
        fresh = self._fresh(token)
        if token is not None and fresh and (refused is None or fingerprint(token.access_token) != refused):
            if token.expires_at is None or token.expires_at - self._clock() > min_left:
                return token
        elif fresh and record.doubted_at is not None and abs(self._clock() - record.doubted_at) < DOUBT_SECONDS:
            raise LivestormTokenError(
                f"Connection {self._conn_id!r}: Livestorm's API refuses an access token that its token endpoint gave a"
                " moment ago, and did so with the one before. Nothing is refreshed for a minute; try again later, and"
                " ask Livestorm if it stays so."
            )
        error = objection(
            record, self._conn_id, client_id=self._oauth.client_id, client_secret=self._oauth.client_secret,
            now=self._clock(), page=self._page,
        )  # fmt: skip
        if error is not None:
            raise error
        return None

    def _fresh(self, token: TokenSet | None) -> bool:
        return token is not None and token.state(self._clock()) is TokenState.FRESH

    def _refresh(self, snapshot: Snapshot, record: TokenRecord, refused: str | None) -> TokenSet | None:
        """Take the lease and redeem; None where somebody was faster and the store wants another look."""
        owner = uuid.uuid4().hex
        until = self._clock() + LEASE_SECONDS
        leased = record.leased(owner, until)
        held = self._store.compare_and_swap(snapshot, leased.into(snapshot.extra))
        spent = leased.refresh_token
        if held is None or spent is None:
            return None
        if self._clock() + REDEEM_SECONDS > until:  # the store was so slow that the lease might end under our hands
            self._change(owner, spent, None, _given_back)
            return None
        before = record.refusal
        identity = identity_of(spent, self._oauth.client_id, self._oauth.client_secret)
        failures = before.times if before is not None and before.of == identity else 0
        try:
            grant = self._oauth.refresh(spent, within=ONE_TRY_SECONDS if failures else REDEEM_SECONDS)
        except LivestormTokenError as error:
            if isinstance(error, GrantRefusedError):
                refusal = Refusal(error.error, error.description, self._clock(), identity)
            else:
                asked_for = error.retry_after if isinstance(error, TokenEndpointBusyError) else 0.0
                refusal = Refusal(NO_VERDICT, str(error), self._clock(), identity, failures + 1, asked_for)
            # Re-read first: whoever rotated the token meanwhile, or is about to, is right, and this refusal is about a
            # spent one.
            changed = self._change(owner, spent, None, lambda now: now.refused(refusal))
            if changed is None and refusal.error != NO_VERDICT:
                return None
            raise error_of(refusal, self._conn_id, self._page) from None
        except Exception:  # nobody knows what it is, so nothing is remembered; but nobody should wait for our lease
            self._change(owner, spent, None, _given_back)
            raise
        self._mask(grant.access_token)
        if grant.refresh_token:
            self._mask(grant.refresh_token)
        issued, doubted = self._clock(), refused is not None and self._fresh(record.token)
        store = functools.partial(
            self._change,
            owner,
            spent,
            change=lambda now: now.granted(grant, issued, doubted=doubted),
            outlives_lease=True,
        )
        stored = store(held)
        if stored is None or stored.token is None:
            return None
        if stored.refresh_token != spent:
            self._refreshed.remember(self._conn_id, spent, functools.partial(store, None), self._look_again)
        log.info("Connection %s: access token refreshed, generation %d.", self._conn_id, stored.generation)
        return stored.token

    def _read(self) -> tuple[Snapshot, TokenRecord]:
        """The row; where a save put back a refresh token that was spent here, the pair that it was spent for."""
        snapshot = self._store.read()
        record = TokenRecord.from_extra(snapshot.extra)
        if self._refreshed.restore(self._conn_id, record.refresh_token):
            log.warning("Connection %s: a save undid its refresh; the new tokens were stored again.", self._conn_id)
            snapshot = self._store.read()
            record = TokenRecord.from_extra(snapshot.extra)
        return snapshot, record

    def _look_again(self) -> None:
        try:
            self._read()
        except LivestormError as error:
            log.warning("%s", error)

    def _change(
        self,
        owner: str,
        spent: str,
        seen: Snapshot | None,
        change: Callable[[TokenRecord], TokenRecord],
        *,
        outlives_lease: bool = False,
    ) -> TokenRecord | None:
        """Write a change to the record by compare-and-swap, merging with what others wrote to `extra` meanwhile.

        None where the refresh token is no longer the one we spent: somebody rotated it or pasted another, and theirs
        wins. The lease, if it is still ours, is given back. None, too, where our lease ran out and somebody else holds
        one; but what a redemption gave `outlives_lease`: it is written all the same, for nobody else can get it again.
        """
        failures = 0
        while True:
            try:
                snapshot = self._store.read() if seen is None else seen
                seen = None
                record = TokenRecord.from_extra(snapshot.extra)
                ours = record.refresh_token == spent
                holding = record.lease is not None and record.lease.owner == owner
                if not holding and not (ours and outlives_lease):
                    return None
                changed = change(record) if ours else replace(record, lease=None)
                if self._store.compare_and_swap(snapshot, changed.into(snapshot.extra)) is not None:
                    return changed if ours else None
            except LivestormTokenError:
                failures += 1
                if failures == COMMIT_ATTEMPTS:
                    raise
                log.warning("Connection %s: its tokens could not be stored yet; again in 1 s.", self._conn_id)
                self._sleep(1.0)


def _given_back(record: TokenRecord) -> TokenRecord:
    return replace(record, lease=None)
