"""A deadline for whole HTTP calls: requests' own time-outs start anew with each byte, so a server that drips has none.

For the token endpoint, whose answer must have come before the lease over the refresh token ends, and for the broker's
client, whose caller must not hang.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

__all__ = ["limit_call"]


@contextlib.contextmanager
def limit_call(session: requests.Session, seconds: float) -> Iterator[None]:
    """Cut the connections of a session when a call has not ended after so many seconds.

    The call then fails as if the server had closed the connection, with a `requests.RequestException`. Connections that
    were not cut are kept for the session's next call.

    Before there is a connection nothing can be cut: to resolve a name takes as long as the system's resolver does, and
    each address that does not answer takes the time-out of a connection. So a call may last longer; but it never asks
    anything once it is late.
    """
    adapter = session.get_adapter("https://")
    if not isinstance(adapter, _CuttableAdapter) or adapter.late:
        adapter.close()
        adapter = _CuttableAdapter()
        session.mount("https://", adapter)
        session.mount("http://", adapter)
    timer = threading.Timer(seconds, adapter.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a cut that has begun must not reach into the next call
    if adapter.late:  # an answer without a length looks complete where it was cut
        raise requests.exceptions.ReadTimeout(f"The call took longer than {seconds} s.")


class _CuttableAdapter(HTTPAdapter):
    """Knows its sockets, so that they can be cut from another thread.

    Not its connections: one lets go of its socket once an answer begins that ends with it ("Connection: close").
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self.late = False
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        self._watch(manager)
        return manager

    def cut(self) -> None:
        self.late = True
        for opened in self._sockets:
            _shut(opened)

    def _watch(self, manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = {
            "http": _watching(HTTPConnectionPool, self), "https": _watching(HTTPSConnectionPool, self),
        }  # fmt: skip

    def opened(self, one: socket.socket) -> None:
        self._sockets = [known for known in self._sockets if known.fileno() >= 0] + [one]
        if self.late:
            _shut(one)


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


def _watching(pool: type[HTTPConnectionPool], adapter: _CuttableAdapter) -> Any:
    class Connection(pool.ConnectionCls):  # type: ignore[misc, name-defined] # a variable, by scheme
        def _new_conn(self) -> socket.socket:
            opened: socket.socket = super()._new_conn()
            # TLS takes the socket over, handle and all; by a handle of its own it can be cut until that is done.
            self._early.append(opened.dup())
            adapter.opened(self._early[-1])
            return opened

        def connect(self) -> None:
            self._early: list[socket.socket] = []
            try:
                super().connect()
            finally:
                for early in self._early:
                    early.close()
            if self.sock is not None:
                adapter.opened(self.sock)

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})
