"""The two ways to call Livestorm: a private API token, or OAuth access tokens that come from a `TokenSource`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from airflow_provider_livestorm.auth.token import TokenSet, TokenState, fingerprint

__all__ = ["ApiToken", "OAuthCredential", "TokenSource"]


class TokenSource(Protocol):
    """Gives access tokens: a `TokenLease` where the store is at hand, a `BrokerClient` where it is not."""

    def get(self, *, refused: str | None = None) -> TokenSet:
        """A fresh token; another one than that with the fingerprint `refused`."""


class ApiToken:
    """A private API token, sent as it is: Livestorm refuses it behind `Bearer` (api.md 1.1)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def authorization(self) -> str:
        """The header's value."""
        return self._token

    def renew(self, refused: str) -> bool:
        """There is no other token."""
        return False


class OAuthCredential:
    """Keeps the access token in memory while it is fresh; asks the source for another when it is not.

    Args:
        source: where tokens come from.
        clock: UTC unix seconds.
    """

    def __init__(self, source: TokenSource, *, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._clock = clock
        # A thread may come twice: by a signal, whose handler (Airflow's on_kill) interrupts it and calls Livestorm too.
        self._lock = threading.RLock()
        self._token: TokenSet | None = None

    def token(self) -> TokenSet:
        """A fresh access token; asks the source where the one in memory is not."""
        token = self._token
        if token is None or token.state(self._clock()) is not TokenState.FRESH:
            with self._lock:  # one thread asks, the others take what it got
                token = self._token
                if token is None or token.state(self._clock()) is not TokenState.FRESH:
                    token = self._token = self._source.get()
        return token

    def authorization(self) -> str:
        """The header's value."""
        return f"Bearer {self.token().access_token}"

    def renew(self, refused: str) -> bool:
        """Get another token than the refused one: a newer generation if there is one, else a refresh."""
        with self._lock:
            if self._token is None or f"Bearer {self._token.access_token}" == refused:
                self._token = self._source.get(refused=fingerprint(refused.removeprefix("Bearer ")))
        return True
