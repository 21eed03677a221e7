"""What an answer of the token endpoint means: a pair, a verdict, or neither. For `oauth.py`."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Container
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, quote_plus

import requests

from airflow_provider_livestorm.api.pacing import LONGEST_BURST_WAIT, read_retry_after
from airflow_provider_livestorm.auth.token import Grant
from airflow_provider_livestorm.exceptions import LivestormTokenError

__all__ = ["GrantRefusedError", "TokenEndpointBusyError", "read_grant"]

# RFC 6749, 5.2: with these statuses (api.md 1.2) the code is a verdict. A dead token is believed with any refusal:
# nobody else says so, and asking about it for good would use up the month.
_VERDICTS: dict[str, Container[int]] = dict.fromkeys(
    ("invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"), (400, 401)
) | {"invalid_grant": range(400, 500)}
_LONGEST_WORDS = 300  # characters of an error
_LONGEST_WAIT = 86_400.0  # seconds: a limit may be raised before it ends, and a call a day finds out


class GrantRefusedError(LivestormTokenError):
    """The token endpoint refused with an OAuth error (RFC 6749, 5.2).

    Attributes:
        error: the code, such as `invalid_grant`.
        description: the server's words.
    """

    retryable = False

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"Livestorm's token endpoint refused: {error} ({description or 'no description'}).")
        self.error = error
        self.description = description


class TokenEndpointBusyError(LivestormTokenError):
    """The token endpoint is asked too often (HTTP 429), or is away and says for how long (HTTP 503).

    Attributes:
        retry_after: seconds that it asked us to wait, a day at most; 0 if it did not say.
    """

    def __init__(self, status: int, retry_after: float) -> None:
        is_limit = status == requests.codes.too_many_requests
        what, then = "is asked too often" if is_limit else "is away", "try again later"
        if retry_after > LONGEST_BURST_WAIT:
            until = datetime.now(UTC) + timedelta(seconds=retry_after)
            what = "takes no call before " + until.strftime("%Y-%m-%d %H:%M UTC")
            then = "try again then" + (", or ask Livestorm to raise the monthly limit of calls" if is_limit else "")
        super().__init__(f"Livestorm's token endpoint {what} (HTTP {status}); {then}.")
        self.retry_after = min(retry_after, _LONGEST_WAIT)


def read_grant(response: requests.Response, sent: Collection[str]) -> Grant:
    """The pair in an answer of the token endpoint, or the error that it is.

    A pair is looked for first: the refresh token was spent for it, whatever is said beside it. An error is a verdict
    only where an OAuth server spoke: any other may be of a proxy or a firewall, and be over soon.

    Args:
        response: as it came.
        sent: the secrets that were sent: a server may echo them, and its words are kept and told.
    """
    status = response.status_code
    try:
        document = response.json()
    except (ValueError, RecursionError):  # no JSON, or a thousand brackets
        document = None
    if not isinstance(document, dict):
        document = {}
    access_token, refresh_token = document.get("access_token"), document.get("refresh_token")
    if 200 <= status < 300 and isinstance(access_token, str) and access_token:  # noqa: PLR2004 - HTTP success
        return Grant(
            access_token=access_token,
            refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
            expires_in=_seconds(document.get("expires_in")),
            scope=str(document.get("scope") or "") or None,
        )
    retry_after = read_retry_after(response.headers, now=time.time()) or 0.0
    if status == requests.codes.too_many_requests or (status == requests.codes.service_unavailable and retry_after):
        raise TokenEndpointBusyError(status, retry_after)
    if status >= requests.codes.internal_server_error:
        raise LivestormTokenError(f"Livestorm's token endpoint answered HTTP {status}; try again later.")
    secrets = [*sent, *(token for token in (access_token, refresh_token) if isinstance(token, str))]
    error = document.get("error")
    if isinstance(error, str) and status in _VERDICTS.get(error, ()):
        raise GrantRefusedError(error, _words(document.get("error_description"), secrets))
    if error:
        words = _words(error, secrets) or "no words"
        raise LivestormTokenError(
            f"Livestorm's token endpoint, or a proxy before it, answered HTTP {status} ({words}), which says nothing of"
            " the token; try again later, and check the token URL of the connection."
        )
    raise LivestormTokenError(
        f"Livestorm's token endpoint answered HTTP {status} with something that is no OAuth document; check the token"
        " URL of the connection."
    )


def _words(value: object, secrets: Collection[str]) -> str:
    """The server's words without our secrets, fit for one line of a log and for the row that remembers them."""
    if not isinstance(value, str):
        return ""
    spellings = {spelling for secret in secrets for spelling in _spelt(secret) if spelling}
    for spelling in sorted(spellings, key=len, reverse=True):  # one may be a part of another
        value = value.replace(spelling, "***")
    value = value.encode(errors="replace").decode()  # half a surrogate pair cannot be stored
    return " ".join(value.split())[:_LONGEST_WORDS]


def _spelt(secret: str) -> tuple[str, str, str]:
    """As it is, and as it was sent."""
    return secret, quote(secret, errors="replace"), quote_plus(secret, errors="replace")


def _seconds(value: object) -> float | None:
    """The life of a token; None where unknown, as is none at all: nobody issues a dead token, and the API will tell."""
    try:
        seconds = float(value)  # type: ignore[arg-type]  # a number, its text, or anything else
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < math.inf else None
