"""Deliveries of webhooks: signed, tried again on the sandbox's clock, and given up as Livestorm gives up (api.md 7)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import heapq
import itertools
import os
import traceback
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from airflow_provider_livestorm.sandbox.service import Service
from airflow_provider_livestorm.sandbox.team import LOOPBACK
from airflow_provider_livestorm.sandbox.world import Event, Job, Registration, Resource, Session, Webhook

__all__ = ["RETRIES", "Deliveries", "signature"]

RETRIES = (30, 60, 150, 360, 720)  # seconds after the try before: about 30 s, 1 min, 2.5 min, 6 min, 12 min
_RETRIED = (*range(400, 457), *range(500, 512))  # HTTP statuses
_TIMEOUT = 5.0  # seconds
_LOG = 1000  # tries
_TICK = 1.0  # seconds between looks at the clock, which runs by itself


@dataclass(order=True)
class _Delivery:
    due: float
    order: int
    webhook: Webhook = field(compare=False)
    body: bytes = field(compare=False)
    tries: int = field(default=0, compare=False)


def signature(secret: str, seconds: int, body: bytes) -> str:
    """`x-livestorm-signature`: the time, and SHA-256 of time, secret and body; a plain hash, no HMAC."""
    return f"{seconds},{hashlib.sha256(f'{seconds}{secret}'.encode() + body).hexdigest()}"


class Deliveries:
    """Hears what happens, and tells whoever subscribed; only on this machine, whatever URL was given.

    Attributes:
        log: the last tries, as members of the control's answer.
    """

    def __init__(self, service: Service) -> None:
        self.log: deque[Resource] = deque(maxlen=_LOG)
        self._service = service
        self._queue: list[_Delivery] = []
        self._order = itertools.count()
        self._working = asyncio.Lock()
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="livestorm-webhooks")
        service.workspace.heard = self._hear

    @contextlib.asynccontextmanager
    async def running(self, _: object = None) -> AsyncIterator[None]:
        """Deliver while this is open."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def settle(self) -> None:
        """Try all that is due by the sandbox's clock, retries too; returns when there is nothing left."""
        async with self._working:
            now = self._service.catch_up()
            silent: set[str] = set()  # webhooks whose receiver gave no answer: it is not waited for again and again
            while self._queue and self._queue[0].due <= now:
                delivery = heapq.heappop(self._queue)
                if delivery.webhook.enabled and delivery.webhook.id in self._service.workspace.webhooks:
                    await self._try(delivery, silent)

    async def _run(self) -> None:
        while True:
            if self._service.workspace.webhooks:
                try:
                    await self.settle()
                except Exception:  # noqa: BLE001 - nobody waits for this task: it must go on, and say so
                    traceback.print_exc()
            await asyncio.sleep(_TICK)

    def _hear(self, name: str, record: Any, at: int) -> None:
        for webhook in self._service.workspace.webhooks.values():
            if webhook.event == name and webhook.enabled:
                told = self._told(record)
                if self._service.settings.webhook_meta == "told":
                    told = told | {"meta": {"webhook": {"event": name}}}
                body = msgspec.json.encode({"data": told})
                heapq.heappush(self._queue, _Delivery(at, next(self._order), webhook, body))

    def _told(self, record: Event | Session | Registration | Job) -> Resource:
        documents = self._service.documents
        match record:
            case Event():
                return documents.event(record)
            case Session():
                return documents.session(record)
            case Registration():
                return documents.registration(record)
            case Job():
                return documents.job(record)

    async def _try(self, delivery: _Delivery, silent: set[str]) -> None:
        outcome: Resource = {"error": "no answer"}
        if delivery.webhook.id not in silent:
            posting = asyncio.get_running_loop().run_in_executor(self._threads, self._post, delivery)
            try:
                outcome = await asyncio.wait_for(posting, _TIMEOUT)
            except TimeoutError:
                silent.add(delivery.webhook.id)
        status = outcome.get("status")
        self.log.append(
            {"webhook_id": delivery.webhook.id, "event": delivery.webhook.event, "due": delivery.due, **outcome}
        )
        if status is not None and status not in _RETRIED:
            return
        if delivery.tries >= len(RETRIES):
            delivery.webhook.enabled = False
            return
        delivery.due += RETRIES[delivery.tries]
        delivery.tries += 1
        heapq.heappush(self._queue, delivery)

    def _post(self, delivery: _Delivery) -> Resource:
        url, body, seconds = delivery.webhook.url, delivery.body, int(delivery.due)
        if urlsplit(url).hostname not in LOOPBACK:
            return {"error": "not sent: the sandbox calls this machine only"}
        headers = {
            "Content-Type": "application/json",
            "x-livestorm-signature": signature(delivery.webhook.secret, seconds, body),
        }
        try:
            # Nothing of the user's goes along: no .netrc, no proxy, no cookie of the delivery before.
            with requests.Session() as web:
                web.trust_env = False
                web.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True  # a receiver's own certificate
                answer = web.post(url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False, stream=True)
        except requests.RequestException as error:
            return {"error": type(error).__name__}
        return {"status": answer.status_code}
