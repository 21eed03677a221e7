"""The authorization-code flow (RFC 6749, 4.1, with PKCE): a person is sent to Livestorm, and comes back with a code.

Values and decisions only: who keeps a `PendingAuthorization` meanwhile, and sees to it that it is used once, is the
business of the page in the api-server (plugin/connect.py) and of the command line (cli/connect.py).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from airflow_provider_livestorm.auth.oauth import GrantRefusedError, OAuthClient
from airflow_provider_livestorm.auth.token import Grant
from airflow_provider_livestorm.exceptions import LivestormAuthorizationError, LivestormTokenError

__all__ = ["LIFE_SECONDS", "PendingAuthorization", "redeem", "start"]

# How long a person may take to agree. The code itself lives 600 s from then on (Doorkeeper's default; api.md 1.2).
LIFE_SECONDS = 900.0
_LONGEST_WORDS = 200  # characters of what came back in the URL
_AGAIN = "Start again."


@dataclass(frozen=True, slots=True)
class PendingAuthorization:
    """Somebody was sent to Livestorm and is not back yet.

    Attributes:
        conn_id: that the tokens will be for.
        redirect_uri: where Livestorm sends them, exactly as registered with it.
        scope: that was asked for, space separated.
        state: random, single-use: who comes back with it was sent by us.
        code_verifier: of PKCE; who redeems the code is who asked for it.
        expires_at: UTC unix seconds.
    """

    conn_id: str
    redirect_uri: str
    scope: str
    state: str = field(repr=False)
    code_verifier: str = field(repr=False)
    expires_at: float


def start(
    oauth: OAuthClient,
    *,
    conn_id: str,
    redirect_uri: str,
    scope: str,
    now: float,
    random: Callable[[int], str] = secrets.token_urlsafe,
) -> tuple[PendingAuthorization, str]:
    """What to keep, and the URL to send the person to.

    PKCE's S256 challenge always goes along: a server that does not know it ignores it (RFC 6749, 3.1).

    Args:
        oauth: the application.
        conn_id: that the tokens will be for.
        redirect_uri: as registered with Livestorm.
        scope: space separated; `scopes.scope_text` makes it.
        now: UTC unix seconds.
        random: text of so many random bytes.
    """
    pending = PendingAuthorization(
        conn_id, redirect_uri, scope, state=random(32), code_verifier=random(48), expires_at=now + LIFE_SECONDS
    )
    url = oauth.authorization_url(
        redirect_uri=redirect_uri, scope=scope, state=pending.state, code_verifier=pending.code_verifier
    )
    return pending, url


def redeem(oauth: OAuthClient, pending: PendingAuthorization, answer: Mapping[str, str], *, now: float) -> Grant:
    """Exchange the code that the person came back with.

    Args:
        oauth: the application that `start` was called with, as it is now.
        pending: what was kept. Use it once: see to that before this.
        answer: the query parameters of the redirect URI.
        now: UTC unix seconds.

    Raises:
        LivestormAuthorizationError: there are no tokens; it says why, and what to do.
    """
    code = _code(pending, answer, now)
    try:
        return oauth.exchange(code, redirect_uri=pending.redirect_uri, code_verifier=pending.code_verifier)
    except GrantRefusedError as error:
        raise LivestormAuthorizationError(_refused(pending, error)) from None
    except LivestormTokenError as error:
        raise LivestormAuthorizationError(
            f"Connection {pending.conn_id!r}: the code could not be exchanged, and it works once. {error} {_AGAIN}"
        ) from None


def _code(pending: PendingAuthorization, answer: Mapping[str, str], now: float) -> str:
    where = f"Connection {pending.conn_id!r}"
    if not hmac.compare_digest(answer.get("state", "").encode(), pending.state.encode()):
        raise LivestormAuthorizationError(
            f"{where}: the answer does not belong to this request (its state is another). {_AGAIN}"
        )
    if now > pending.expires_at:
        raise LivestormAuthorizationError(
            f"{where}: Livestorm's page was open for more than {LIFE_SECONDS / 60:.0f} minutes. {_AGAIN}"
        )
    if error := answer.get("error"):
        raise LivestormAuthorizationError(_denied(pending, error, _words(answer.get("error_description", ""))))
    code = answer.get("code")
    if not code:
        raise LivestormAuthorizationError(f"{where}: Livestorm sent neither a code nor an error. {_AGAIN}")
    return code


def _denied(pending: PendingAuthorization, error: str, words: str) -> str:
    where, said = f"Connection {pending.conn_id!r}", f" ({words})" if words else ""
    if error == "access_denied":
        return f"{where}: access was denied at Livestorm{said}. Nothing was changed."
    if error == "invalid_scope":
        return (
            f"{where}: Livestorm does not let this application ask for {pending.scope!r}{said}. Choose fewer scopes, or"
            " have Livestorm register them for the application."
        )
    return (
        f"{where}: Livestorm refused the request: {_words(error)}{said}. Check the client id, and that"
        f" {pending.redirect_uri} is registered with Livestorm."
    )


def _refused(pending: PendingAuthorization, error: GrantRefusedError) -> str:
    where, said = f"Connection {pending.conn_id!r}", f"{error.error}: {error.description}"
    if error.error == "invalid_grant":
        return f"{where}: Livestorm did not take the code: it has expired, or was used before ({said}). {_AGAIN}"
    if error.error == "invalid_client":
        return (
            f"{where}: Livestorm refused its client id and secret ({said}). Correct the login (client id) and password"
            " (client secret) of the connection, then start again."
        )
    return f"{where}: Livestorm refused to exchange the code ({said}). Check the application's registration with it."


def _words(text: str) -> str:
    """What stood in the URL, fit for one line."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[
        :_LONGEST_WORDS
    ]
