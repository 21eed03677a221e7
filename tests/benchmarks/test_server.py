"""The neutral server's tokens: what scenario F counts on, whoever is measured."""

from __future__ import annotations

import asyncio
import importlib
import pathlib
from typing import Any

import pytest

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"
REFRESH = {"grant_type": "refresh_token", "refresh_token": "refresh-0"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One with a first token of 80 ms and answers of 50 ms; it runs by its own environment, so by its folder here."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    made = importlib.import_module("server").Server()
    made.set({"rows": 1, "latency": 0.05, "token_life": 7200, "first_token_life": 0.08})
    return made


async def ping(server: Any, token: str) -> int:
    status, *_ = await server.call("/ping", {}, f"Bearer {token}")
    return int(status)


def test_a_token_is_judged_as_the_call_comes_and_not_as_it_is_answered(server: Any) -> None:
    async def calls() -> list[int]:
        server.access_tokens["access-0"] = server.began + 3600
        call = asyncio.create_task(ping(server, "access-0"))
        await asyncio.sleep(0)  # it has come
        server.access_tokens["access-0"] = server.began
        return [await call, await ping(server, "access-0")]

    assert asyncio.run(calls()) == [200, 401]
    assert server.told()["answered_with"] == {"access-0": 1}


def test_of_those_who_refresh_at_once_with_one_token_one_gets_another(server: Any) -> None:
    async def refreshes() -> list[int]:
        return [status for status, *_ in await asyncio.gather(*(server.refresh(REFRESH) for _ in range(3)))]

    assert asyncio.run(refreshes()) == [200, 400, 400]
    assert (server.told()["refreshes"], server.told()["spent_refresh_tokens"]) == (1, 2)


def test_the_first_token_has_a_life_of_its_own(server: Any) -> None:
    asyncio.run(server.refresh(REFRESH))
    lives = [round(until - server.began, 1) for until in server.access_tokens.values()]
    assert lives[0] == 0.1
    assert lives[1] >= 7200
