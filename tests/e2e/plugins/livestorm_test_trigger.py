"""A trigger that calls Livestorm by the hook, and an operator that waits for it; Airflow's plugins folder has them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context
from airflow.triggers.base import BaseTrigger, TriggerEvent
from blockbuster import BlockBuster

import airflow_provider_livestorm
from airflow_provider_livestorm.hooks.livestorm import LivestormHook


class CallsTrigger(BaseTrigger):
    """Calls a few times and tells how far the event loop got meanwhile."""

    def __init__(self, number: int, calls: int) -> None:
        super().__init__()
        self.number = number
        self.calls = calls
        self.ticks = 0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "livestorm_test_trigger.CallsTrigger", {"number": self.number, "calls": self.calls}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        ticker = asyncio.create_task(self._tick())
        try:
            (await LivestormHook("livestorm_default").aget_conn()).close()
            _judge_blocking()  # Airflow's own imports at the first connection are done
            hook = LivestormHook("livestorm_default")
            client = await hook.aget_conn()
            meanwhile = []
            for _ in range(self.calls):
                before = self.ticks
                await hook.arequest("GET", "/ping")
                meanwhile.append(self.ticks - before)
            self.log.info("a careless log of the token: %s", await hook.aget_token())
            print("a careless print of the token:", await hook.aget_token())
            password = (await asyncio.to_thread(hook.get_connection, "livestorm_default")).password
            print("a careless print of Airflow's own password:", password)
            client.close()
            yield TriggerEvent({"number": self.number, "calls": len(meanwhile), "fewest_ticks": min(meanwhile)})
        finally:
            ticker.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            self.ticks += 1


@functools.cache
def _judge_blocking() -> None:
    """From now on a blocking call of the provider on the event loop raises, and so fails the task."""
    BlockBuster(airflow_provider_livestorm).activate()


class CallsOperator(BaseOperator):
    """Defers at once, and returns what the trigger told."""

    def __init__(self, *, number: int, calls: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.number = number
        self.calls = calls

    def execute(self, context: Context) -> None:
        self.defer(trigger=CallsTrigger(self.number, self.calls), method_name="execute_complete")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        return event
