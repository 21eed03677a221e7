"""Calls to signed URLs, which are their own credential: no token of ours goes along, and they go into no log or error.

Called by `download.py` alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import requests

from airflow_provider_livestorm.api.pacing import read_retry_after
from airflow_provider_livestorm.api.transport import require_secure_url, transport_reason
from airflow_provider_livestorm.exceptions import (
    LivestormApiError,
    LivestormConfigurationError,
    LivestormConnectionError,
    LivestormResponseError,
    LivestormServerError,
)

__all__ = ["SignedUrls"]

_REDIRECTS_MAX = 5


class SignedUrls:
    """Opens signed URLs, over connections that it keeps.

    Args:
        timeout: seconds to connect and to wait between two bytes.
        clock: UTC unix seconds.
    """

    def __init__(self, *, timeout: tuple[float, float], clock: Callable[[], float] = time.time) -> None:
        self._timeout = timeout
        self._clock = clock
        self._session = _NoRedirects()
        # Ranges and sizes are of the file's own bytes: it must not come compressed.
        self._session.headers.update({"Accept-Encoding": "identity", "User-Agent": "airflow-provider-livestorm"})
        for name in ("urllib3.connection", "urllib3.connectionpool"):
            logging.getLogger(name).addFilter(_silence)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._session.close()

    def open(self, name: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        """GET it; the answer has its body still to come, is 200, 206 or 416, and stands at the end of all redirects.

        Args:
            name: of what is there, for errors.
            url: https, or http on loopback; so must be what it redirects to.
            headers: as `Range`.

        Raises:
            LivestormApiError: the storage refuses, or sends us from place to place.
            LivestormServerError: it is out of order.
            LivestormConnectionError: no answer came.
            LivestormResponseError: a URL is neither https nor loopback.
        """
        for _ in range(_REDIRECTS_MAX + 1):
            response = self._send(name, url, headers)
            if not response.is_redirect:
                break
            response.close()
            url = _joined(url, response.headers["Location"])
        status = response.status_code
        if status in (200, 206, 416):
            return response
        response.close()
        # Not with the body: object stores repeat in it what was signed.
        said = f"{name}: the storage {urlsplit(response.url).hostname} answered HTTP {status}"
        if response.is_redirect:
            raise LivestormApiError(f"{said}, a redirect after {_REDIRECTS_MAX} others.", status=status)
        if status == requests.codes.too_many_requests or status >= requests.codes.internal_server_error:
            raise LivestormServerError(
                f"{said}: it is out of order or overrun. Try again later.",
                status=status,
                retry_after=read_retry_after(response.headers, now=self._clock()) or 0.0,
            )
        raise LivestormApiError(
            f"{said} to the signed URL. See in Livestorm whether the recording plays, and that no proxy on the way"
            " changes URLs.",
            status=status,
        )

    def _send(self, name: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        if not _is_secure(url):
            raise LivestormResponseError(
                f"{name}: its URL, or where that redirects to, is not https. Nothing is fetched from there."
            )
        try:
            with _silence.kept():
                return self._session.get(
                    url,
                    headers=headers,
                    auth=_no_authorization,
                    timeout=self._timeout,
                    stream=True,
                    allow_redirects=False,
                )
        except OSError as error:
            reason = transport_reason(error)
        # Out here, so that this error has no context, which would hold the URL.
        raise LivestormConnectionError(f"{name}: no answer from the storage {urlsplit(url).hostname} ({reason}).")


class _NoRedirects(requests.Session):
    """Leaves redirects to us: requests would follow them anywhere, and look into .netrc at each.

    Told not to, it still looks where they lead, for which it reads all of their body and may stumble over the address.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


def _joined(url: str, location: str) -> str:
    """Where a redirect leads; nowhere, if that is no address."""
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _is_secure(url: str) -> bool:
    try:
        require_secure_url(url, what="URL")
    except LivestormConfigurationError:  # not passed on: it repeats the URL
        return False
    return True


def _no_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stands where requests would put what .netrc holds for the host."""
    request.headers.pop("Authorization", None)
    return request


class _Silence(logging.Filter):
    """Keeps urllib3 from telling where a call goes: it logs whole URLs at DEBUG, and of broken headers at any level."""

    def __init__(self) -> None:
        super().__init__()
        self._here = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may be logged."""
        return not getattr(self._here, "kept", False)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Of calls that this thread makes meanwhile."""
        self._here.kept = True
        try:
            yield
        finally:
            self._here.kept = False


_silence = _Silence()
