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
from airflow_provider_livestorm.sandbox.answers import registrant_detail
from airflow_provider_livestorm.sandbox.connections import Connections
from airflow_provider_livestorm.sandbox.credentials import api_token
from airflow_provider_livestorm.sandbox.deliveries import Deliveries
from airflow_provider_livestorm.sandbox.doorkeeper import DEFAULT_SCOPE, SCOPES, Doorkeeper
from airflow_provider_livestorm.sandbox.faults import Body, Fault, Faults
from airflow_provider_livestorm.sandbox.limits import Limits
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
        api_token: the one that reads, made at the start.
        made_from: preset, seed, epoch.
    """

    service: Service
    doorkeeper: Doorkeeper
    limits: Limits
    faults: Faults
    rest: RestApi
    deliveries: Deliveries
    connections: Connections
    api_token: str
    made_from: Resource

    def routes(self) -> list[Route]:
        """For Starlette."""
        actions: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "status", self.status),
            ("GET", "credentials", self.credentials),
            ("GET", "secrets", self.secrets),
            ("GET", "truth", self.streams),
            ("GET", "settings", self.settings),
            ("PATCH", "settings", self.change_settings),
            ("POST", "clock", self.move_clock),
            ("POST", "grants", self.grant),
            ("POST", "connections", self.connection),
            ("POST", "api-tokens", self.make_api_token),
            ("POST", "revoke", self.revoke),
            ("POST", "expire", self.expire),
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

    def credentials(self, request: Request, __: dict[str, Any]) -> Resource:
        """What an application or a workspace owner has, and where it is used."""
        application, base = self.doorkeeper.application, str(request.base_url).rstrip("/")
        return {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "redirect_uris": list(application.redirect_uris),
            "api_token": self.api_token,
            "api_url": f"{base}/v1",
            "authorize_url": f"{base}/oauth/authorize",
            "token_url": f"{base}/oauth/token",
            "newest_refresh_token": self.doorkeeper.newest_refresh_token,
        }

    def secrets(self, _: Request, __: dict[str, Any]) -> list[str]:
        """Every secret there is: to look for them where they must not be."""
        found = [self.doorkeeper.application.client_secret, *self.rest.api_tokens, *self.doorkeeper.issued]
        found += [webhook.secret for webhook in self.service.workspace.webhooks.values()]
        for one in self.service.workspace.registrations():
            detail = registrant_detail(one)
            found += [detail[name] for name in ("password_key", "connection_link") if detail[name]]
        return found

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

    def grant(self, _: Request, body: dict[str, Any]) -> Resource:
        """A fresh pair, as if a person had just agreed."""
        pair, application = self.doorkeeper.issue(_scope(body)), self.doorkeeper.application
        return {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "expires_at": pair.created_at + pair.expires_in,
            "scope": pair.scope,
        }

    def connection(self, request: Request, body: dict[str, Any]) -> Resource:
        """An Airflow connection with a fresh grant, as `airflow connections import` reads it from a file."""
        grant, urls = self.grant(request, body), self.credentials(request, body)
        extra = {name: grant[name] for name in ("refresh_token", "scope")}
        extra |= {name: urls[name] for name in ("token_url", "authorize_url")}
        connection = {
            "conn_type": "livestorm", "host": urls["api_url"],
            "login": grant["client_id"], "password": grant["client_secret"], "extra": extra,
        }  # fmt: skip
        return {str(body.get("conn_id", "livestorm_default")): connection}

    def make_api_token(self, _: Request, body: dict[str, Any]) -> Resource:
        """One more private API token, as an owner makes them."""
        token, scope = api_token(self.service.workspace.organization["id"]), _scope(body)
        self.rest.api_tokens[token] = frozenset(scope.split())
        return {"api_token": token, "scope": scope}

    def revoke(self, _: Request, body: dict[str, Any]) -> Resource:
        """`{"token": ...}`, or all of them."""
        self.doorkeeper.revoke(body.get("token"))
        return {}

    def expire(self, _: Request, __: dict[str, Any]) -> Resource:
        """End the life of all access tokens; the clock stays."""
        for pair in self.doorkeeper.by_access.values():
            pair.expires_in = 0
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


def _scope(body: dict[str, Any]) -> str:
    scope = body.get("scope") or DEFAULT_SCOPE
    if not isinstance(scope, str) or not set(scope.split()) <= set(SCOPES):
        raise ValueError(f"scope is some of {' '.join(SCOPES)}")
    return scope


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"seconds are a number; got {value!r}")
    return float(value)
