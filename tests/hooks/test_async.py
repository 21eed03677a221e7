"""The hook on an event loop, as triggers and async tasks use it; tests/e2e has a real triggerer and OAuth.

`blockbuster` is the judge of blocking: it raises at a blocking call (socket, lock, sleep, file) on the loop's thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import pathlib
import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from airflow.sdk import BaseHook, Connection
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder, ConnectionResult, GetConnection
from airflow.sdk.log import mask_secret
from blockbuster import BlockingError, blockbuster_ctx

import airflow_provider_livestorm
from airflow_provider_livestorm.exceptions import LivestormUnknownConnectionError
from airflow_provider_livestorm.hooks import off_loop as off_loop_module
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.hooks.off_loop import off_loop
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow

E2E = pathlib.Path(__file__).parents[1] / "e2e"
CROWD = 2 * min(32, (os.cpu_count() or 1) + 4)  # twice as many as asyncio.to_thread has threads


@pytest.fixture
def connection(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A private API token's connection `livestorm_test`, in the environment."""
    members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
    monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_TEST", json.dumps(members))
    return members


@pytest.mark.usefixtures("connection")
def test_nothing_blocks_the_event_loop_and_all_share_one_client(sandbox: SandboxProcess) -> None:
    async def use(hook: LivestormHook) -> list[Any]:
        (await LivestormHook("livestorm_test").aget_conn()).close()  # Airflow's imports at its first use are not judged
        with blockbuster_ctx(airflow_provider_livestorm):
            return await asyncio.gather(
                hook.aget_conn(), hook.aget_conn(), hook.aget_token(), hook.arequest("GET", "/events"), hook.aget_conn()
            )

    hook = LivestormHook("livestorm_test")
    first, second, token, answer, third = asyncio.run(use(hook))

    assert first is second is third is hook.get_conn()
    assert token == sandbox.credentials()["api_token"]
    assert [row.id for row in answer.document.many] == [row["id"] for row in sandbox.truth("events")]
    first.close()


@pytest.mark.usefixtures("connection")
def test_the_judge_would_see_a_call_that_blocks() -> None:
    """The control of the test above."""

    async def use(hook: LivestormHook) -> None:
        with await hook.aget_conn() as client, blockbuster_ctx(airflow_provider_livestorm):
            client.request("GET", "/ping")

    with pytest.raises(BlockingError):
        asyncio.run(use(LivestormHook("livestorm_test")))


def test_where_airflow_has_no_asynchronous_way_the_connection_is_read_on_a_thread(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]
) -> None:
    """As on Airflow 2.11, where reading it is a query of the database."""
    seen = []

    class Hook(LivestormHook):
        @classmethod
        def get_connection(cls, conn_id: str) -> Connection:
            seen.append(threading.current_thread())
            return Connection(conn_id=conn_id, **connection)

    monkeypatch.delattr(BaseHook, "aget_connection")
    assert asyncio.run(Hook("livestorm_test").aget_token()) == connection["password"]
    assert len(seen) == 1
    assert seen != [threading.main_thread()]


def test_an_unknown_connection_is_told_as_by_the_other_methods() -> None:
    with pytest.raises(LivestormUnknownConnectionError, match="There is no connection 'nobody_made_this'"):
        asyncio.run(LivestormHook("nobody_made_this").aget_token())


def test_work_on_a_thread_keeps_the_callers_context() -> None:
    """So that what it logs goes to the log of the trigger that asked."""
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who")

    async def ask(name: str) -> str:
        who.set(name)
        return await off_loop(who.get)

    async def both() -> list[str]:
        return await asyncio.gather(ask("one"), ask("another"))

    assert asyncio.run(both()) == ["one", "another"]


def test_of_callers_that_are_cancelled_no_work_is_begun_that_waited_for_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a triggerer that stops would first work off its queue: Python waits for threads before it exits."""
    threads = ThreadPoolExecutor(2)
    monkeypatch.setattr(off_loop_module, "_threads", lambda _: threads)
    begun: list[int] = []
    both, go_on = threading.Semaphore(0), threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        both.release()
        assert go_on.wait(20)

    async def stop() -> None:
        calls = [asyncio.create_task(off_loop(work, number)) for number in range(10)]
        for _ in range(2):
            assert await asyncio.to_thread(both.acquire, timeout=20)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(stop())
    go_on.set()
    threads.shutdown(wait=True)
    assert sorted(begun) == [0, 1]


class Comms(CommsDecoder[Any, Any]):
    """Airflow's own, noting which threads it makes wait."""

    def send(self, msg: Any) -> Any:
        made_to_wait.append(threading.current_thread())
        return super().send(msg)


made_to_wait: list[threading.Thread] = []


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> Iterator[list[str]]:
    """Airflow's own channel between a task and its supervisor, and a supervisor at its end; what it was asked."""
    ours, theirs = socket.socketpair()
    asked: list[str] = []

    def serve() -> None:
        with theirs, theirs.makefile("rb") as requests:
            while header := requests.read(4):
                number, body, *_ = msgspec.msgpack.decode(requests.read(int.from_bytes(header, "big")))
                asked.append(body["type"])
                answer = None
                if body["type"] == GetConnection.__name__:
                    empty = dict.fromkeys(("schema", "login", "port", "extra"))
                    answer = ConnectionResult(conn_id=body["conn_id"], **connection, **empty).model_dump(by_alias=True)
                content = msgspec.msgpack.encode((number, answer, None))
                theirs.sendall(len(content).to_bytes(4, "big") + content)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.delenv("AIRFLOW_CONN_LIVESTORM_TEST")
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(socket=ours), raising=False)
    made_to_wait.clear()
    yield asked
    ours.close()
    thread.join(10)


def test_the_hook_works_in_an_async_task(supervisor: list[str]) -> None:
    async def crowd() -> list[str]:
        hooks = [LivestormHook("livestorm_test") for _ in range(CROWD)]
        return await asyncio.wait_for(asyncio.gather(*(hook.aget_token() for hook in hooks)), 60)

    assert len(set(asyncio.run(crowd()))) == 1
    assert supervisor.count("GetConnection") == CROWD
    assert made_to_wait
    assert threading.main_thread() not in made_to_wait


def test_a_crowd_does_not_take_the_threads_that_airflow_answers_with(supervisor: list[str]) -> None:
    """`asend` holds a lock while it waits for one of asyncio's threads; whoever masks a secret waits for that lock."""

    comms = task_runner.SUPERVISOR_COMMS

    async def crowd() -> None:
        masks = [off_loop(mask_secret, f"a-secret-of-a-test-{number}") for number in range(CROWD)]
        await asyncio.wait_for(asyncio.gather(comms.asend(GetConnection(conn_id="livestorm_test")), *masks), 20)

    asyncio.run(crowd())
    assert supervisor.count("MaskSecret") >= CROWD


def test_a_trigger_works_in_airflow_dags_test(sandbox: SandboxProcess, tmp_path: pathlib.Path) -> None:
    """Where the trigger runs in a process that has the database, and Airflow's asynchronous way finds no connection."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "plugins").mkdir()
    shutil.copy(E2E / "dags" / "deferred_calls.py", tmp_path / "dags")
    shutil.copy(E2E / "plugins" / "livestorm_test_trigger.py", tmp_path / "plugins")
    plugins = {"AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "plugins")}
    airflow = LocalAirflow(tmp_path / "airflow", dags=tmp_path / "dags", settings=plugins)
    airflow.migrate()
    grant = sandbox.grant()
    extra = {"refresh_token": grant["refresh_token"], "token_url": sandbox.token_url}
    members = {"login": grant["client_id"], "password": grant["client_secret"], "extra": json.dumps(extra)}
    airflow.put_connection(conn_id="livestorm_default", conn_type="livestorm", host=sandbox.api_url, **members)
    sandbox.reset_counters()

    done = airflow.run("dags", "test", "deferred_calls", check=False)

    assert done.returncode == 0, done.stdout[-3000:]
    counters = sandbox.status()["counters"]
    assert (counters["refreshes"], counters["reuses_of_spent_tokens"]) == (1, 0)
    assert counters["answers_by_status"] == {"200": 36}
