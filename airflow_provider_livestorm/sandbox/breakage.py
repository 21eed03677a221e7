"""Answers that arrive broken, which no well-behaved server can be asked to send."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_livestorm.sandbox.connections import Connections

__all__ = ["NO_ANSWER", "Dripping", "Raw", "Truncated"]


NO_ANSWER = 0  # in place of a status, where the connection is cut before any
_A_SECOND = 20  # parts


class Truncated(Response):
    """Announces the whole body, sends half of it, and closes the connection."""

    def __init__(self, answer: Response) -> None:
        super().__init__(bytes(answer.body), answer.status_code, dict(answer.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        raise ConnectionAbortedError("the sandbox was asked to cut this answer short")


class Dripping(Response):
    """Sends the body in many small parts: no time-out between two bytes helps against it."""

    def __init__(self, answer: Response, seconds: float) -> None:
        super().__init__(bytes(answer.body), answer.status_code, dict(answer.headers))
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = bytes(self.body)
        parts = max(1, min(len(body), int(self._seconds * _A_SECOND)))
        size = -(-len(body) // parts)
        for position in range(0, len(body), size):
            await send({"type": "http.response.body", "body": body[position : position + size], "more_body": True})
            await asyncio.sleep(self._seconds / parts)
        await send({"type": "http.response.body", "body": b""})


class Raw(Response):
    """Writes past the server, to the connection itself: an answer whose length is wrong, or a cut without any."""

    def __init__(self, connections: Connections, request: Request, answer: Response | None) -> None:
        super().__init__(status_code=answer.status_code if answer else NO_ANSWER)
        self._transport = connections.transport(request.client)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write it, and be done with the connection."""
        transport = self._transport
        if transport is None:
            raise ConnectionAbortedError("the connection is gone")
        if self._answer is None:
            transport.abort()
        else:
            body = bytes(self._answer.body)
            kept = [(name, value) for name, value in self._answer.raw_headers if name != b"content-length"]
            lines = [b"HTTP/1.1 %d Answer" % self.status_code, *(name + b": " + value for name, value in kept)]
            transport.write(b"\r\n".join([*lines, b"content-length: %d" % (len(body) // 2), b"", body]))
            transport.close()
        await asyncio.sleep(0)  # so that the server hears of it before it misses an answer
        raise ConnectionAbortedError("the sandbox was asked to break this answer")
