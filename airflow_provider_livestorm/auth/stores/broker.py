"""Access tokens from the api-server: how an Airflow 3 task or trigger gets one, as it cannot write a Connection itself.

The other end is `plugin/token_broker.py`. Only the access token crosses; the refresh token stays where it is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
import requests

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from airflow_provider_livestorm.auth.token import TokenSet
from airflow_provider_livestorm.exceptions import (
    LivestormBrokerError,
    LivestormConfigurationError,
    LivestormReconnectRequiredError,
)

__all__ = ["BrokerClient"]

_TIMEOUT = (5.0, 10.0)  # seconds; the broker answers at once, so a slow answer is a sick api-server
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
_HINT = "Is the api-server up, and is [livestorm] broker_url its address as workers reach it?"


class _Granted(msgspec.Struct):
    access_token: str
    generation: int
    expires_in: float | None = None
    lifetime: float | None = None
    scope: str | None = None


class _Problem(msgspec.Struct):
    error: str = ""
    message: str = ""


class BrokerClient:
    """Asks the token broker for the access token of one connection.

    Args:
        conn_id: of the connection.
        client_id: its login; signs the request together with `client_secret`, which is not sent.
        client_secret: its password.
        url: the api-server's address as this process reaches it, path prefix included.
        mask: told every access token before anyone else sees it.
        patience: seconds to wait for a refresh that the broker has under way.
        clock: UTC unix seconds.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        conn_id: str,
        *,
        client_id: str,
        client_secret: str,
        url: str,
        mask: Callable[[str], None],
        patience: float = 120.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conn_id = conn_id
        self._client_id = client_id
        self._client_secret = client_secret
        self._url = f"{url.rstrip('/')}/livestorm/connections/{quote(conn_id, safe='')}/access-token"
        self._mask = mask
        self._patience = patience
        self._clock = clock
        self._sleep = sleep

    def get(self, *, refused: str | None = None) -> TokenSet:
        """A fresh access token.

        Args:
            refused: fingerprint of an access token that the API just refused.

        Raises:
            LivestormReconnectRequiredError: a person must authorize the connection anew.
            LivestormConfigurationError: the connection or the broker's address is wrong.
            LivestormBrokerError: the broker did not answer, or had no token, in time.
        """
        give_up = self._clock() + self._patience
        retries = iter(_RETRY_SECONDS)
        with requests.Session() as session:
            while True:
                try:
                    response = self._ask(session, refused)
                    token, wait = self._read(response), 0.0
                    if token is not None:
                        return token
                    wait = float(response.headers.get("Retry-After-Ms", "250")) / 1000
                    problem = LivestormBrokerError(
                        f"Connection {self._conn_id!r}: its token has been under refresh for {self._patience:.0f} s."
                        " The api-server's log tells why."
                    )
                except LivestormBrokerError as error:
                    problem, wait = error, next(retries, 0.0)
                if not wait or self._clock() + wait > give_up:
                    raise problem
                self._sleep(wait)

    def _ask(self, session: requests.Session, refused: str | None) -> requests.Response:
        body: dict[str, Any] = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": sign_assertion(
                conn_id=self._conn_id, client_id=self._client_id, client_secret=self._client_secret
            ),
            "refused": refused,
        }
        try:
            return session.post(self._url, json=body, timeout=_TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            raise LivestormBrokerError(
                f"Connection {self._conn_id!r}: the token broker at {self._url} gave no answer"
                f" ({type(error).__name__}). {_HINT}"
            ) from None

    def _read(self, response: requests.Response) -> TokenSet | None:
        """The token; None where a refresh is under way."""
        status = response.status_code
        if status == requests.codes.accepted:
            return None
        if status == requests.codes.ok:
            try:
                granted = msgspec.json.decode(response.content, type=_Granted)
            except msgspec.DecodeError:
                raise self._no_broker(status) from None
            self._mask(granted.access_token)
            return TokenSet(
                access_token=granted.access_token,
                # By our own clock: it need not agree with the api-server's.
                expires_at=None if granted.expires_in is None else self._clock() + granted.expires_in,
                generation=granted.generation,
                lifetime=granted.lifetime,
                scope=granted.scope,
            )
        try:
            problem = msgspec.json.decode(response.content, type=_Problem)
        except msgspec.DecodeError:
            problem = _Problem()
        if problem.error == "reconnect_required":
            raise LivestormReconnectRequiredError(problem.message)
        if problem.error == "configuration":
            raise LivestormConfigurationError(problem.message)
        if problem.error == "unauthorized":
            raise LivestormConfigurationError(
                f"Connection {self._conn_id!r}: the token broker did not accept this worker's proof. Worker and"
                " api-server read different versions of the connection, or their clocks differ by over a minute."
            )
        if problem.error == "unavailable":
            raise LivestormBrokerError(problem.message)
        raise self._no_broker(status)

    def _no_broker(self, status: int) -> LivestormBrokerError | LivestormConfigurationError:
        if status >= requests.codes.internal_server_error:
            return LivestormBrokerError(
                f"Connection {self._conn_id!r}: the api-server at {self._url} answered HTTP {status}."
            )
        return LivestormConfigurationError(
            f"Connection {self._conn_id!r}: no token broker at {self._url} (HTTP {status}). Install"
            f" airflow-provider-livestorm on the api-server too. {_HINT}"
        )
