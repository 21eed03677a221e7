"""The wire: which URL may be trusted with a secret, how the credential travels, how a query is written and a call sent.

Called by the client, and by the OAuth room and the hook for their URLs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import requests.auth

from airflow_provider_livestorm.exceptions import LivestormConfigurationError

__all__ = ["Authorization", "Reply", "Transport", "encode_query", "require_secure_url", "transport_reason"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PIECE = 1 << 20  # bytes of an answer that are read at once; requests' own 10 KiB cost a tenth of the call


class Authorization(requests.auth.AuthBase):
    """Sets the header itself: requests would otherwise let a .netrc entry of the host replace it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Called by requests as it prepares the call."""
        request.headers["Authorization"] = self._value
        return request


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that was read whole."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_redirect(self) -> bool:
        """Whether it sends elsewhere; it is not followed."""
        return 300 <= self.status_code < 400 and "Location" in self.headers  # noqa: PLR2004 - HTTP redirections


class Transport:
    """Sends calls over the kept-alive connections of a `requests.Session`.

    What a session works out for each call anew - proxies and certificates of the environment, cookies, a .netrc - is
    worked out once, or not at all: it took half of a call's time.

    Args:
        base_url: in front of every path.
        headers: of every call.
        timeout: seconds to connect and to wait between two bytes.

    Raises:
        LivestormConfigurationError: `base_url` is none.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], timeout: tuple[float, float]) -> None:
        self._timeout = timeout
        self._session = requests.Session()
        self._session.headers.update(headers)
        try:
            self._blank = self._session.prepare_request(requests.Request("GET", base_url, auth=Authorization("")))
        except requests.RequestException as error:
            raise LivestormConfigurationError(f"The API URL {base_url!r} is no URL: {error}") from None
        self._base_url = str(self._blank.url).rstrip("/")
        self._environment: dict[str, Any] | None = None

    def send(self, method: str, path: str, query: Mapping[str, str], body: bytes | None, authorization: str) -> Reply:
        """Send one call and read its answer whole; redirects are not followed: a token goes to no other host.

        Raises:
            requests.RequestException: no complete answer came.
            OSError: what is needed to begin, such as a file of certificates, is not there.
        """
        call = self._blank.copy()
        url = requests.utils.requote_uri(self._base_url + path)
        joined = "&" if "?" in url else "?"
        call.method, call.url = method, f"{url}{joined}{urlencode(query)}" if query else url
        call.headers["Authorization"] = authorization
        if body is not None:
            call.body = body
            call.headers.update({"Content-Type": "application/vnd.api+json", "Content-Length": str(len(body))})
        elif method != "GET":
            call.headers["Content-Length"] = "0"
        if self._environment is None:
            self._environment = dict(self._session.merge_environment_settings(url, {}, None, None, None))
        with self._session.send(
            call, timeout=self._timeout, allow_redirects=False, **{**self._environment, "stream": True}
        ) as response:
            return Reply(response.status_code, response.headers, b"".join(response.iter_content(_PIECE)))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def require_secure_url(url: object, *, what: str) -> str:
    """`url` itself if a secret may be sent to it: https, or http on loopback.

    Raises:
        LivestormConfigurationError: it is neither, or is no URL.
    """
    try:
        if not isinstance(url, str):  # a connection's extra may hold anything
            raise TypeError
        parts = urlsplit(url)
        _ = parts.port  # is looked at only when it is asked for
    except (TypeError, ValueError):  # whose words may hold a password
        raise LivestormConfigurationError(f"The {what} is no URL.") from None
    if parts.username or parts.password:
        raise LivestormConfigurationError(f"The {what} must not hold a user or a password.")
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        return url
    raise LivestormConfigurationError(
        f"The {what} must be https (http only for localhost, 127.0.0.1 or [::1]); got {url!r}."
    )


def encode_query(params: Mapping[str, Any] | None) -> dict[str, str]:
    """Query parameters as Livestorm reads them: booleans in lower case, lists comma-joined, None left out."""

    def text(value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list | tuple):
            return ",".join(str(entry) for entry in value)
        return str(value)

    return {name: text(value) for name, value in (params or {}).items() if value is not None}


def transport_reason(error: OSError) -> str:
    """The innermost cause in words, without the URL: a query may hold an e-mail address."""
    if not isinstance(error, requests.RequestException):  # a file that it needs to begin, as of certificates, and lacks
        return str(error)
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(error).__name__}: {getattr(cause, 'strerror', None) or type(cause).__name__}"
