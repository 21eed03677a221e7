"""A token's life as values: the access token, and the record of its rotation in the Connection's `extra`.

Pure: no I/O, no clock. `lease.py` decides by these functions and acts through a store.

Members of `extra` that people see and may write: `refresh_token`, `access_token`, `expires_at`, `scope`. The rest of
the bookkeeping is one JSON text, `token_state`. Its name is sensitive to Airflow, which shows it as `***` and puts the
stored value back when a person saves the form: an edit begun before a refresh can't turn the generation back.
"""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import msgspec

__all__ = ["NO_VERDICT", "Grant", "Lease", "Refusal", "TokenRecord", "TokenSet", "TokenState", "fingerprint"]

_MARGIN_MAX = 60.0  # seconds before expiry at which a token counts as stale
_MARGIN_SHARE = 0.1  # of its life: a token that lives 10 s is not stale for all of it
NO_VERDICT = "no verdict"
MANAGED = ("refresh_token", "access_token", "expires_at", "scope", "token_state")


class TokenState(enum.Enum):
    """FRESH: use it. STALE: still accepted, but get another before a long wait. INVALID: expired."""

    FRESH = "fresh"
    STALE = "stale"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class TokenSet:
    """An access token and what is known of it.

    Attributes:
        access_token: never shown in a repr.
        expires_at: UTC unix seconds; None where the server did not say.
        generation: counts the refreshes of this connection; a newer token has a higher one.
        lifetime: seconds it was issued for; None if unknown.
        scope: space separated, as granted.
    """

    access_token: str = field(repr=False)
    expires_at: float | None = None
    generation: int = 0
    lifetime: float | None = None
    scope: str | None = None

    def state(self, now: float) -> TokenState:
        """What the token is good for at `now` (UTC unix seconds)."""
        if self.expires_at is None:
            return TokenState.FRESH  # the API's 401 will tell
        left = self.expires_at - now
        if left <= 0:
            return TokenState.INVALID
        margin = _MARGIN_MAX if self.lifetime is None else min(_MARGIN_MAX, self.lifetime * _MARGIN_SHARE)
        return TokenState.FRESH if left > margin else TokenState.STALE


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token endpoint gave for a code or a refresh token.

    Attributes:
        refresh_token: None where the server did not rotate it.
        expires_in: seconds from now.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: float | None = None
    scope: str | None = None


class Lease(msgspec.Struct, frozen=True):
    """The right to redeem the refresh token, held by `owner` until `until` (UTC unix seconds)."""

    owner: str
    until: float


class Refusal(msgspec.Struct, frozen=True):
    """The token endpoint refused us, or gave no verdict; remembered so that a thousand tasks do not ask again.

    Attributes:
        error: RFC 6749's code, such as `invalid_grant`; `NO_VERDICT` where it was down, or busy, or nobody's.
        at: UTC unix seconds.
        of: fingerprint of the refresh token and the client that were refused; another token or client is not.
        times: how often in a row there was no verdict; 0 for a refusal.
        retry_after: seconds that it asked us to wait; 0 if it did not say, and in rows of before this was kept.
    """

    error: str
    description: str
    at: float
    of: str
    times: int = 0
    retry_after: float = 0.0


class _State(msgspec.Struct, frozen=True):
    """What `token_state` holds.

    Attributes:
        belongs_to: fingerprint of the refresh token that the access token came with.
        lineage, issued_at, doubted_at: as of `TokenRecord`.
    """

    generation: int = 0
    belongs_to: str | None = None
    lifetime: float | None = None
    lease: Lease | None = None
    refusal: Refusal | None = None
    doubted_at: float | None = None
    lineage: str | None = None
    issued_at: float | None = None


# Made here, not at the first reading: where many threads make it at once, msgspec may crash Python.
_state_decoder = msgspec.json.Decoder(_State)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """The rotation as the Connection keeps it. Values only: each change gives a new record.

    Attributes:
        doubted_at: when the access token was made in the place of a fresh one that the API refused, UTC unix seconds.
        lineage: fingerprint of the first refresh token of this authorization: the same through all rotations, another
            one where a person agreed anew. None before the first refresh.
        issued_at: when the access token was issued, UTC unix seconds.
    """

    refresh_token: str | None = field(default=None, repr=False)
    token: TokenSet | None = None
    generation: int = 0
    lease: Lease | None = None
    refusal: Refusal | None = None
    doubted_at: float | None = None
    lineage: str | None = None
    issued_at: float | None = None

    @classmethod
    def from_extra(cls, extra: Mapping[str, Any]) -> Self:
        """Read a record; a `token_state` that a person broke counts as none.

        An access token belongs to the refresh token it came with: where another refresh token was pasted since, the
        access token, the lease and the refusal are void.
        """
        try:
            state = _state_decoder.decode(extra.get("token_state") or b"{}")
        except (msgspec.DecodeError, TypeError, UnicodeError):
            state = _State()
        refresh_token = _text(extra.get("refresh_token"))
        pasted = state.belongs_to is not None and (
            refresh_token is None or state.belongs_to != fingerprint(refresh_token)
        )
        access_token = _text(extra.get("access_token"))
        token = None
        if access_token and not pasted:
            token = TokenSet(
                access_token=access_token,
                expires_at=_number(extra.get("expires_at")),
                generation=state.generation,
                lifetime=state.lifetime,
                scope=_text(extra.get("scope")),
            )
        if pasted:
            return cls(refresh_token, token, state.generation, refusal=state.refusal)
        return cls(
            refresh_token, token, state.generation, state.lease, state.refusal, state.doubted_at, state.lineage,
            state.issued_at,
        )  # fmt: skip

    def into(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """`extra` with this record's members in it, and all that is not ours as it was."""
        merged = {name: value for name, value in extra.items() if name not in MANAGED}
        token = self.token
        state = _State(
            generation=self.generation,
            belongs_to=fingerprint(self.refresh_token) if self.refresh_token and token else None,
            lifetime=token.lifetime if token else None,
            lease=self.lease,
            refusal=self.refusal,
            doubted_at=self.doubted_at,
            lineage=self.lineage,
            issued_at=self.issued_at,
        )
        members = {
            "refresh_token": self.refresh_token,
            "access_token": token.access_token if token else None,
            "expires_at": token.expires_at if token else None,
            "scope": (token.scope if token else None) or extra.get("scope"),
            "token_state": msgspec.json.encode(state).decode(),
        }
        return merged | {name: value for name, value in members.items() if value is not None}

    def leased(self, owner: str, until: float) -> Self:
        """The record with the lease taken."""
        return replace(self, lease=Lease(owner, until))

    def granted(self, grant: Grant, now: float, *, doubted: bool = False) -> Self:
        """The record after a refresh: a new pair, one generation on, lease and refusal gone.

        Args:
            grant: what the token endpoint gave.
            now: UTC unix seconds.
            doubted: whether the pair stands in for an access token that was fresh, but for the API's refusal.
        """
        generation = self.generation + 1
        return replace(
            self,
            refresh_token=grant.refresh_token or self.refresh_token,
            token=TokenSet(
                access_token=grant.access_token,
                expires_at=None if grant.expires_in is None else now + grant.expires_in,
                generation=generation,
                lifetime=grant.expires_in,
                scope=grant.scope or (self.token.scope if self.token else None),
            ),
            generation=generation,
            lease=None,
            refusal=None,
            doubted_at=now if doubted else None,
            lineage=self.lineage or (fingerprint(self.refresh_token) if self.refresh_token else None),
            issued_at=now,
        )

    def authorized(self, grant: Grant, now: float, *, asked: str) -> Self:
        """The record after a person agreed: the pair of the new authorization alone; what was of the old one is gone.

        Args:
            grant: what the token endpoint gave for the code.
            now: UTC unix seconds.
            asked: the scopes that were asked for; where the answer names none, these were granted (RFC 6749, 5.1).
        """
        anew = replace(self, refresh_token=grant.refresh_token, token=None, lineage=None)
        return anew.granted(replace(grant, scope=grant.scope or asked), now)

    def disconnected(self) -> Self:
        """The record without any token."""
        return type(self)(generation=self.generation)

    def refused(self, refusal: Refusal) -> Self:
        """The record after the token endpoint refused: the lease is given back, the refusal kept."""
        return replace(self, lease=None, refusal=refusal)


def fingerprint(*secrets: str) -> str:
    """A short digest that tells secrets apart without keeping them; they are random, so it can't be guessed back."""
    digest = hashlib.sha256(b"livestorm token fingerprint")
    for secret in secrets:
        # JSON can hold half a surrogate pair.
        digest.update(len(secret).to_bytes(4) + secret.encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]


def _number(value: object) -> float | None:
    """A time out of a form: a number, its text, or anything else, which counts as unknown."""
    try:
        number = float(value)  # type: ignore[arg-type]  # as the docstring says
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
