"""Faults on demand: rules that make the next calls fail, or their answers arrive broken."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["Fault", "Faults"]

BODIES = ("html", "truncate", "invalid-json", "record-count-off", "unknown-attribute")


@dataclass
class Fault:
    """One rule.

    Attributes:
        path_prefix: of the calls that it is for.
        times: how many calls it is for.
        status: answer with this HTTP status.
        body: `html` (with a status), or what to do to the true answer.
        delay: seconds to wait first.
        when: `before` the call takes effect, or `after`: the answer is lost though the work was done.
    """

    path_prefix: str
    times: int = 1
    status: int | None = None
    body: str | None = None
    delay: float = 0.0
    when: str = "before"

    def __post_init__(self) -> None:
        if self.body is not None and self.body not in BODIES:
            raise ValueError(f"body is one of {', '.join(BODIES)}; got {self.body!r}")
        if self.when not in ("before", "after"):
            raise ValueError(f"when is before or after; got {self.when!r}")
        if self.status is None and self.body is None and not self.delay:
            raise ValueError("a fault needs a status, a body or a delay")


class Faults:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    async def before(self, request: Request) -> Response | None:
        """The answer that a rule gives in place of the call; None where the call goes through."""
        rule = self._matching(request)
        if rule is None or rule.when == "after" or (rule.status is None and rule.body is not None):
            return None
        await self._apply(rule)
        return _failure(rule) if rule.status is not None else None

    async def after(self, request: Request, answer: Response) -> Response:
        """The true answer, or what a rule makes of it."""
        rule = self._matching(request)
        if rule is None or (rule.status is not None and rule.when == "before"):
            return answer
        await self._apply(rule)
        return _failure(rule) if rule.status is not None else _broken(rule, answer)

    def _matching(self, request: Request) -> Fault | None:
        return next((rule for rule in self.rules if request.url.path.startswith(rule.path_prefix)), None)

    async def _apply(self, rule: Fault) -> None:
        rule.times -= 1
        if rule.times <= 0:
            self.rules.remove(rule)
        await asyncio.sleep(rule.delay)


def _failure(rule: Fault) -> Response:
    assert rule.status is not None  # noqa: S101 - the callers ask first
    if rule.body == "html":
        return HTMLResponse("<html><body><h1>We're sorry, but something went wrong.</h1></body></html>", rule.status)
    headers = {"Retry-After": "1"} if rule.status == 429 else {}  # noqa: PLR2004 - HTTP status
    error = {"title": "Sandbox fault", "detail": "asked for", "code": str(rule.status), "status": "fault"}
    return JSONResponse({"errors": [error]}, rule.status, headers, "application/vnd.api+json")


def _broken(rule: Fault, answer: Response) -> Response:
    body = bytes(answer.body)
    if rule.body == "truncate":
        return _Truncated(body, answer)
    if rule.body == "invalid-json":
        body = body[: len(body) // 2]
    elif rule.body in ("record-count-off", "unknown-attribute"):
        document: dict[str, Any] = json.loads(body)
        if rule.body == "record-count-off":
            document["meta"]["record_count"] += 1
        else:
            for resource in document["data"]:
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
