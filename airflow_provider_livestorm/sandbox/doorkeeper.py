"""The OAuth server's memory: applications, codes, token pairs, and the rules by which Doorkeeper rotates them.

Pure of HTTP; `oauth.py` has the routes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import Resource

__all__ = ["SCOPES", "Application", "Code", "Doorkeeper", "OAuthError", "Pair"]

SCOPES = (
    "identity:read", "identity:write", "events:read", "events:write",
    "admin:read", "admin:write", "webhooks:read", "webhooks:write",
)  # fmt: skip  # api.md 1.3
DEFAULT_SCOPE = "identity:read events:read"


class OAuthError(Exception):
    """An error of the token endpoint: RFC 6749's code, and Doorkeeper's words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


@dataclass
class Application:
    """A registered OAuth application."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    name: str = "Airflow"


@dataclass
class Code:
    """An authorization code."""

    redirect_uri: str
    scope: str
    created_at: float
    challenge: str | None
    method: str | None
    spent: bool = False


@dataclass
class Pair:
    """An access token and the refresh token that it came with: one record, as in Doorkeeper."""

    access_token: str
    refresh_token: str
    scope: str
    created_at: float
    expires_in: int
    previous: str | None = None
    revoked: bool = False

    def expired(self, now: float) -> bool:
        """Whether the access token has outlived its time; the refresh token has none."""
        return now >= self.created_at + self.expires_in


@dataclass
class Doorkeeper:
    """Issues, rotates and revokes.

    Attributes:
        owner: the `users` document of whoever consents.
        issued: every token and code that was ever given out.
        refreshes: refreshes that succeeded.
        refused_refreshes: those that did not.
        reuses: refused because the refresh token was spent before.
    """

    application: Application
    settings: Settings
    now: Callable[[], float]
    owner: Resource
    by_access: dict[str, Pair] = field(default_factory=dict)
    by_refresh: dict[str, Pair] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)
    newest_refresh_token: str | None = None
    refreshes: int = 0
    refused_refreshes: int = 0
    reuses: int = 0
    _spent: set[str] = field(default_factory=set)

    def authenticate(self, client_id: str | None, client_secret: str | None) -> None:
        """Check the client; OAuthError where it is unknown or its secret is wrong."""
        application = self.application
        known = client_id is not None and hmac.compare_digest(client_id.encode(), application.client_id.encode())
        if (
            not known
            or client_secret is None
            or not hmac.compare_digest(client_secret.encode(), application.client_secret.encode())
        ):
            raise OAuthError(
                "invalid_client",
                "Client authentication failed due to unknown client, no client authentication included, or unsupported"
                " authentication method.",
                401,
            )

    def issue_code(self, code: Code) -> str:
        """Give out a code for a consent."""
        value = secrets.token_urlsafe(32)
        self.codes[value] = code
        self.issued.append(value)
        return value

    def exchange(self, code: str, redirect_uri: str, verifier: str | None) -> Pair:
        """Give a pair for a code; single-use."""
        known = self.codes.get(code)
        if (
            known is None
            or known.spent
            or self.now() >= known.created_at + self.settings.code_life
            or known.redirect_uri != redirect_uri
            or (self.settings.pkce == "checked" and not _pkce_matches(known, verifier))
        ):
            raise _invalid_grant()
        known.spent = True
        return self.issue(known.scope)

    def refresh(self, refresh_token: str, scope: str | None) -> Pair:
        """Give a new pair for a refresh token, by the rotation that is set."""
        pair = self.by_refresh.get(refresh_token)
        if pair is None or pair.revoked:
            self.refused_refreshes += 1
            self.reuses += refresh_token in self._spent
            raise _invalid_grant()
        if scope and not set(scope.split()) <= set(pair.scope.split()):
            self.refused_refreshes += 1
            raise OAuthError("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
        self.refreshes += 1
        if self.settings.rotation == "none":
            return self.issue(scope or pair.scope, rotate=False)
        self._spent.add(refresh_token)
        if self.settings.rotation == "strict":
            pair.revoked = True
            return self.issue(scope or pair.scope)
        # Grace: the old pair lives until the new access token is used. Redeemed once more before that, it gives one
        # more pair, as Doorkeeper does; the first use of either new pair ends the old one and leaves the other new
        # pair alone.
        return self.issue(scope or pair.scope, previous=refresh_token)

    def issue(self, scope: str, *, previous: str | None = None, rotate: bool = True) -> Pair:
        """A new pair; an access token alone where nothing rotates."""
        pair = Pair(
            access_token=secrets.token_urlsafe(32),
            refresh_token=secrets.token_urlsafe(32) if rotate else "",
            scope=scope,
            created_at=self.now(),
            expires_in=self.settings.token_life,
            previous=previous,
        )
        self.by_access[pair.access_token] = pair
        self.issued.append(pair.access_token)
        if rotate:
            self.by_refresh[pair.refresh_token] = pair
            self.issued.append(pair.refresh_token)
            self.newest_refresh_token = pair.refresh_token
        return pair

    def use(self, access_token: str) -> tuple[Pair | None, str]:
        """The live pair of an access token, else the reason why there is none; its first use ends the one before.

        Doorkeeper revokes the one before as soon as it finds the token, before it looks whether the token still lives.
        """
        pair = self.by_access.get(access_token)
        if pair is None:
            return None, "The access token is invalid"
        if pair.previous is not None:
            self.by_refresh[pair.previous].revoked = True
            pair.previous = None
        if pair.revoked:
            return None, "The access token was revoked"
        if pair.expired(self.now()):
            return None, "The access token expired"
        return pair, ""

    def revoke(self, token: str | None) -> None:
        """Revoke the pair of a token, or all pairs; an unknown token is no error (RFC 7009)."""
        if token is None:
            for pair in self.by_access.values():
                pair.revoked = True
        elif (found := self.by_access.get(token) or self.by_refresh.get(token)) is not None:
            found.revoked = True


def _invalid_grant() -> OAuthError:
    return OAuthError(
        "invalid_grant",
        "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the"
        " authorization request, or was issued to another client.",
    )


def _pkce_matches(code: Code, verifier: str | None) -> bool:
    if code.challenge is None:
        return verifier is None
    if verifier is None:
        return False
    if code.method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(verifier.encode(), code.challenge.encode())
