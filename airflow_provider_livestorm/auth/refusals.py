"""What the token endpoint refused, or could not do: how long it holds, and what people are told. For `lease.py`."""

from __future__ import annotations

import math

from airflow_provider_livestorm.auth.token import NO_VERDICT, Refusal
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormReconnectRequiredError,
    LivestormTokenError,
)

__all__ = ["error_of", "pause_of", "reconnect"]

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


def error_of(refusal: Refusal, conn_id: str) -> LivestormTokenError | LivestormConfigurationError:
    """What everybody is told while it holds."""
    if refusal.error == NO_VERDICT:
        return LivestormTokenError(f"Connection {conn_id!r}: {refusal.description}")
    said = f"{refusal.error}: {refusal.description}" if refusal.description else refusal.error
    if refusal.error == "invalid_grant":
        return LivestormReconnectRequiredError(
            f"Connection {conn_id!r}: Livestorm says that its refresh token is no longer valid ({said})."
            f" {reconnect(conn_id)}"
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


def reconnect(conn_id: str) -> str:
    """What a person does about a dead token."""
    return (
        "Reconnect it: authorize the application at Livestorm again, and save the new refresh token in the connection"
        f" {conn_id!r} (Admin > Connections, field Refresh token)."
    )
