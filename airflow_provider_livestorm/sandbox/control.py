"""The sandbox's own controls, under `/_sandbox`: nothing that Livestorm has, so no client may lean on it."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, get_args

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from airflow_provider_livestorm.sandbox import truth
from airflow_provider_livestorm.sandbox.access import AccessControls
from airflow_provider_livestorm.sandbox.connections import Connections
from airflow_provider_livestorm.sandbox.deliveries import Deliveries
from airflow_provider_livestorm.sandbox.doorkeeper import Doorkeeper
from airflow_provider_livestorm.sandbox.faults import Body, Fault, Faults
from airflow_provider_livestorm.sandbox.limits import Limits
from airflow_provider_livestorm.sandbox.makers import owner_of
from airflow_provider_livestorm.sandbox.rest import RestApi
from airflow_provider_livestorm.sandbox.service import Service
from airflow_provider_livestorm.sandbox.world import Resource

__all__ = ["Control"]

_LONGEST_MOVE = 3 * 365 * 86_400  # seconds: all of it has to happen
_IN_MEMORY, _BLOCK = 1 << 24, 1 << 18  # bytes of a truth: kept in memory at most, sent at a time


@dataclass
class Control:
    """Answers under `/_sandbox`.

    Attributes:
        made_from: preset, seed, epoch.
    """

    service: Service
    doorkeeper: Doorkeeper
    limits: Limits
    faults: Faults
    rest: RestApi
    deliveries: Deliveries
    connections: Connections
    access: AccessControls
    made_from: Resource

    def routes(self) -> list[Route]:
        """For Starlette."""
        actions: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "status", self.status),
            ("GET", "credentials", self.access.credentials),
            ("GET", "secrets", self.access.secrets),
            ("GET", "truth", self.streams),
            ("GET", "settings", self.settings),
            ("PATCH", "settings", self.change_settings),
            ("PATCH", "names", self.rename),
            ("POST", "clock", self.move_clock),
            ("POST", "grants", self.access.grant),
            ("POST", "connections", self.access.connection),
            ("POST", "api-tokens", self.access.make_api_token),
            ("POST", "revoke", self.access.revoke),
            ("POST", "expire", self.access.expire),
            ("GET", "faults", self.list_faults),
            ("POST", "faults", self.add_fault),
            ("DELETE", "faults", self.clear_faults),
            ("GET", "webhooks", self.webhooks),
            ("POST", "reset-counters", self.reset_counters),
            ("POST", "use-up-the-month", self.use_up_the_month),
        ]
        told = [Route(f"/_sandbox/{path}", _told(action), methods=[method]) for method, path, action in actions]
        return [*told, Route("/_sandbox/truth/{stream}", self.truth, methods=["GET"])]

    # --- to see -----

    def status(self, _: Request, __: dict[str, Any]) -> Resource:
        """The workspace, the clock, the settings, the counters."""
        self.service.catch_up()
        counters, doorkeeper, workspace = self.rest.counters, self.doorkeeper, self.service.workspace
        sessions = workspace.sessions.values()
        return {
            "made_from": self.made_from,
            "name": workspace.organization["attributes"]["name"],
            "workspace": {
                "events": len(workspace.events),
                "sessions": len(sessions),
                "session_people": sum(len(one.people) for one in sessions),
                "people": len(workspace.people),
                "chat_messages": sum(len(one.chat) for one in sessions),
                "questions": sum(len(one.questions) for one in sessions),
                "recordings": sum(len(one.recordings) for one in sessions),
                "users": len(workspace.users),
                "webhooks": len(workspace.webhooks),
                "jobs": len(workspace.jobs),
            },
            "clock": self.service.clock.now(),
            "month_renews_at": self.limits.renews_at(),
            "settings": asdict(self.service.settings),
            "counters": {
                "calls_total": counters.calls.total(),
                "calls_by_operation": dict(counters.calls),
                "answers_by_status": {str(status): count for status, count in counters.statuses.items()},
                "refused_by_limit": dict(self.limits.refused),
                "used_this_month": self.limits.used,
                "connections_opened": self.connections.opened,
                "refreshes": doorkeeper.refreshes,
                "refused_refreshes": doorkeeper.refused_refreshes,
                "reuses_of_spent_tokens": doorkeeper.reuses,
                "faults_met": self.faults.met,
                "recordings_served": self.service.storage.calls,
                "tokens_shown_to_storage": self.service.storage.leaked,
            },
        }

    def streams(self, _: Request, __: dict[str, Any]) -> Resource:
        """Whose truth there is."""
        return {"streams": list(truth.STREAMS)}

    async def truth(self, request: Request) -> Response:
        """A stream as it is now: records as JSON Lines, and their hash in X-Sandbox-Sha256."""
        stream = request.path_params["stream"]
        if stream not in truth.STREAMS:
            return JSONResponse({"error": f"there are {', '.join(truth.STREAMS)}"}, 404)
        self.service.catch_up()
        digest, size = hashlib.sha256(), 0
        # Written at one go, so that nothing changes amid it, and to disk where it is long.
        spool = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it is sent
        for row in truth.rows(self.service, stream):
            line = msgspec.json.encode(row) + b"\n"
            digest.update(line)
            size += spool.write(line)
        spool.seek(0)
        headers = {"X-Sandbox-Sha256": digest.hexdigest(), "Content-Length": str(size)}
        blocks = iter(lambda: spool.read(_BLOCK), b"")
        return StreamingResponse(blocks, 200, headers, "application/x-ndjson", BackgroundTask(spool.close))

    def settings(self, _: Request, __: dict[str, Any]) -> Resource:
        """Each setting with its choices and what it does."""
        return {"settings": self.service.settings.described()}

    def list_faults(self, _: Request, __: dict[str, Any]) -> Resource:
        """The rules in force, and which bodies a rule may have."""
        return {"rules": self.faults.told(), "bodies": get_args(Body)}

    async def webhooks(self, _: Request, __: dict[str, Any]) -> Resource:
        """The subscriptions with their secrets, and the last tries to deliver; what is due is tried before."""
        await self.deliveries.settle()
        return {
            "webhooks": [asdict(one) for one in self.service.workspace.webhooks.values()],
            "deliveries": list(self.deliveries.log),
        }

    # --- to change -----

    async def move_clock(self, _: Request, body: dict[str, Any]) -> Resource:
        """`{"advance": seconds}` or `{"set": unix seconds}`; answers when all has happened and is delivered."""
        clock = self.service.clock
        if set(body) == {"advance"}:
            seconds = _seconds(body["advance"])
        elif set(body) == {"set"}:
            seconds = _seconds(body["set"]) - clock.now()
        else:
            raise ValueError("name one of advance (seconds) and set (unix seconds)")
        if seconds > _LONGEST_MOVE:
            raise ValueError(f"at most {_LONGEST_MOVE} seconds at a time: all of it has to happen")
        clock.advance(seconds)
        await self.deliveries.settle()
        return {"clock": clock.now()}

    def change_settings(self, _: Request, body: dict[str, Any]) -> Resource:
        """Any of the settings."""
        self.service.settings.change(body)
        return asdict(self.service.settings)

    def rename(self, _: Request, body: dict[str, Any]) -> Resource:
        """`{"workspace": "...", "owner": "First Last"}`, or one of them: what shows a name must stand any."""
        if (
            not body
            or not set(body) <= {"workspace", "owner"}
            or not all(isinstance(one, str) for one in body.values())
        ):
            raise ValueError("name the workspace, the owner, or both, as text")
        workspace, owner = self.service.workspace, self.doorkeeper.owner
        if "workspace" in body:
            workspace.organization["attributes"]["name"] = body["workspace"]
        if "owner" in body:
            first, _, last = body["owner"].partition(" ")
            owner["attributes"] |= {"first_name": first or None, "last_name": last or None}
            host = workspace.people[owner["id"]]
            host.first_name, host.last_name = first or None, last or None
            host.updated_at = owner["attributes"]["updated_at"] = int(self.service.catch_up())
            for event in workspace.events.values():
                if event.attributes["owner"]["id"] == owner["id"]:
                    event.attributes["owner"] = owner_of(owner)
        return {}

    def add_fault(self, _: Request, body: dict[str, Any]) -> Resource:
        """A rule; see `faults.Fault`."""
        self.faults.add(Fault.read(body))
        return {"rules": len(self.faults.told())}

    def clear_faults(self, _: Request, __: dict[str, Any]) -> Resource:
        """No rules any more."""
        self.faults.clear()
        return {}

    def reset_counters(self, _: Request, __: dict[str, Any]) -> Resource:
        """Begin to count at nought; the month's calls stay used."""
        self.rest.counters.clear()
        self.limits.refused.clear()
        self.connections.clear()
        self.doorkeeper.refreshes = self.doorkeeper.refused_refreshes = self.doorkeeper.reuses = 0
        self.faults.met = self.service.storage.calls = self.service.storage.leaked = 0
        return {}

    def use_up_the_month(self, _: Request, __: dict[str, Any]) -> Resource:
        """As if somebody had made all calls of the month."""
        if not self.service.settings.monthly_limit:
            raise ValueError("there is no monthly limit")
        self.limits.use_up()
        return {"used": self.limits.used}


def _told(action: Callable[[Request, dict[str, Any]], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
            found = action(request, body)
            return JSONResponse(await found if inspect.isawaitable(found) else found)
        except (ValueError, TypeError, RecursionError, msgspec.DecodeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"seconds are a number; got {value!r}")
    return float(value)
