"""The wire's small rules: which URL may be trusted with a secret, how the credential travels, how a query is written.

Called by the client, and by the OAuth room and the hook for their URLs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.auth

from airflow_provider_livestorm.exceptions import LivestormConfigurationError

__all__ = ["Authorization", "encode_query", "require_secure_url", "transport_reason"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Authorization(requests.auth.AuthBase):
    """Sets the header itself: requests would otherwise let a .netrc entry of the host replace it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Called by requests as it prepares the call."""
        request.headers["Authorization"] = self._value
        return request


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
