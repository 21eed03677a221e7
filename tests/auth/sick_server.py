"""A server on loopback that does with a connection what no well-behaved one does; each connection is told the same."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

__all__ = ["SickServer", "Talk", "answer", "serving"]


class Talk:
    """One connection, whose request was read."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self._connection = connection
        self._over = over

    def say(self, text: bytes) -> bool:
        """Send it; whether the other end still listens."""
        try:
            self._connection.sendall(text)
        except OSError:
            return False
        return not self._over.is_set()

    def wait(self, seconds: float = 30.0) -> bool:
        """Until the test is over; whether it is not, after so many seconds."""
        return not self._over.wait(seconds)


class SickServer:
    """Where it listens, and how often it was asked."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.requests: list[bytes] = []


@contextlib.contextmanager
def serving(behave: Callable[[Talk], object]) -> Iterator[SickServer]:
    """Listen; `behave` is called for each connection once its request has come, and the connection closed after it."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener, ThreadPoolExecutor(16) as pool:
        server = SickServer(listener)

        def talk(connection: socket.socket) -> None:
            with connection:
                server.requests.append(_request(connection))
                behave(Talk(connection, over))

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                if over.is_set():
                    connection.close()
                    return
                pool.submit(talk, connection)

        pool.submit(accept)
        try:
            yield server
        finally:
            over.set()
            socket.create_connection(listener.getsockname()).close()  # wakes accept()


def answer(status: int, body: bytes = b"", **headers: str) -> Callable[[Talk], object]:
    """Answer so, and close."""
    lines = [f"HTTP/1.1 {status} Answer", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return lambda talk: talk.say("\r\n".join([*lines, "", ""]).encode() + body)


def _request(connection: socket.socket) -> bytes:
    """All of it, so that closing does not reset what was answered."""
    text = b""
    with connection.makefile("rb") as lines:
        for line in lines:
            text += line
            if not line.strip():
                break
        length = next(
            (int(one.split(b":")[1]) for one in text.splitlines() if one.lower().startswith(b"content-len")), 0
        )
        return text + lines.read(length)
