"""Faults on demand: rules that make the next calls fail, or their answers arrive broken, surely or by chance."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from airflow_provider_livestorm.sandbox.breakage import Dripping, Raw, Truncated
from airflow_provider_livestorm.sandbox.connections import Connections
from airflow_provider_livestorm.sandbox.errors import ApiError, error_response
from airflow_provider_livestorm.sandbox.limits import Verdict

__all__ = ["Fault", "Faults"]

_LONGEST_DELAY = 3600  # seconds
Body = Literal[
    "html", "truncate", "reset", "invalid-json", "content-length", "drip", "record-count-off", "unknown-attribute",
    "expired-token", "revoked-token", "monthly-limit", "row-leaves", "row-arrives", "any",
]  # fmt: skip
# What `any` draws from: each is something that a client may meet at any call and should live through.
_ANY: tuple[tuple[int | None, Body | None], ...] = (
    (500, "html"), (502, "html"), (503, None), (429, None), (None, "truncate"), (None, "reset"), (None, "invalid-json"),
    (None, "content-length"),
)  # fmt: skip
_STATUSES = {"expired-token": 401, "revoked-token": 401, "monthly-limit": 429}
_REASONS = {"expired-token": "The access token expired", "revoked-token": "The access token was revoked"}


@dataclass
class Fault:
    """One rule.

    Attributes:
        path_prefix: of the calls that it is for.
        times: how many calls it is for; 0 for all.
        status: answer with this HTTP status.
        body: what to answer, or what to do to the true answer. `html`: an error page (500 unless said); `truncate`: the
            connection is cut amid the body; `reset`: before any answer; `invalid-json`: half of the document;
            `content-length`: too low, the rest of the body follows all the same; `drip`: in many small parts, in all
            `delay` seconds; `record-count-off`, `unknown-attribute`: in the true answer; `expired-token`,
            `revoked-token`: a 401; `monthly-limit`: a 429 as if the month were used up (`status` 429 is that of the
            second); `row-leaves`, `row-arrives`: at the list's head, once this page is answered; `any`: one drawn of
            those that a client should live through.
        delay: seconds to wait.
        when: `before` the call takes effect, or `after`: the answer is lost though the work was done.
        chance: 0 to 1, that a call meets the rule; drawn from `seed`.
    """

    path_prefix: str
    times: int = 1
    status: int | None = None
    body: Body | None = None
    delay: float = 0.0
    when: Literal["before", "after"] = "before"
    chance: float = 1.0
    seed: int = 0

    @classmethod
    def read(cls, members: dict[str, Any]) -> Fault:
        """A rule out of a JSON object; ValueError says what is wrong with it."""
        names = [one.name for one in fields(cls)]
        if unknown := members.keys() - set(names):
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}; it has {', '.join(names)}")
        if members.get("body") not in (None, *get_args(Body)):
            raise ValueError(f"body is one of {', '.join(get_args(Body))}; got {members['body']!r}")
        fault = msgspec.convert(members, cls)
        if fault.body == "html" and fault.status is None:
            fault.status = 500
        if fault.status is None and fault.body is None and not fault.delay:
            raise ValueError("a fault needs a status, a body or a delay")
        if fault.status is not None and not 200 <= fault.status <= 599:  # noqa: PLR2004 - HTTP
            raise ValueError(f"status is an HTTP status; got {fault.status}")
        if fault.times < 0 or not 0 <= fault.delay <= _LONGEST_DELAY or not 0 < fault.chance <= 1:
            raise ValueError(f"times is not negative, delay 0 to {_LONGEST_DELAY} seconds, chance above 0, at most 1")
        return fault


class _Rule:
    """A fault in force: what is left of it, and its luck."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.times
        self._rng = random.Random(fault.seed)  # noqa: S311 - made-up faults

    def meets(self, path: str) -> bool:
        """Whether it is for this call; draws."""
        fault = self.fault
        return path.startswith(fault.path_prefix) and (fault.chance >= 1 or self._rng.random() < fault.chance)

    def drawn(self) -> tuple[int | None, Body | None]:
        """Status and body for one call."""
        return self._rng.choice(_ANY) if self.fault.body == "any" else (self.fault.status, self.fault.body)


class Faults:
    """The rules in force; a call meets the oldest one that is for it, and no other.

    Attributes:
        met: calls that met a rule.
    """

    def __init__(
        self, connections: Connections, disturb: Callable[[str, str], None], used_up: Callable[[], dict[str, str]]
    ) -> None:
        self._rules: list[_Rule] = []
        self.met = 0
        self._connections = connections
        self._disturb = disturb
        self._used_up = used_up

    def add(self, fault: Fault) -> None:
        """One more rule."""
        self._rules.append(_Rule(fault))

    def clear(self) -> None:
        """No rules any more."""
        self._rules.clear()

    def told(self) -> list[dict[str, Any]]:
        """The rules in force, with how often each is still met."""
        return [{**asdict(rule.fault), "left": rule.left} for rule in self._rules]

    async def around(
        self, request: Request, act: Callable[[], Awaitable[Response]], take: Callable[[], Verdict]
    ) -> Response:
        """The true answer of a call, or what a rule makes of it; `take` counts one that is not carried out."""
        met = self._take(request.url.path)
        if met is None:
            return await act()
        self.met += 1
        await request.body()  # a call that has arrived is carried out, though the caller goes away meanwhile
        rule, (status, body) = met.fault, met.drawn()
        delay = 0.0 if body == "drip" else rule.delay
        if rule.when == "before":
            await asyncio.sleep(delay)
            if status is not None or body in _STATUSES or body == "reset":
                verdict = take()
                if verdict.refused:
                    return error_response(ApiError(429, "Too many requests", "Rate limit exceeded"), verdict.headers)
                if body == "reset":
                    return Raw(self._connections, request, None)
                return self._failure(status, body, verdict.headers)
        answer = await act()
        if rule.when == "after":
            await asyncio.sleep(delay)
            if status is not None or body in _STATUSES:
                return self._failure(status, body, _limits_of(answer))
        if body in ("row-leaves", "row-arrives") and answer.status_code == 200:  # noqa: PLR2004 - HTTP status
            self._disturb(request.url.path, body)
            return answer
        return self._broken(request, body, answer, rule.delay)

    def _take(self, path: str) -> _Rule | None:
        rule = next((rule for rule in self._rules if rule.meets(path)), None)
        if rule is not None and rule.left:
            rule.left -= 1
            if not rule.left:
                self._rules.remove(rule)
        return rule

    def _failure(self, status: int | None, body: Body | None, headers: dict[str, str]) -> Response:
        status = status or _STATUSES[str(body)]
        if body == "html":
            page = "<html><body><h1>We're sorry, but something went wrong.</h1></body></html>"
            return HTMLResponse(page, status, headers)
        if body in _REASONS:
            challenge = f'Bearer realm="Doorkeeper", error="invalid_token", error_description="{_REASONS[body]}"'
            return error_response(ApiError(status, "", headers={"WWW-Authenticate": challenge}), headers)
        if body == "monthly-limit":
            headers = self._used_up()
        elif status == 429:  # noqa: PLR2004 - HTTP status
            # No header of the month on a 429 (api.md 3).
            headers = {name: value for name, value in headers.items() if "Interval" in name}
            headers |= {"Retry-After": "1"} | ({"RateLimit-Interval-Remaining": "0"} if headers else {})
        return error_response(ApiError(status, "Sandbox fault", "asked for"), headers)

    def _broken(self, request: Request, how: Body | None, answer: Response, seconds: float) -> Response:
        body = bytes(answer.body)
        match how:
            case "truncate":
                return Truncated(answer)
            case "reset":
                return Raw(self._connections, request, None)
            case "content-length":
                return Raw(self._connections, request, answer)
            case "drip":
                return Dripping(answer, seconds)
            case "invalid-json":
                body = body[: len(body) // 2]
            case "record-count-off" | "unknown-attribute" if answer.status_code == 200 and body:  # noqa: PLR2004 - HTTP
                body = _altered(json.loads(body), how)
            case _:
                return answer
        return Response(body, answer.status_code, _without_length(answer))


def _altered(document: dict[str, Any], how: Body | None) -> bytes:
    if how == "record-count-off" and "meta" in document:
        document["meta"]["record_count"] += 1
    elif how == "unknown-attribute" and "data" in document:
        data = document["data"]
        for resource in data if isinstance(data, list) else [data]:
            resource["attributes"]["sandbox_unknown_attribute"] = 1
    return json.dumps(document).encode()


def _limits_of(answer: Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("ratelimit-")}


def _without_length(answer: Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "content-length"}
