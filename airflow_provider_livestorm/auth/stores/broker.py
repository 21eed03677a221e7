"""Access tokens from the api-server: how an Airflow 3 task or trigger gets one, as it cannot write a Connection itself.

The other end is `plugin/token_broker.py`. Only the access token crosses; the refresh token stays where it is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import msgspec
import requests

from airflow_provider_livestorm.api.transport import transport_reason
from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from airflow_provider_livestorm.auth.deadline import limit_call
from airflow_provider_livestorm.auth.token import TokenSet
from airflow_provider_livestorm.exceptions import (
    LivestormBrokerError,
    LivestormConfigurationError,
    LivestormReconnectRequiredError,
)

__all__ = ["BrokerClient"]

# Seconds to connect, and between two bytes; so long, and no longer, a call may last once it is connected (deadline.py).
# The broker answers at once, so a slow answer is a sick api-server.
_TIMEOUT = (5.0, 10.0)
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0)  # in all, longer than an api-server takes to restart
_COME_BACK_SECONDS = (0.1, 5.0)  # whatever an answer asks for, we come back no sooner and no later
_ANSWER_BYTES = 65_536  # at most; the broker's own is a hundredth of it
_TOO_BUSY = (requests.codes.request_timeout, requests.codes.too_many_requests)  # of a proxy before the api-server
_ADDRESS = "[livestorm] broker_url is the api-server's address as workers reach it"


class _Granted(msgspec.Struct):
    access_token: str
    generation: int
    expires_in: float | None = None
    lifetime: float | None = None
    scope: str | None = None


class _Refreshing(msgspec.Struct):
    status: Literal["refreshing"]


class _Problem(msgspec.Struct):
    error: str = ""
    message: str = ""


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes  # empty where it was longer than ours can be


# Made at import: threads that made them at once would crash (auth/token.py).
_refreshing_decoder = msgspec.json.Decoder(_Refreshing)
_granted_decoder = msgspec.json.Decoder(_Granted)
_problem_decoder = msgspec.json.Decoder(_Problem)


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
                    answer = self._ask(session, refused)
                    token, wait = self._read(answer), 0.0
                    if token is not None:
                        return token
                    wait = _come_back(answer.headers)
                    problem = LivestormBrokerError(
                        f"Connection {self._conn_id!r}: the token broker at {self._url} has had its token under refresh"
                        f" for {self._patience:.0f} s; see the api-server's log for why, and try again."
                    )
                except LivestormBrokerError as error:
                    problem, wait = error, next(retries, 0.0)
                if not wait or self._clock() + wait > give_up:
                    raise problem
                self._sleep(wait)

    def _ask(self, session: requests.Session, refused: str | None) -> _Answer:
        body: dict[str, Any] = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": sign_assertion(
                conn_id=self._conn_id, client_id=self._client_id, client_secret=self._client_secret
            ),
            "refused": refused,
        }
        try:
            with (
                limit_call(session, sum(_TIMEOUT)),
                session.post(self._url, json=body, timeout=_TIMEOUT, allow_redirects=False, stream=True) as response,
            ):
                return _Answer(response.status_code, response.headers, _content(response))
        except _NO_ADDRESS:
            raise LivestormConfigurationError(
                f"Connection {self._conn_id!r}: the token broker cannot be asked at {self._url!r}, which is no http"
                f" address; {_ADDRESS}."
            ) from None
        except OSError as error:  # as every error of requests is, and what it raises where certificates are not there
            raise LivestormBrokerError(
                f"Connection {self._conn_id!r}: the token broker at {self._url} gave no answer"
                f" ({transport_reason(error)}); see that the api-server is up and that {_ADDRESS}, then try again."
            ) from None

    def _read(self, answer: _Answer) -> TokenSet | None:
        """The token; None where a refresh is under way."""
        status = answer.status
        try:
            if status == requests.codes.accepted:
                _refreshing_decoder.decode(answer.body)
                return None
            if status == requests.codes.ok:
                granted = _granted_decoder.decode(answer.body)
                self._mask(granted.access_token)
                return TokenSet(
                    access_token=granted.access_token,
                    # By our own clock: it need not agree with the api-server's.
                    expires_at=None if granted.expires_in is None else self._clock() + granted.expires_in,
                    generation=granted.generation,
                    lifetime=granted.lifetime,
                    scope=granted.scope,
                )
            problem = _problem_decoder.decode(answer.body)
        except msgspec.DecodeError:
            raise self._no_broker(status) from None
        if problem.error == "reconnect_required":
            raise LivestormReconnectRequiredError(problem.message)
        if problem.error == "configuration":
            raise LivestormConfigurationError(problem.message)
        if problem.error == "unauthorized":
            raise LivestormConfigurationError(
                f"Connection {self._conn_id!r}: the token broker at {self._url} did not accept this worker's proof; see"
                " that worker and api-server read the same login and password for it, and that their clocks differ by"
                " less than half a minute."
            )
        if problem.error == "unavailable":
            raise LivestormBrokerError(problem.message)
        raise self._no_broker(status)

    def _no_broker(self, status: int) -> LivestormBrokerError | LivestormConfigurationError:
        if status >= requests.codes.internal_server_error or status in _TOO_BUSY:
            return LivestormBrokerError(
                f"Connection {self._conn_id!r}: the api-server at {self._url}, or a proxy before it, answered HTTP"
                f" {status}; see its log for why, and try again."
            )
        return LivestormConfigurationError(
            f"Connection {self._conn_id!r}: there is no token broker at {self._url} (HTTP {status}); install"
            f" airflow-provider-livestorm on the api-server too, let it run its core app, and see that {_ADDRESS}."
        )


# What requests raises for an address that it cannot ask at all.
_NO_ADDRESS = (
    requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL,
)  # fmt: skip


def _come_back(headers: Mapping[str, str]) -> float:
    """Seconds after which the broker wants to be asked again."""
    soonest, latest = _COME_BACK_SECONDS
    try:
        return min(latest, max(soonest, float(headers["Retry-After-Ms"]) / 1000))  # not a number: the soonest
    except (KeyError, ValueError):
        return latest


def _content(response: requests.Response) -> bytes:
    body = bytearray()
    for part in response.iter_content(8192):
        body += part
        if len(body) > _ANSWER_BYTES:
            return b""
    return bytes(body)
