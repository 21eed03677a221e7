"""Listens on loopback for the one request with which a browser comes back from Livestorm (RFC 8252, 7.3)."""

from __future__ import annotations

import contextlib
import hmac
import html
import http.client
import http.server
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit

from airflow_provider_livestorm.exceptions import LivestormAuthorizationError, LivestormConfigurationError
from airflow_provider_livestorm.hooks.account import Outcome

__all__ = ["Loopback", "is_loopback", "listening"]

_HOSTS = ("127.0.0.1", "localhost")
_START = "/start"
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Connection": "close",
}


def is_loopback(redirect_uri: str) -> bool:
    """Whether it is http on this machine, where a command can listen."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in _HOSTS


@contextlib.contextmanager
def listening(redirect_uri: str) -> Iterator[Loopback]:
    """Listen at a redirect URI until the end.

    Raises:
        LivestormConfigurationError: nobody can listen there.
    """
    parts = urlsplit(redirect_uri)
    try:
        server = Loopback(parts)
    except OSError as error:
        raise LivestormConfigurationError(
            f"Cannot listen at {redirect_uri} ({error.strerror or error}); end what listens there, or use --paste."
        ) from None
    with server:
        yield server


class Loopback(http.server.HTTPServer):
    """The listener."""

    def __init__(self, redirect_uri: SplitResult) -> None:
        super().__init__(("127.0.0.1", redirect_uri.port or http.client.HTTP_PORT), _Handler)
        self._path = redirect_uri.path or "/"
        self._names = {f"{host}:{self.server_port}" for host in _HOSTS}
        if self.server_port == http.client.HTTP_PORT:  # which a browser does not name
            self._names |= set(_HOSTS)
        self._target: str | None = None
        self._expected = ""
        self._finish: Callable[[Mapping[str, str]], Outcome] | None = None
        self._ended: Outcome | Exception | None = None

    def offer(self, url: str) -> str:
        """Where a browser is sent on to `url` from, once: in its own command line that one would show the state to all.

        Unless this is called nobody is sent on, so that the URL is known to the terminal alone.
        """
        self._target = url
        return f"http://127.0.0.1:{self.server_port}{_START}"

    def wait(
        self,
        state: str,
        finish: Callable[[Mapping[str, str]], Outcome],
        *,
        timeout: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Outcome:
        """Serve until somebody comes back with the state.

        Args:
            state: that was sent along; whoever comes with another one is turned away.
            finish: exchanges and stores; the browser is answered after it.
            timeout: seconds in all.
            monotonic: seconds that never go back.

        Raises:
            LivestormAuthorizationError: nobody came in time.
            Exception: whatever `finish` raised.
        """
        self._expected, self._finish = state, finish
        give_up = monotonic() + timeout
        while self._ended is None:
            self.timeout = give_up - monotonic()
            if self.timeout <= 0:
                raise LivestormAuthorizationError(
                    f"Nobody came back from Livestorm in {timeout:.0f} s; nothing was stored. Start again."
                )
            self.handle_request()
        if isinstance(self._ended, Exception):
            raise self._ended
        return self._ended

    def answer(self, host: str, target: str) -> tuple[int, dict[str, str], str]:
        """Status, more headers and text for one request."""
        if host not in self._names:  # a name of somebody else's that points here (DNS rebinding)
            return 403, {}, "This is not your page."
        parts = urlsplit(target)
        came = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path != self._path or "state" not in came:  # the redirect URI may have the path that we send on from
            if parts.path == _START and self._target is not None:
                url, self._target = self._target, None
                return 302, {"Location": url}, "To Livestorm."
            return 404, {}, "There is nothing here."
        if not hmac.compare_digest(came["state"].encode(), self._expected.encode()) or self._finish is None:
            return 400, {}, "This is not the request that the command line waits for. Nothing was stored."
        try:
            self._ended = outcome = self._finish(came)
        except Exception as error:  # noqa: BLE001 - `wait` raises it: a server would drop it, and wait on
            self._ended = error
            return 500, {}, "It failed; the command line says why. You may close this page."
        return (200 if outcome.ok else 400), {}, f"{outcome.message} You may close this page."

    def get_request(self) -> tuple[object, object]:  # type: ignore[override]
        """A browser that connects and says nothing holds nobody up."""
        connection, address = super().get_request()
        connection.settimeout(5.0)
        return connection, address

    def handle_error(self, *_: object) -> None:
        """A connection that broke, as browsers make them to be ready."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Loopback

    def do_GET(self) -> None:
        code, headers, text = self.server.answer(self.headers.get("Host", ""), self.path)
        body = f'<!doctype html><html lang="en"><title>Livestorm</title><p>{html.escape(text)}</p></html>'.encode()
        self.send_response(code)
        for name, value in {**_HEADERS, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the URL holds a code."""
