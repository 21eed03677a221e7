"""The neutral server: Livestorm's lists from another hand than the sandbox's, quick enough to measure its clients.

`python server.py` (uvicorn alone, in an environment of its own) prints its URL and serves until its stdin ends. What it
serves is set over `POST /control`: a list of any length that is made as it is asked, or a workspace out of a file. It
counts calls, connections and refusals since then (`GET /control`), waits before each answer, and keeps a limit of calls
a second where it is told to.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from workspace import Workspace, made_list

_EARLY = 0.005  # seconds by which a call may come early: clocks of two processes
_ENDLESS = 1_000_000


class Server:
    """What is served, how, and what came.

    Attributes:
        latency: seconds before each answer.
        per_second: calls in any one second; 0 keeps no limit.
        token_life: seconds of an access token; 0 takes any token.
    """

    def __init__(self) -> None:
        self.workspace: Workspace = made_list(0)
        self.set({})

    def set(self, told: dict[str, Any]) -> None:
        """Begin anew, with counts of 0: `rows` or `workspace` (a file), `latency`, `per_second`, `token_life`.

        `first_token_life` is that of the access token which is there from the beginning, if it is another.
        """
        if "rows" in told:
            self.workspace = made_list(told["rows"])
        elif "workspace" in told:
            self.workspace = Workspace.read(pathlib.Path(told["workspace"]))
        self.latency = float(told.get("latency", 0))
        self.per_second = int(told.get("per_second", 0))
        self.token_life = float(told.get("token_life", 0))
        self.arrivals: deque[float] = deque()
        self.counts: Counter[str] = Counter()
        self.connections: set[tuple[str, int]] = set()
        self.refresh_token, self.refreshes = "refresh-0", 0
        self.began = time.monotonic()
        first_life = float(told.get("first_token_life", self.token_life))
        self.access_tokens: dict[str, float] = {"access-0": self.began + first_life}
        self.answered_with: Counter[str] = Counter()
        self.first_call = self.last_call = 0.0

    def told(self) -> dict[str, Any]:
        """What came since: calls, connections, bytes, 429s, 401s, refreshes, uses of a spent refresh token.

        Where tokens expire, also the calls that were answered with each, and when calls came, in seconds.
        """
        told = {**self.counts, "connections": len(self.connections), "refresh_token": self.refresh_token}
        if self.token_life:
            told |= {"answered_with": self.answered_with, "first_call": self.first_call, "last_call": self.last_call}
        return told

    # --- the API -----

    async def call(self, path: str, query: dict[str, str], authorization: str) -> tuple[int, bytes, dict[str, str]]:
        """Answer one call: status, body, headers."""
        self.last_call = time.monotonic() - self.began
        self.first_call = self.first_call or self.last_call
        self.counts["calls"] += 1
        wait = self._too_many()
        is_good = not self.token_life or self._is_good(authorization)  # judged as the call comes, not as it is answered
        if self.latency:
            await asyncio.sleep(self.latency)
        headers = self._limits()
        if wait is not None:
            self.counts["refused"] += 1
            headers |= {"Retry-After": "1", "RateLimit-Interval-Remaining": "0"}
            return 429, _error("429", "too many requests"), headers
        if not is_good:
            self.counts["unauthorized"] += 1
            told = 'Bearer realm="Doorkeeper", error="invalid_token", error_description="The access token expired"'
            return 401, _error("401", "unauthorized"), {"WWW-Authenticate": told}
        self.answered_with[authorization.removeprefix("Bearer ")] += 1
        status, body = self.workspace.answer(path, query)
        self.counts["bytes"] += len(body)
        return status, body, headers

    async def refresh(self, form: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        """The token endpoint: each refresh token is good for one use."""
        if self.latency:
            await asyncio.sleep(self.latency)
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh_token:
            self.counts["spent_refresh_tokens"] += 1
            body = {"error": "invalid_grant", "error_description": "The provided authorization grant is invalid"}
            return 400, json.dumps(body).encode(), {}
        self.counts["refreshes"] += 1
        self.refreshes += 1
        self.refresh_token = f"refresh-{self.refreshes}"
        access = f"access-{self.refreshes}"
        self.access_tokens[access] = time.monotonic() + self.token_life
        body = {
            "access_token": access, "token_type": "Bearer", "expires_in": int(self.token_life) or 7200,
            "refresh_token": self.refresh_token, "scope": "events:read", "created_at": int(time.time()),
        }  # fmt: skip
        return 200, json.dumps(body).encode(), {"Cache-Control": "no-store"}

    def _is_good(self, authorization: str) -> bool:
        return self.access_tokens.get(authorization.removeprefix("Bearer "), 0.0) > time.monotonic()

    def _too_many(self) -> float | None:
        if not self.per_second:
            return None
        now = time.monotonic()
        while self.arrivals and self.arrivals[0] <= now - 1.0 + _EARLY:
            self.arrivals.popleft()
        if len(self.arrivals) >= self.per_second:
            return self.arrivals[0] + 1.0 - now
        self.arrivals.append(now)
        return None

    def _limits(self) -> dict[str, str]:
        limit = self.per_second or _ENDLESS
        return {
            "RateLimit-Monthly-Limit": str(_ENDLESS),
            "RateLimit-Monthly-Remaining": str(_ENDLESS - self.counts["calls"]),
            "RateLimit-Interval-Limit": str(limit),
            "RateLimit-Interval-Remaining": str(limit - len(self.arrivals)),
        }

    # --- HTTP -----

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """One request (ASGI)."""
        if scope["type"] != "http":
            return
        path, query = scope["path"], dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        body = await _body(receive) if scope["method"] != "GET" else b""
        if path == "/control":
            if body:
                self.set(json.loads(body))
            answer = 200, json.dumps(self.told()).encode(), {}
        else:
            self.connections.add(tuple(scope["client"]))
            if path == "/oauth/token":
                answer = await self.refresh(dict(parse_qsl(body.decode())))
            else:
                authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
                answer = await self.call(path.removeprefix("/v1"), query, authorization.decode())
        status, content, headers = answer
        kind = b"application/json" if path in ("/control", "/oauth/token") else b"application/vnd.api+json"
        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        named += [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": named})
        await send({"type": "http.response.body", "body": content})


async def _body(receive: Callable[..., Any]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _error(code: str, title: str) -> bytes:
    return json.dumps({"errors": [{"title": title, "detail": title, "code": code, "status": title}]}).encode()


def main() -> None:
    """Serve until stdin ends."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    config = uvicorn.Config(
        Server(), log_level="warning", access_log=False, lifespan="off", loop="uvloop", http="httptools",
        timeout_keep_alive=600,
    )  # fmt: skip
    serving = uvicorn.Server(config)

    def until_stdin_ends() -> None:
        sys.stdin.read()
        serving.should_exit = True
        serving.force_exit = True

    threading.Thread(target=until_stdin_ends, daemon=True).start()
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    serving.run(sockets=[listening])


if __name__ == "__main__":
    main()
