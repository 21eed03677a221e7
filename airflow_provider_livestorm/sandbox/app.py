"""The sandbox put together: one workspace, one OAuth application, one ASGI app."""

from __future__ import annotations

import base64
import json
import os
import secrets

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_livestorm.sandbox.connections import ConnectionMiddleware, Connections
from airflow_provider_livestorm.sandbox.control import Control
from airflow_provider_livestorm.sandbox.doorkeeper import Application, Doorkeeper
from airflow_provider_livestorm.sandbox.faults import Faults
from airflow_provider_livestorm.sandbox.generate import generate
from airflow_provider_livestorm.sandbox.limits import Limits
from airflow_provider_livestorm.sandbox.oauth import OAuthRoutes
from airflow_provider_livestorm.sandbox.rest import RestApi
from airflow_provider_livestorm.sandbox.settings import Clock, Settings

__all__ = ["create_app"]

REDIRECT_URIS = ("http://127.0.0.1:8080/livestorm/callback", "http://localhost:8080/livestorm/callback")


def create_app(
    *,
    preset: str,
    seed: int,
    epoch: float,
    settings: Settings,
    connections: Connections,
    redirect_uris: tuple[str, ...] = REDIRECT_URIS,
) -> Starlette:
    """Make a sandbox.

    Args:
        preset: size of the workspace; `generate.PRESETS`.
        seed: of its data.
        epoch: its time at the start, UTC unix seconds.
        settings: limits and switches.
        connections: their counter; the server tells it when one is closed.
        redirect_uris: that the OAuth application registered.
    """
    clock = Clock(epoch)
    workspace = generate(preset, seed, epoch)
    application = Application(
        client_id=os.environ.get("LIVESTORM_SANDBOX_CLIENT_ID") or secrets.token_urlsafe(32),
        client_secret=os.environ.get("LIVESTORM_SANDBOX_CLIENT_SECRET") or secrets.token_urlsafe(32),
        redirect_uris=redirect_uris,
    )
    doorkeeper = Doorkeeper(application, settings, clock.now)
    limits, faults = Limits(settings, clock.now), Faults()
    api_token = _api_token(str(workspace.organization["id"]))
    rest = RestApi(workspace, settings, doorkeeper, limits, faults, api_token)
    oauth = OAuthRoutes(doorkeeper, faults, str(workspace.organization["attributes"]["name"]))
    control = Control(
        workspace=workspace, settings=settings, clock=clock, doorkeeper=doorkeeper,
        limits=limits, faults=faults, rest=rest, api_token=api_token, connections=connections,
        made_from={"preset": preset, "seed": seed, "epoch": epoch},
    )  # fmt: skip
    return Starlette(
        routes=[*rest.routes(), *oauth.routes(), *control.routes(), Route("/", _welcome)],
        middleware=[Middleware(ConnectionMiddleware, connections)],
    )


async def _welcome(_: Request) -> Response:
    return PlainTextResponse(
        "A Livestorm sandbox: /v1 (API), /oauth (authorize, token), /_sandbox/status, /_sandbox/credentials\n"
    )


def _api_token(organization: str) -> str:
    """JWT-shaped, as Livestorm's are (api.md 1.1); nobody checks its signature, for it is compared whole."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    header, claims = {"alg": "HS256", "typ": "JWT"}, {"organization_id": organization, "jti": secrets.token_hex(16)}
    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(secrets.token_bytes(32))}"
