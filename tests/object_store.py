"""An S3 on this machine: moto's server, which tests can have lose answers or refuse as other makers' S3 do.

It answers one request at a time. A real S3 decides a conditional put at once; moto looks first and puts then.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

__all__ = ["ObjectStore", "serving"]

_Environ = dict[str, Any]
_Answer = tuple[str, list[tuple[str, str]], bytes]


@dataclass
class ObjectStore:
    """The server's WSGI application.

    Attributes:
        url: where it listens.
        fault: of conditional puts: `lost` (one is done, and answered with 500), `dropped` (all are done, and not
            answered), `unnamed` (refused without the name
            of the condition, as MinIO does), `conflict` (409), `unsupported` (501).
        seen: method, path and `If-None-Match` of what was asked.
    """

    url: str = ""
    fault: str = ""
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._one_at_a_time = threading.Lock()

    def __call__(self, environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._one_at_a_time:
            status, headers, body = self._answer(environ)
        start_response(status, headers)
        return [body]

    def _answer(self, environ: _Environ) -> _Answer:
        condition = environ.get("HTTP_IF_NONE_MATCH")
        self.seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], condition))
        fault = self.fault if condition else ""
        if fault == "conflict":
            return _error("409 Conflict", "ConditionalRequestConflict")
        if fault == "unsupported":
            return _error("501 Not Implemented", "NotImplemented")
        answer = self._ask(environ)
        if fault == "lost":
            self.fault = ""
            return _error("500 Internal Server Error", "InternalError")
        if fault == "dropped":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError  # which the server takes for the client's
        if fault == "unnamed" and answer[0].startswith("412"):
            return _error("412 Precondition Failed", "PreconditionFailed")
        return answer

    def _ask(self, environ: _Environ) -> _Answer:
        begun: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
            begun[:] = [status, headers]
            return lambda _: None

        body = b"".join(self._moto(environ, start_response))
        return begun[0], begun[1], body


def _error(status: str, code: str) -> _Answer:
    body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    return status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))], body


@contextlib.contextmanager
def serving() -> Iterator[ObjectStore]:
    """An object store that listens for as long as the block lasts; empty at first, and again at the end."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = ObjectStore()
    server = make_server("127.0.0.1", 0, store, threaded=True)
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        requests.post(f"{store.url}/moto-api/reset", timeout=10).raise_for_status()
        yield store
    finally:
        requests.post(f"{store.url}/moto-api/reset", timeout=10)  # moto's buckets are the process's, not the server's
        server.shutdown()
        thread.join()
        server.server_close()
