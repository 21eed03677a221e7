"""Counts the connections that carried calls, so that a test can see whether a client keeps one open.

The controls' own connections (`/_sandbox`) are left out: whoever looks at the counter must not move it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["ConnectionMiddleware", "Connections"]

Address = tuple[str, int]


class Connections:
    """The connections in use, by the caller's address and port, and how many there were.

    Attributes:
        opened: connections that carried at least one call since the counters were reset.
    """

    def __init__(self) -> None:
        self.opened = 0
        self._open: set[Address] = set()
        self._transports: dict[Address, asyncio.Transport] = {}

    def made(self, client: Address | None, transport: asyncio.Transport) -> None:
        """A connection was opened."""
        if client is not None:
            self._transports[client] = transport

    def transport(self, client: Iterable[Any] | None) -> asyncio.Transport | None:
        """The connection itself, for what no server would send."""
        return self._transports.get(tuple(client)) if client is not None else None

    def carried(self, client: Address) -> None:
        """A call came over this connection."""
        if client not in self._open:
            self._open.add(client)
            self.opened += 1

    def clear(self) -> None:
        """Begin at nought; a connection that is open already counts again with its next call."""
        self.opened = 0
        self._open.clear()

    def lost(self, client: Address | None) -> None:
        """It was closed: the next one from the same port is another."""
        if client is not None:
            self._open.discard(client)
            self._transports.pop(client, None)


class ConnectionMiddleware:
    """Reports each call's connection."""

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http" and scope["client"] and not scope["path"].startswith("/_sandbox"):
            self._connections.carried(tuple(scope["client"]))
        await self._app(scope, receive, send)
