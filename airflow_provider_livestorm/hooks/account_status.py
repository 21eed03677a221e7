"""The state of a connection in words, decided from what is stored. Pure; `account.py` reads, this decides."""

from __future__ import annotations

import enum

import msgspec

from airflow_provider_livestorm.auth.refusals import objection
from airflow_provider_livestorm.auth.token import TokenRecord
from airflow_provider_livestorm.exceptions import LivestormReconnectRequiredError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings
from airflow_provider_livestorm.usage.facts import Known, Usage

__all__ = ["AccountState", "AccountStatus", "CallsOfDay", "QuotaStatus", "describe", "unusable"]


class AccountState(enum.StrEnum):
    """CONNECTED: it has living tokens. NOT_TRIED: it has what it needs, and was not used yet.

    NOT_CONNECTED: nobody authorized it. NEEDS_RECONNECTING: its refresh token is dead. NEEDS_ATTENTION: something else
    must be corrected, or is failing just now.
    """

    CONNECTED = "connected"
    NOT_TRIED = "not_tried"
    NOT_CONNECTED = "not_connected"
    NEEDS_RECONNECTING = "needs_reconnecting"
    NEEDS_ATTENTION = "needs_attention"


class QuotaStatus(msgspec.Struct, frozen=True):
    """Livestorm's word on the calls of the month, for the whole workspace.

    Attributes:
        limit: calls in the period of 30 days.
        remaining: of them, at `at` (UTC unix seconds).
        resets_at: when a new period begins, UTC unix seconds, where that is known.
        resets_at_estimated: whether that was only concluded.
    """

    limit: int | None
    remaining: int | None
    at: float
    resets_at: float | None
    resets_at_estimated: bool


class CallsOfDay(msgspec.Struct, frozen=True):
    """Calls that this Airflow made on a UTC day (ISO 8601)."""

    day: str
    calls: int


class AccountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a connection; holds no secret. All times are UTC unix seconds.

    Attributes:
        kind: `oauth`, `api_token`, or `unusable` where the connection must be corrected first.
        reason: what is wrong, and what to do; None where nothing is.
        connected_as: the user or the organization; as of `checked_at`.
        scopes: as granted; empty where that is not known.
        refreshed_at: when the access token was issued.
        kept_elsewhere: the connection comes from the environment or a secrets backend.
        calls: of this Airflow in the last 30 days, oldest first.
    """

    conn_id: str
    kind: str
    state: AccountState
    reason: str | None = None
    connected_as: str | None = None
    workspace: str | None = None
    checked_at: float | None = None
    scopes: list[str] = msgspec.field(default_factory=list)
    refreshed_at: float | None = None
    expires_at: float | None = None
    kept_elsewhere: bool = False
    quota: QuotaStatus | None = None
    calls: list[CallsOfDay] = msgspec.field(default_factory=list)


def unusable(conn_id: str, reason: str) -> AccountStatus:
    """Of a connection that must be corrected before anything can be done with it."""
    return AccountStatus(conn_id=conn_id, kind="unusable", state=AccountState.NEEDS_ATTENTION, reason=reason)


def describe(
    settings: ConnectionSettings, record: TokenRecord | None, known: Known | None, usage: Usage, *, now: float
) -> AccountStatus:
    """The state of a usable connection.

    Args:
        settings: of the connection.
        record: its tokens as stored; None for a private API token.
        known: who it was found to be connected as, with the credential that it has now.
        usage: its calls, and Livestorm's word on the quota.
        now: UTC unix seconds.
    """
    state, reason = _state(settings, record, known, now)
    token = record.token if record is not None else None
    return AccountStatus(
        conn_id=settings.conn_id,
        kind="oauth" if record is not None else "api_token",
        state=state,
        reason=reason,
        connected_as=known.identity.name if known is not None else None,
        workspace=known.identity.workspace if known is not None else None,
        checked_at=known.checked_at if known is not None else None,
        scopes=(token.scope or "").split() if token is not None else [],
        refreshed_at=record.issued_at if record is not None and token is not None else None,
        expires_at=token.expires_at if token is not None else None,
        kept_elsewhere=bool(settings.elsewhere),
        quota=_quota(usage),
        calls=[CallsOfDay(day, calls) for day, calls in usage.days],
    )


def _state(
    settings: ConnectionSettings, record: TokenRecord | None, known: Known | None, now: float
) -> tuple[AccountState, str | None]:
    if record is None:
        return (AccountState.NOT_TRIED if known is None else AccountState.CONNECTED), None
    if record.refresh_token is None and record.token is None:
        return AccountState.NOT_CONNECTED, None
    error = objection(
        record, settings.conn_id, client_id=settings.client_id or "", client_secret=settings.secret, now=now
    )
    if isinstance(error, LivestormReconnectRequiredError):
        refusal = record.refusal
        said = f" ({refusal.description or refusal.error})" if refusal is not None and record.refresh_token else ""
        return (
            AccountState.NEEDS_RECONNECTING,
            f"Its refresh token is no longer valid{said}. Tasks fail until somebody reconnects it.",
        )
    if error is not None:
        return AccountState.NEEDS_ATTENTION, str(error)
    if record.token is None:
        return AccountState.NOT_TRIED, None
    return AccountState.CONNECTED, None


def _quota(usage: Usage) -> QuotaStatus | None:
    reading = usage.quota
    if reading is None:
        return None
    return QuotaStatus(reading.limit, reading.remaining, reading.at, reading.resets_at, reading.estimated)
