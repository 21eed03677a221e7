"""The sandbox's own controls, under `/_sandbox`: nothing that Livestorm has, so no client may lean on it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_livestorm.sandbox.connections import Connections
from airflow_provider_livestorm.sandbox.doorkeeper import DEFAULT_SCOPE, SCOPES, Doorkeeper
from airflow_provider_livestorm.sandbox.faults import Fault, Faults
from airflow_provider_livestorm.sandbox.limits import Limits
from airflow_provider_livestorm.sandbox.rest import RestApi
from airflow_provider_livestorm.sandbox.settings import Clock, Settings
from airflow_provider_livestorm.sandbox.world import Resource, Workspace

__all__ = ["Control"]


class Control:
    """Answers under `/_sandbox`."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        settings: Settings,
        clock: Clock,
        doorkeeper: Doorkeeper,
        limits: Limits,
        faults: Faults,
        rest: RestApi,
        api_token: str,
        connections: Connections,
        made_from: Resource,
    ) -> None:
        self._workspace = workspace
        self._settings = settings
        self._clock = clock
        self._doorkeeper = doorkeeper
        self._limits = limits
        self._faults = faults
        self._rest = rest
        self._api_token = api_token
        self._connections = connections
        self._made_from = made_from

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [
            Route("/_sandbox/status", self._told(self.status), methods=["GET"]),
            Route("/_sandbox/credentials", self._told(self.credentials), methods=["GET"]),
            Route("/_sandbox/secrets", self._told(self.secrets), methods=["GET"]),
            Route("/_sandbox/truth/{stream}", self.truth, methods=["GET"]),
            Route("/_sandbox/clock", self._told(self.move_clock), methods=["POST"]),
            Route("/_sandbox/settings", self._told(self.change_settings), methods=["PATCH"]),
            Route("/_sandbox/grants", self._told(self.grant), methods=["POST"]),
            Route("/_sandbox/revoke", self._told(self.revoke), methods=["POST"]),
            Route("/_sandbox/faults", self._told(self.add_fault), methods=["POST"]),
            Route("/_sandbox/faults", self._told(self.clear_faults), methods=["DELETE"]),
            Route("/_sandbox/reset-counters", self._told(self.reset_counters), methods=["POST"]),
            Route("/_sandbox/use-up-the-month", self._told(self.use_up_the_month), methods=["POST"]),
        ]

    @staticmethod
    def _told(action: Callable[[Request, dict[str, Any]], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                body = msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
                return JSONResponse(action(request, body))
            except (ValueError, TypeError, msgspec.DecodeError) as error:
                return JSONResponse({"error": str(error)}, 400)

        return endpoint

    def status(self, _: Request, __: dict[str, Any]) -> Resource:
        """The workspace, the clock, the settings, the counters."""
        counters, doorkeeper = self._rest.counters, self._doorkeeper
        people = [self._workspace.people_of(one) for one in self._workspace.sessions]
        return {
            "made_from": self._made_from,
            "workspace": {
                "events": len(self._workspace.events),
                "sessions": len(self._workspace.sessions),
                "session_people": sum(map(len, people)),
                "people": len(set().union(*people)),
            },
            "clock": self._clock.now(),
            "settings": asdict(self._settings),
            "counters": {
                "calls_total": counters.calls.total(),
                "calls_by_operation": dict(counters.calls),
                "answers_by_status": {str(status): count for status, count in counters.statuses.items()},
                "refused_by_limit": dict(counters.refused),
                "used_this_month": self._limits.used,
                "connections_opened": self._connections.opened,
                "refreshes": doorkeeper.refreshes,
                "refused_refreshes": doorkeeper.refused_refreshes,
                "reuses_of_spent_tokens": doorkeeper.reuses,
            },
        }

    def credentials(self, request: Request, __: dict[str, Any]) -> Resource:
        """What an application or a workspace owner has, and where it is used."""
        application, base = self._doorkeeper.application, str(request.base_url).rstrip("/")
        return {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "redirect_uris": list(application.redirect_uris),
            "api_token": self._api_token,
            "api_url": f"{base}/v1",
            "authorize_url": f"{base}/oauth/authorize",
            "token_url": f"{base}/oauth/token",
            "newest_refresh_token": self._doorkeeper.newest_refresh_token,
        }

    def secrets(self, _: Request, __: dict[str, Any]) -> list[str]:
        """Every secret there is: to look for them where they must not be."""
        found = [self._doorkeeper.application.client_secret, self._api_token, *self._doorkeeper.issued]
        for session in self._workspace.sessions:
            for person in self._workspace.people_of(session).values():
                detail = person["attributes"]["registrant_detail"]
                found += [detail[name] for name in ("password_key", "connection_link") if detail[name]]
        return found

    async def truth(self, request: Request) -> Response:
        """A stream as it is now: raw resources as JSON Lines, and their hash."""
        now = self._clock.now()
        rows: list[Resource]
        match request.path_params["stream"]:
            case "events":
                rows = [self._workspace.event(event, now) for event in self._workspace.events.values()]
            case "sessions":
                rows = [self._workspace.session(session, now) for session in self._workspace.sessions.values()]
            case "session_people":
                rows = [
                    {"session_id": session, **person}
                    for session in self._workspace.sessions
                    for person in self._workspace.people_of(session).values()
                ]
            case _:
                return JSONResponse({"error": "there are events, sessions and session_people"}, 404)
        body = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        digest = hashlib.sha256(body).hexdigest()
        return Response(body, headers={"X-Sandbox-Sha256": digest}, media_type="application/x-ndjson")

    def move_clock(self, _: Request, body: dict[str, Any]) -> Resource:
        """`{"advance": seconds}` or `{"set": unix seconds}`."""
        if set(body) == {"advance"}:
            self._clock.advance(_seconds(body["advance"]))
        elif set(body) == {"set"}:
            self._clock.advance(_seconds(body["set"]) - self._clock.now())
        else:
            raise ValueError("name one of advance (seconds) and set (unix seconds)")
        return {"clock": self._clock.now()}

    def change_settings(self, _: Request, body: dict[str, Any]) -> Resource:
        """Any of the settings."""
        self._settings.change(body)
        return asdict(self._settings)

    def grant(self, _: Request, body: dict[str, Any]) -> Resource:
        """A fresh pair, as if a person had just agreed."""
        scope = body.get("scope") or DEFAULT_SCOPE
        if not isinstance(scope, str) or not set(scope.split()) <= set(SCOPES):
            raise ValueError(f"scope is some of {' '.join(SCOPES)}")
        pair, application = self._doorkeeper.issue(scope), self._doorkeeper.application
        return {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "expires_at": pair.created_at + pair.expires_in,
            "scope": pair.scope,
        }

    def revoke(self, _: Request, body: dict[str, Any]) -> Resource:
        """`{"token": ...}`, or all of them."""
        self._doorkeeper.revoke(body.get("token"))
        return {}

    def add_fault(self, _: Request, body: dict[str, Any]) -> Resource:
        """A rule; see `faults.Fault`."""
        self._faults.rules.append(Fault.read(body))
        return {"rules": len(self._faults.rules)}

    def clear_faults(self, _: Request, __: dict[str, Any]) -> Resource:
        """No rules any more."""
        self._faults.rules.clear()
        return {}

    def reset_counters(self, _: Request, __: dict[str, Any]) -> Resource:
        """Begin to count at nought; the month's calls stay used."""
        self._rest.counters.clear()
        self._connections.clear()
        self._doorkeeper.refreshes = self._doorkeeper.refused_refreshes = self._doorkeeper.reuses = 0
        return {}

    def use_up_the_month(self, _: Request, __: dict[str, Any]) -> Resource:
        """As if somebody had made all calls of the month."""
        if not self._settings.monthly_limit:
            raise ValueError("there is no monthly limit")
        self._limits.take()  # the period starts with a call
        self._limits.used = self._settings.monthly_limit
        return {"used": self._limits.used}


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"seconds are a number; got {value!r}")
    return float(value)
