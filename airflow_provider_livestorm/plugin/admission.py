"""The door of the token broker: few callers are let in at a time, one after the other, none before it has said all.

What FastAPI and the broker do for a question is done in the event loop and under the interpreter lock that Airflow's
other routes share, so a crowd queues here, and the pauses between its callers are theirs. A place is held for that
work only, neither while a caller sends nor while it waits for its answer: else two callers that send nothing would
shut out everybody, and refusals, which leave late, would hold up the good ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import math

from fastapi import status
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Admission"]

# Our own client's question is a few hundred bytes, sent at once.
_BODY_BYTES = 16_384
_BODY_SECONDS = 5.0
# Refusals leave at full steps of this after the question came, so that their time does not tell what was looked up.
_REFUSAL_STEP_SECONDS = 0.5


class Admission:
    """Lets callers in, each until its answer is there: the background task that may follow it holds up nobody.

    Args:
        app: what they are let into.
        at_once: so many at a time.
        apart: seconds from one that is let in to the next.
    """

    def __init__(self, app: ASGIApp, *, at_once: int, apart: float = 0.0) -> None:
        self._app = app
        self._places = asyncio.Semaphore(at_once)
        self._apart = apart
        self._opens_at = -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one caller; ASGI's way to be called."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            await _turned_away(408)(scope, receive, send)
            return
        if body is None:
            return
        if len(body) > _BODY_BYTES:
            await _turned_away(413)(scope, receive, send)
            return
        await self._let_in(scope, body, receive, send)

    async def _let_in(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        asked = asyncio.get_running_loop().time()
        question: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def received() -> Message:
            return question.pop() if question else await receive()

        async def sent(message: Message) -> None:
            place.close()
            if message["type"] == "http.response.start" and message["status"] == status.HTTP_401_UNAUTHORIZED:
                await _full_step(asked)
            await send(message)

        with contextlib.ExitStack() as place:
            await self._places.acquire()
            place.callback(self._places.release)
            await self._opened()
            await self._app(scope, received, sent)

    async def _opened(self) -> None:
        now = asyncio.get_running_loop().time()
        opens_at = max(now, self._opens_at)
        self._opens_at = opens_at + self._apart
        await asyncio.sleep(opens_at - now)


async def _body(receive: Receive) -> bytes | None:
    """What the caller sent, or a bit more than it may send; None if it is gone."""
    body = bytearray()
    more = True
    while more and len(body) <= _BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


async def _full_step(asked: float) -> None:
    now = asyncio.get_running_loop().time()
    steps = math.ceil((now - asked) / _REFUSAL_STEP_SECONDS)
    await asyncio.sleep(asked + steps * _REFUSAL_STEP_SECONDS - now)


def _turned_away(code: int) -> JSONResponse:
    body = {"error": "turned_away", "message": "The question did not come in whole."}
    return JSONResponse(body, code, {"Cache-Control": "no-store"})
