"""The broker's door: a crowd queues there, and nobody who is slow, refused or served holds a place of it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_livestorm.plugin import admission
from airflow_provider_livestorm.plugin.token_broker import _APART_SECONDS, create_app

QUESTION = json.dumps({"client_assertion_type": "type", "client_assertion": "proof"}).encode()
SOON = 5.0  # seconds, for a machine that is busy with other things; those who are waited for wait far longer
AT_ONCE = 2


class Broker:
    """Answers what the test wants, by the connection's id."""

    callers = None  # nobody reports calls here

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, Callable[[], JSONResponse]] = {}

    def answer(self, conn_id: str, request: Any) -> JSONResponse:
        assert request.client_assertion == "proof"
        self.asked.append(conn_id)
        return self.answers.get(conn_id, lambda: JSONResponse({}))()


class Inside:
    """Counts who is between the door and the end of its answer, where FastAPI works, and notes when they came."""

    now = most = 0
    came: list[float]

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        Inside.now += 1
        Inside.came.append(asyncio.get_running_loop().time())
        Inside.most = max(Inside.most, Inside.now)
        try:
            await self._app(scope, receive, send)
        finally:
            Inside.now -= 1


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def app(broker: Broker) -> FastAPI:
    app = create_app(broker)  # type: ignore[arg-type]
    app.user_middleware.append(Middleware(Inside))
    Inside.now = Inside.most = 0
    Inside.came = []
    return app


async def post(app: ASGIApp, conn_id: str = "good", parts: Iterable[bytes] = (QUESTION,), *, ends: bool = True) -> int:
    """The status of the answer, as soon as it is there. After its parts, a caller may fall silent."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": f"/connections/{conn_id}/access-token", "raw_path": b"", "root_path": "", "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "client": ("caller", 1), "server": ("server", 80),
    }  # fmt: skip
    coming: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if ends:
        coming.append({"type": "http.request", "body": b"", "more_body": False})
    status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def receive() -> Message:
        if not coming:
            await asyncio.sleep(3600)
        return coming.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            status.set_result(message["status"])

    running = asyncio.create_task(_run(app, scope, receive, send))
    either: set[asyncio.Future[Any]] = {running, status}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        running.cancel()
        raise
    return status.result()


async def _run(app: ASGIApp, *connection: Any) -> None:
    await app(*connection)


@asynccontextmanager
async def meanwhile(*calls: Coroutine[Any, Any, int]) -> AsyncIterator[list[asyncio.Task[int]]]:
    """While they are under way."""
    running = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0.1)
    yield running
    for call in running:
        call.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def test_of_a_crowd_few_at_a_time_are_let_into_the_event_loop_that_others_share(app: FastAPI, broker: Broker) -> None:
    def slowly() -> JSONResponse:
        time.sleep(3 * _APART_SECONDS)
        return JSONResponse({})

    broker.answers["good"] = slowly

    async def crowd() -> list[int]:
        return await asyncio.gather(*(post(app) for _ in range(30)))

    assert asyncio.run(crowd()) == [200] * 30
    assert Inside.most == AT_ONCE


def test_a_crowd_is_let_in_one_after_the_other_with_pauses_for_the_routes_of_others(app: FastAPI) -> None:
    async def crowd() -> list[int]:
        return list(await asyncio.gather(*(post(app) for _ in range(10))))

    assert asyncio.run(crowd()) == [200] * 10
    # Over all of them: of two neighbours the first may be late on a busy machine, and the second in time.
    assert Inside.came[-1] - Inside.came[0] > 0.9 * 9 * _APART_SECONDS


@pytest.mark.parametrize("parts", [[], [QUESTION[:20]]], ids=["nothing", "half a question"])
def test_those_who_send_no_whole_question_shut_nobody_out(app: FastAPI, broker: Broker, parts: list[bytes]) -> None:
    async def scene() -> int:
        async with meanwhile(*(post(app, "silent", parts, ends=False) for _ in range(3 * AT_ONCE))):
            return await asyncio.wait_for(post(app), SOON / 2)  # sooner than the silent are turned away

    assert asyncio.run(scene()) == 200
    assert broker.asked == ["good"]


def test_those_who_send_no_whole_question_are_turned_away(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_BODY_SECONDS", 0.05)
    silent = post(app, parts=[QUESTION[:20]], ends=False)
    assert asyncio.run(asyncio.wait_for(silent, SOON)) == 408
    assert Inside.most == 0


def test_a_question_may_come_in_parts_but_not_without_end(app: FastAPI, broker: Broker) -> None:
    assert asyncio.run(post(app, parts=[QUESTION[:20], QUESTION[20:]])) == 200
    assert asyncio.run(post(app, "long", parts=[b" " * 8192] * 3, ends=False)) == 413
    assert broker.asked == ["good"]


def test_a_caller_that_is_gone_is_not_asked_about(app: FastAPI) -> None:
    async def scene() -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            raise AssertionError(message)

        await app({"type": "http", "method": "POST", "path": "/", "headers": []}, receive, send)

    asyncio.run(scene())
    assert Inside.most == 0


def test_refusals_that_wait_for_their_step_hold_up_nobody(
    app: FastAPI, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_REFUSAL_STEP_SECONDS", 60.0)
    broker.answers["refused"] = lambda: JSONResponse({}, 401)

    async def scene() -> tuple[int, list[bool]]:
        async with meanwhile(*(post(app, "refused") for _ in range(20))) as refusals:
            return await asyncio.wait_for(post(app), SOON), [refusal.done() for refusal in refusals]

    assert asyncio.run(scene()) == (200, [False] * 20), "and none of them was answered before its step"


def test_refreshes_that_are_waited_for_in_the_background_hold_up_nobody(app: FastAPI, broker: Broker) -> None:
    async def scene() -> list[int]:
        async def for_long() -> None:
            await asyncio.sleep(3600)

        broker.answers["refreshing"] = lambda: JSONResponse({}, 202, background=BackgroundTask(for_long))
        calls = ["refreshing"] * (3 * AT_ONCE) + ["good"]
        return [await asyncio.wait_for(post(app, conn_id), SOON) for conn_id in calls]

    assert asyncio.run(scene()) == [202] * 6 + [200]


def test_an_error_gives_its_place_back(app: FastAPI, broker: Broker) -> None:
    async def scene() -> list[int]:
        broker.answers["broken"] = lambda: JSONResponse(threading.Lock())
        calls = ["broken"] * (3 * AT_ONCE) + ["good"]
        return [await asyncio.wait_for(post(app, conn_id), SOON) for conn_id in calls]

    assert asyncio.run(scene())[-1] == 200
