"""The state of a connection in words, by what is stored of it."""

from __future__ import annotations

import json

import msgspec
import pytest

from airflow_provider_livestorm.auth.refusals import identity_of
from airflow_provider_livestorm.auth.token import NO_VERDICT, Grant, Refusal, TokenRecord
from airflow_provider_livestorm.hooks.account_status import AccountState, AccountStatus, describe, unusable
from airflow_provider_livestorm.hooks.connection import ConnectionSettings
from airflow_provider_livestorm.usage.facts import Identity, Known, QuotaReading, Usage

NOW = 1_790_000_000.0
SECRET = "the-client-secret"
OAUTH = ConnectionSettings("conn", "client", SECRET, elsewhere=True)
API_TOKEN = ConnectionSettings("conn", None, "the-api-token", elsewhere=False)
KNOWN = Known(Identity("Ada (ada@example.com)", "Engines", "7d2c"), NOW - 60)
SEEDED = TokenRecord("the-refresh-token")
LIVING = SEEDED.granted(Grant("the-access-token", "the-next-refresh-token", 7200.0, "identity:read events:read"), NOW)
USAGE = Usage((("2026-09-20", 3), ("2026-09-21", 4)), QuotaReading(10_000, 9_000, NOW, NOW + 5, estimated=True))


def status(record: TokenRecord | None, known: Known | None = None, now: float = NOW) -> AccountStatus:
    settings = API_TOKEN if record is None else OAUTH
    return describe(settings, record, known, Usage(), now=now)


def refused(error: str, *, of: TokenRecord = LIVING, at: float = NOW, times: int = 0) -> TokenRecord:
    identity = identity_of(of.refresh_token or "", "client", SECRET)
    return of.refused(Refusal(error, "its words", at, identity, times))


@pytest.mark.parametrize(
    ("record", "state"),
    [
        (TokenRecord(), AccountState.NOT_CONNECTED),
        (SEEDED, AccountState.NOT_TRIED),
        (LIVING, AccountState.CONNECTED),
        (LIVING.leased("somebody", NOW + 60), AccountState.CONNECTED),
        (refused("invalid_grant"), AccountState.NEEDS_RECONNECTING),
        (refused("invalid_grant", of=SEEDED), AccountState.NEEDS_RECONNECTING),
        (refused("invalid_grant", at=NOW - 10**7), AccountState.NEEDS_RECONNECTING),
        (refused("invalid_client"), AccountState.NEEDS_ATTENTION),
        (refused(NO_VERDICT, times=1), AccountState.NEEDS_ATTENTION),
        (refused(NO_VERDICT, times=1, at=NOW - 61), AccountState.CONNECTED),
        (LIVING.disconnected(), AccountState.NOT_CONNECTED),
        (TokenRecord().authorized(Grant("a", None, 60.0), NOW, asked=""), AccountState.NEEDS_RECONNECTING),
    ],
)
def test_each_state_has_its_reason(record: TokenRecord, state: AccountState) -> None:
    told = status(record)
    assert told.state is state
    assert (told.reason is not None) == state.startswith("needs_")
    assert told.kind == "oauth"


def test_an_access_token_that_expired_is_refreshed_by_whoever_needs_it_and_no_reason_to_worry() -> None:
    told = status(LIVING, now=NOW + 10**6)
    assert told.state is AccountState.CONNECTED
    assert told.expires_at == NOW + 7200


def test_a_dead_token_is_said_in_livestorms_words() -> None:
    assert status(refused("invalid_grant")).reason == (
        "Its refresh token is no longer valid (its words). Tasks fail until somebody reconnects it."
    )


def test_what_is_known_is_shown() -> None:
    told = describe(OAUTH, LIVING, KNOWN, USAGE, now=NOW)
    assert (told.connected_as, told.workspace, told.checked_at) == ("Ada (ada@example.com)", "Engines", NOW - 60)
    assert told.scopes == ["identity:read", "events:read"]
    assert (told.refreshed_at, told.expires_at, told.kept_elsewhere) == (NOW, NOW + 7200, True)
    assert told.quota is not None
    assert (told.quota.remaining, told.quota.resets_at, told.quota.resets_at_estimated) == (9_000, NOW + 5, True)
    assert [(one.day, one.calls) for one in told.calls] == [("2026-09-20", 3), ("2026-09-21", 4)]


def test_a_private_api_token_is_connected_once_it_was_tried() -> None:
    assert status(None).state is AccountState.NOT_TRIED
    told = status(None, KNOWN)
    assert (told.state, told.kind, told.scopes, told.expires_at) == (AccountState.CONNECTED, "api_token", [], None)


def test_what_cannot_be_used_says_why() -> None:
    told = unusable("conn", "It has no password.")
    assert (told.kind, told.state, told.reason) == ("unusable", AccountState.NEEDS_ATTENTION, "It has no password.")


@pytest.mark.parametrize("record", [SEEDED, LIVING, refused("invalid_grant"), refused("invalid_client"), None])
def test_no_secret_is_in_it(record: TokenRecord | None) -> None:
    text = json.dumps(msgspec.to_builtins(status(record, KNOWN))) + repr(status(record, KNOWN))
    secrets = ("the-refresh-token", "the-access-token", "the-next-refresh-token", SECRET, "the-api-token")
    assert not [secret for secret in secrets if secret in text]
