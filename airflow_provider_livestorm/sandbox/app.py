"""The sandbox put together: one workspace, one OAuth application, one ASGI app."""

from __future__ import annotations

import traceback

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_livestorm.sandbox import page
from airflow_provider_livestorm.sandbox.access import AccessControls
from airflow_provider_livestorm.sandbox.clock import Clock
from airflow_provider_livestorm.sandbox.connections import ConnectionMiddleware, Connections
from airflow_provider_livestorm.sandbox.control import Control
from airflow_provider_livestorm.sandbox.credentials import READ_SCOPES, api_token, application
from airflow_provider_livestorm.sandbox.deliveries import Deliveries
from airflow_provider_livestorm.sandbox.disturbance import disturb
from airflow_provider_livestorm.sandbox.doorkeeper import Doorkeeper
from airflow_provider_livestorm.sandbox.errors import ApiError, error_response
from airflow_provider_livestorm.sandbox.faults import Faults
from airflow_provider_livestorm.sandbox.generate import generate
from airflow_provider_livestorm.sandbox.guard import GuardMiddleware
from airflow_provider_livestorm.sandbox.limits import Limits
from airflow_provider_livestorm.sandbox.makers import Maker
from airflow_provider_livestorm.sandbox.oauth import OAuthRoutes
from airflow_provider_livestorm.sandbox.recordings import Storage
from airflow_provider_livestorm.sandbox.rest import RestApi
from airflow_provider_livestorm.sandbox.same_site import names_of
from airflow_provider_livestorm.sandbox.service import Service
from airflow_provider_livestorm.sandbox.settings import Settings

__all__ = ["REDIRECT_URIS", "create_app"]

REDIRECT_URIS = ("http://127.0.0.1:8080/livestorm/callback", "http://localhost:8080/livestorm/callback")


def create_app(
    *,
    preset: str,
    seed: int,
    epoch: float,
    settings: Settings,
    connections: Connections,
    redirect_uris: tuple[str, ...] = REDIRECT_URIS,
    names: frozenset[str] | None = names_of("localhost", "127.0.0.1"),
) -> Starlette:
    """Make a sandbox.

    Args:
        preset: size of the workspace; `generate.PRESETS`.
        seed: of its data.
        epoch: its time at the start, UTC unix seconds.
        settings: limits and switches.
        connections: their counter; the server tells it when one is closed.
        redirect_uris: that the OAuth application registered.
        names: by which a browser may call the controls; `same_site.names_of`.
    """
    life = generate(preset, seed, epoch, settings)
    workspace, clock = life.workspace, Clock(epoch)
    limits = Limits(settings, clock.now)
    # The service is made below, and calls come later still.
    faults = Faults(connections, lambda path, how: disturb(service, path, how), limits.used_up)
    storage = Storage(lambda: workspace.sessions, clock.now, faults)
    maker = Maker(f"livestorm sandbox {preset} {seed}, made by callers", int(epoch))
    service = Service(life, settings, clock, storage, maker)
    token = api_token(workspace.organization["id"])
    doorkeeper = Doorkeeper(application(redirect_uris), settings, clock.now, next(iter(workspace.users.values())))
    rest = RestApi(service, doorkeeper, limits, faults, {token: READ_SCOPES})
    oauth = OAuthRoutes(doorkeeper, limits, faults, workspace.organization)
    deliveries = Deliveries(service)
    access = AccessControls(workspace, doorkeeper, token, rest.api_tokens)
    control = Control(
        service=service, doorkeeper=doorkeeper, limits=limits, faults=faults, rest=rest, access=access,
        deliveries=deliveries, connections=connections, made_from={"preset": preset, "seed": seed, "epoch": epoch},
    )  # fmt: skip
    app = Starlette(
        routes=[
            *rest.routes(),
            *oauth.routes(),
            *storage.routes(),
            *page.routes(),
            *control.routes(),
            Route("/", _welcome),
        ],
        middleware=[Middleware(ConnectionMiddleware, connections), Middleware(GuardMiddleware, names)],
        exception_handlers={Exception: _broken},
        lifespan=deliveries.running,
    )
    app.router.redirect_slashes = False
    return app


async def _broken(_: Request, error: Exception) -> Response:
    """A fault of the sandbox's own, told where its user looks, and answered as Livestorm would."""
    if not isinstance(error, (ConnectionAbortedError, ClientDisconnect)):  # breakage.py; the caller went away
        traceback.print_exception(error)
    return error_response(ApiError(500, "Internal server error", "A fault of the sandbox; its output tells more"), {})


async def _welcome(_: Request) -> Response:
    return PlainTextResponse(
        "A Livestorm sandbox: /v1 (API), /oauth (authorize, token), /_sandbox/ (its status and controls)\n"
    )
