"""Stores what a person agreed to, and forgets it: the two writes of a token record that no refresh makes.

By compare-and-swap over the same stores as `lease.py`, so that neither undoes a refresh, nor an edit of the form. A
refresh that is under way with the old refresh token finds another one and gives way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from airflow_provider_livestorm.auth.stores import TokenStore
from airflow_provider_livestorm.auth.token import Grant, TokenRecord
from airflow_provider_livestorm.exceptions import LivestormTokenError

__all__ = ["forget_tokens", "store_authorization"]

_ATTEMPTS = 30  # a code is spent by now, so the database gets some chances, a second apart
_POLL_SECONDS = 0.25

log = logging.getLogger(__name__)


def store_authorization(
    store: TokenStore,
    grant: Grant,
    *,
    asked: str,
    mask: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> TokenRecord:
    """Put the pair of a new authorization in the place of whatever was there; the record as stored.

    Args:
        store: of the connection.
        grant: what the token endpoint gave for the code.
        asked: the scopes that were asked for, space separated.
        mask: told both secrets before anyone else sees them.
        clock: UTC unix seconds.
        sleep: waits that many seconds.

    Raises:
        LivestormConfigurationError: the connection is not there any more.
        LivestormTokenError: the store failed again and again.
    """
    for secret in (grant.access_token, grant.refresh_token):
        if secret:
            mask(secret)
    issued = clock()
    return _change(store, lambda record: record.authorized(grant, issued, asked=asked), sleep=sleep)[1]


def forget_tokens(
    store: TokenStore,
    *,
    patience: float = 15.0,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> TokenRecord:
    """Remove a connection's tokens; the record as it was, for whoever revokes them.

    Args:
        store: of the connection.
        patience: seconds to wait for a refresh that is under way: its new pair would outlive the revocation.
        clock: UTC unix seconds.
        sleep: waits that many seconds.

    Raises:
        LivestormConfigurationError: the connection is not there any more.
        LivestormTokenError: the store failed again and again.
    """
    for _ in range(int(patience / _POLL_SECONDS)):
        lease = TokenRecord.from_extra(store.read().extra).lease
        if lease is None or lease.until <= clock():
            break
        sleep(_POLL_SECONDS)
    return _change(store, TokenRecord.disconnected, drop=("scope",), sleep=sleep)[0]


def _change(
    store: TokenStore,
    change: Callable[[TokenRecord], TokenRecord],
    *,
    drop: tuple[str, ...] = (),
    sleep: Callable[[float], None],
) -> tuple[TokenRecord, TokenRecord]:
    """Write a change, whoever else writes meanwhile; the record before and after."""
    failures = 0
    while True:
        try:
            seen = store.read()
            before = TokenRecord.from_extra(seen.extra)
            kept: dict[str, Any] = {name: value for name, value in seen.extra.items() if name not in drop}
            after = change(before)
            if store.compare_and_swap(seen, after.into(kept)) is not None:
                return before, after
        except LivestormTokenError as error:
            failures += 1
            if failures == _ATTEMPTS:
                raise
            log.warning("%s Again in 1 s.", error)
            sleep(1.0)
