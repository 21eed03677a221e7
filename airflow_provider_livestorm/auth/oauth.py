"""The OAuth 2.0 protocol with Livestorm's Doorkeeper server: authorize URL, code exchange, refresh, revoke.

Authlib speaks the protocol; this room adds time-outs, refuses redirects (a client secret is never carried to another
host) and sorts failures into those that a retry can help and those that need a person. It keeps nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from airflow_provider_livestorm.api.transport import require_secure_url, transport_reason
from airflow_provider_livestorm.auth.answers import GrantRefusedError, TokenEndpointBusyError, read_grant
from airflow_provider_livestorm.auth.deadline import limit_call
from airflow_provider_livestorm.auth.token import Grant
from airflow_provider_livestorm.exceptions import LivestormTokenError

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

__all__ = ["AUTHORIZE_URL", "TOKEN_URL", "GrantRefusedError", "OAuthClient", "TokenEndpointBusyError"]

AUTHORIZE_URL = "https://app.livestorm.co/oauth/authorize"  # api.md 1.2
TOKEN_URL = "https://app.livestorm.co/oauth/token"  # noqa: S105 - an address
# Both together stay under the lease (auth.lease): whoever lost the lease must not be still redeeming. So long, and no
# longer, a call may last once it is connected, and later than that it asks nothing (deadline.py).
TIMEOUT = (5.0, 10.0)  # seconds to connect, and between two bytes


@dataclass(frozen=True)
class OAuthClient:
    """An OAuth application as Livestorm registered it.

    Args:
        client_id: public.
        client_secret: sent in the body of token requests, and nowhere else.
        token_url: https or loopback; likewise `authorize_url`.
        sleep: waits that many seconds; between tries.
        monotonic: seconds, for the deadline.

    Raises:
        LivestormConfigurationError: a URL is neither https nor loopback.
    """

    client_id: str
    client_secret: str = field(repr=False)
    token_url: str = TOKEN_URL
    authorize_url: str = AUTHORIZE_URL
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        require_secure_url(self.token_url, what="token URL")
        require_secure_url(self.authorize_url, what="authorize URL")

    def authorization_url(self, *, redirect_uri: str, scope: str, state: str, code_verifier: str | None = None) -> str:
        """Where to send a person so that they agree.

        Args:
            redirect_uri: exactly as registered with Livestorm.
            scope: space separated: `identity:read events:read`.
            state: random, single-use; comes back with the answer.
            code_verifier: PKCE (RFC 7636); its S256 challenge goes into the URL.
        """
        with self._session(redirect_uri=redirect_uri, scope=scope) as session:
            url, _ = session.create_authorization_url(self.authorize_url, state=state, code_verifier=code_verifier)
        return str(url)

    def exchange(self, code: str, *, redirect_uri: str, code_verifier: str | None = None) -> Grant:
        """Exchange an authorization code; parameters as in `authorization_url`.

        Raises:
            GrantRefusedError: the code is wrong, spent or expired, or the client is unknown.
            LivestormTokenError: no usable answer came. A code is single-use, so this is not tried again.
        """
        with self._session(redirect_uri=redirect_uri) as session:
            return self._ask(
                session,
                lambda: session.fetch_token(
                    self.token_url,
                    code=code,
                    **({"code_verifier": code_verifier} if code_verifier else {}),
                    timeout=TIMEOUT,
                    allow_redirects=False,
                ),
                sent=(code, code_verifier or "", self.client_secret),
            )

    def refresh(self, refresh_token: str, *, within: float) -> Grant:
        """Redeem a refresh token; call it under a lease only.

        After an answer that leaves open what happened (time-out, 5xx) the same token is sent again: if the server had
        spent it, it is lost either way, and if it keeps old tokens for a while, this saves the connection.

        Args:
            refresh_token: spent by this.
            within: seconds in which the last try must have begun and ended.

        Raises:
            GrantRefusedError: the token or the client was refused.
            LivestormTokenError: no usable answer came in time.
        """
        give_up = self.monotonic() + within
        pause = 0.5
        while True:
            try:
                with self._session() as session:
                    return self._ask(
                        session,
                        lambda: session.refresh_token(
                            self.token_url, refresh_token=refresh_token, timeout=TIMEOUT, allow_redirects=False
                        ),
                        sent=(refresh_token, self.client_secret),
                    )
            except LivestormTokenError as error:
                asked_for = error.retry_after if isinstance(error, TokenEndpointBusyError) else 0.0
                wait = max(pause, asked_for)
                if not error.retryable or self.monotonic() + wait + sum(TIMEOUT) > give_up:
                    raise
            self.sleep(wait)
            pause *= 2

    def revoke(self, token: str) -> None:
        """Revoke a token (RFC 7009). Livestorm does not document the endpoint; Doorkeeper has it beside the token URL.

        Raises:
            LivestormTokenError: the server did not say that it did.
        """
        with self._session() as session:
            try:
                with limit_call(session, sum(TIMEOUT)):
                    response = session.revoke_token(  # type: ignore[no-untyped-call]  # untyped in its stubs
                        self.token_url.removesuffix("/token") + "/revoke",
                        token=token,
                        timeout=TIMEOUT,
                        allow_redirects=False,
                    )
            except OSError as error:
                raise LivestormTokenError(
                    f"Livestorm could not be reached to revoke ({transport_reason(error)})."
                ) from None
        if not 200 <= response.status_code < 300:  # noqa: PLR2004 - HTTP success
            raise LivestormTokenError(f"Livestorm did not revoke the token: HTTP {response.status_code}.")

    def _session(self, **settings: Any) -> OAuth2Session:
        from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415 - 0.4 s, wanted at a refresh only

        session = OAuth2Session(
            self.client_id,
            self.client_secret,
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - api.md 1.2: sure
            revocation_endpoint_auth_method="client_secret_post",
            code_challenge_method="S256",
            **settings,
        )
        session.headers["Accept"] = "application/json"
        return session

    @staticmethod
    def _ask(session: OAuth2Session, call: Callable[[], dict[str, Any]], *, sent: Collection[str]) -> Grant:
        """Ask for a pair, and read the answer before Authlib does.

        What was granted is spent at the server, and must not be lost because a member beside it is odd.
        """
        granted: list[Grant] = []

        def read(response: requests.Response) -> requests.Response:
            granted.append(read_grant(response, sent))
            return response

        session.register_compliance_hook("access_token_response", read)
        session.register_compliance_hook("refresh_token_response", read)
        try:
            with limit_call(session, sum(TIMEOUT)):
                call()
        except OSError as error:  # as every error of requests is, and what it raises where certificates are not there
            if not granted:
                raise LivestormTokenError(
                    f"Livestorm's token endpoint gave no complete answer ({transport_reason(error)}); try again later."
                ) from None
        except Exception:
            if not granted:
                raise
        return granted[0]
