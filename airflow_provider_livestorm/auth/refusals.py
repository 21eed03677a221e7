"""Why no refresh is tried now: what the token endpoint refused or could not do, and what people are told.

For `lease.py`, which stops there, and for `hooks/account.py`, which shows the state of a connection.
"""

from __future__ import annotations

import math

from airflow_provider_livestorm.auth.token import NO_VERDICT, Refusal, TokenRecord, fingerprint
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormReconnectRequiredError,
    LivestormTokenError,
)

__all__ = ["error_of", "identity_of", "objection", "pause_of", "reconnect"]

# Anything but a dead token may be mended at Livestorm's end, without a change here: ask again, once a minute.
REFUSAL_SECONDS = 60.0
# Where the token endpoint gave no verdict, ask again sooner, but ever later up to that minute: each try may count as a
# call of the month (api.md 3), and a day of them at full speed would be all 10,000.
PAUSE_SECONDS = 5.0


def pause_of(refusal: Refusal) -> float:
    """Seconds for which a refusal holds: 5, 10, 20, 40 and then 60 after failures, 60 after a verdict, or for good.

    No less than the token endpoint asked for.
    """
    if refusal.error == "invalid_grant":
        return math.inf
    if not refusal.times:
        return REFUSAL_SECONDS
    return max(refusal.retry_after, min(REFUSAL_SECONDS, PAUSE_SECONDS * 2.0 ** min(refusal.times - 1, 10)))


def identity_of(refresh_token: str, client_id: str, client_secret: str) -> str:
    """Of what was refused: another token, or another client, is not."""
    return fingerprint(refresh_token, client_id, client_secret)


def objection(
    record: TokenRecord, conn_id: str, *, client_id: str, client_secret: str, now: float, page: str | None = None
) -> LivestormTokenError | LivestormConfigurationError | None:
    """Why the refresh token of a record is not to be redeemed now; None where it may be.

    Args:
        record: as stored.
        conn_id: for the message.
        client_id: of the OAuth application.
        client_secret: likewise.
        now: UTC unix seconds.
        page: URL of the page where a person reconnects, if there is one.
    """
    if record.refresh_token is None:
        return LivestormReconnectRequiredError(
            f"Connection {conn_id!r} has no refresh token. If its password is a private API token, leave the login"
            f" empty. {reconnect(conn_id, page)}"
        )
    refusal = record.refusal
    if (
        refusal is not None
        and refusal.of == identity_of(record.refresh_token, client_id, client_secret)
        # A time that is far off, before ours or after it, is of a clock that was wrong, and no reason to wait.
        and abs(now - refusal.at) < pause_of(refusal)
    ):
        return error_of(refusal, conn_id, page)
    return None


def error_of(
    refusal: Refusal, conn_id: str, page: str | None = None
) -> LivestormTokenError | LivestormConfigurationError:
    """What everybody is told while it holds; `page` as of `objection`."""
    if refusal.error == NO_VERDICT:
        return LivestormTokenError(f"Connection {conn_id!r}: {refusal.description}")
    said = f"{refusal.error}: {refusal.description}" if refusal.description else refusal.error
    if refusal.error == "invalid_grant":
        return LivestormReconnectRequiredError(
            f"Connection {conn_id!r}: Livestorm says that its refresh token is no longer valid ({said})."
            f" {reconnect(conn_id, page)}"
        )
    if refusal.error == "invalid_client":
        return LivestormConfigurationError(
            f"Connection {conn_id!r}: Livestorm refused its client id and secret ({said})."
            " Correct the login (client id) and password (client secret) of the connection."
        )
    return LivestormConfigurationError(
        f"Connection {conn_id!r}: Livestorm refused to refresh its token ({said})."
        " Check the connection and the OAuth application's registration with Livestorm."
    )


def reconnect(conn_id: str, page: str | None) -> str:
    """What a person does about a dead token; `page` as of `objection`."""
    where = f"open {page} and click Reconnect" if page else f"run `airflow-livestorm connect {conn_id}` beside Airflow"
    return (
        f"Reconnect it: {where}; or authorize the application at Livestorm again by other means, and save the new"
        f" refresh token in the connection {conn_id!r} (Admin > Connections, field Refresh token)."
    )
