"""uvicorn as the sandbox uses it: one process, a listener of our own, and word when it really answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from airflow_provider_livestorm.sandbox.connections import Connections

__all__ = ["listen", "serve"]

_BACKLOG = 512
_LAST_ANSWERS = 1  # seconds for calls in flight at the end; a fault may hold one back for long


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; OSError where there is none to be had.

    It is a TCP socket by name, not by default: only then does asyncio set TCP_NODELAY on what it accepts, without which
    each answer waits 40 ms for the caller's delayed acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(app: ASGIApp, listener: socket.socket, connections: Connections, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once signals are handled and calls are answered."""
    config = uvicorn.Config(
        app,
        http=_counted(connections),
        log_level="critical",
        access_log=False,  # a query string may carry a code or an e-mail address
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises Ctrl-C again when it has shut down
        asyncio.run(_Server(config, ready).serve(sockets=[listener]))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _counted(connections: Connections) -> type[asyncio.Protocol]:
    """The HTTP protocol, which also says when a connection is opened and closed."""

    class Counted(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # a variable, by what is installed
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            connections.made(self.client, transport)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            connections.lost(self.client)

    return Counted
