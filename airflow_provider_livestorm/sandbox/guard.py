"""What holds for every answer under `/_sandbox/`: who may ask, and what a browser may do with it."""

from __future__ import annotations

from collections import defaultdict

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_livestorm.sandbox.same_site import refusal

__all__ = ["CONTROLS", "GuardMiddleware"]

CONTROLS = "/_sandbox"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",  # answers hold secrets, and are old at once
    "Cross-Origin-Resource-Policy": "same-origin",
}


class GuardMiddleware:
    """Refuses pages of other sites, and sets the headers.

    Args:
        app: what is guarded.
        names: see `same_site.refusal`.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{CONTROLS}/"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers: dict[str, list[str]] = defaultdict(list)
        for name, value in scope["headers"]:
            headers[name.decode("latin-1").lower()].append(value.decode("latin-1"))
        reason = refusal(headers, scope["scheme"], self._names)
        app = self._app if reason is None else JSONResponse({"error": reason}, 403)
        await app(scope, receive, send_with_headers)
