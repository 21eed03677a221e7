"""Faults on demand: rules that make the next calls fail, or their answers arrive broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["Fault", "Faults"]

_LONGEST_DELAY = 3600  # seconds


@dataclass
class Fault:
    """One rule.

    Attributes:
        path_prefix: of the calls that it is for.
        times: how many calls it is for.
        status: answer with this HTTP status.
        body: `html` (an error page; status 500 unless said), or what to do to the true answer.
        delay: seconds to wait.
        when: `before` the call takes effect, or `after`: the answer is lost though the work was done.
    """

    path_prefix: str
    times: int = 1
    status: int | None = None
    body: Literal["html", "truncate", "invalid-json", "record-count-off", "unknown-attribute"] | None = None
    delay: float = 0.0
    when: Literal["before", "after"] = "before"

    @classmethod
    def read(cls, members: dict[str, Any]) -> Fault:
        """A rule out of a JSON object; ValueError says what is wrong with it."""
        names = [field.name for field in fields(cls)]
        if unknown := members.keys() - set(names):
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}; it has {', '.join(names)}")
        fault = msgspec.convert(members, cls)
        if fault.body == "html" and fault.status is None:
            fault.status = 500
        if fault.status is None and fault.body is None and not fault.delay:
            raise ValueError("a fault needs a status, a body or a delay")
        if fault.status is not None and not 200 <= fault.status <= 599:  # noqa: PLR2004 - HTTP
            raise ValueError(f"status is an HTTP status; got {fault.status}")
        if fault.times < 1 or not 0 <= fault.delay <= _LONGEST_DELAY:
            raise ValueError(f"times is at least 1, delay 0 to {_LONGEST_DELAY} seconds")
        return fault


class Faults:
    """The rules in force; a call meets the oldest one that is for it, and no other."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    async def around(self, request: Request, act: Callable[[], Awaitable[Response]]) -> Response:
        """The true answer of a call, or what a rule makes of it."""
        rule = self._take(request.url.path)
        if rule is None:
            return await act()
        if rule.when == "before":
            await asyncio.sleep(rule.delay)
            if rule.status is not None:
                return _failure(rule, rule.status)
        answer = await act()
        if rule.when == "after":
            await asyncio.sleep(rule.delay)
            if rule.status is not None:
                return _failure(rule, rule.status)
        return _broken(rule, answer)

    def _take(self, path: str) -> Fault | None:
        rule = next((rule for rule in self.rules if path.startswith(rule.path_prefix)), None)
        if rule is not None:
            rule.times -= 1
            if not rule.times:
                self.rules.remove(rule)
        return rule


def _failure(rule: Fault, status: int) -> Response:
    if rule.body == "html":
        return HTMLResponse("<html><body><h1>We're sorry, but something went wrong.</h1></body></html>", status)
    headers = {"Retry-After": "1"} if status == 429 else {}  # noqa: PLR2004 - HTTP status
    error = {"title": "Sandbox fault", "detail": "asked for", "code": str(status), "status": "fault"}
    return JSONResponse({"errors": [error]}, status, headers, "application/vnd.api+json")


def _broken(rule: Fault, answer: Response) -> Response:
    body = bytes(answer.body)
    if rule.body == "truncate":
        return _Truncated(body, answer)
    if rule.body == "invalid-json":
        body = body[: len(body) // 2]
    elif rule.body is not None and answer.status_code == 200 and body:  # noqa: PLR2004 - HTTP status
        document: dict[str, Any] = json.loads(body)
        if rule.body == "record-count-off" and "meta" in document:
            document["meta"]["record_count"] += 1
        elif rule.body == "unknown-attribute" and "data" in document:
            data = document["data"]
            for resource in data if isinstance(data, list) else [data]:
                resource["attributes"]["sandbox_unknown_attribute"] = 1
        body = json.dumps(document).encode()
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(body, answer.status_code, headers)


class _Truncated(Response):
    """Announces the whole body, sends half of it, and closes the connection."""

    def __init__(self, body: bytes, answer: Response) -> None:
        super().__init__(body, answer.status_code, dict(answer.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        body = bytes(self.body)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        raise ConnectionAbortedError("the sandbox was asked to cut this answer short")
