"""What holds for every answer of the Livestorm page: what a browser may do with it, and which sites may ask.

Airflow knows its users by a cookie that a browser sends along by itself (SameSite=Lax), so a page of a neighbouring
site could ask in a person's name. What changes anything is therefore taken from our own page only.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["PAGE_HEADER", "Guard"]

# A page of another origin cannot send it without asking first by CORS, which only Airflow's own settings allow.
PAGE_HEADER = "X-Livestorm-Page"
_SAFE = frozenset({"GET", "HEAD"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Frame-Options": "SAMEORIGIN",  # Airflow's UI shows the page in a frame of its own origin
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the callback's URL holds a code
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "clipboard-write=(self)",
}


class Guard:
    """Refuses what other sites ask for, and sets the headers.

    Args:
        app: what is guarded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call; ASGI's way to be called."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app = self._app
        if scope["method"] not in _SAFE and not _of_our_page(Headers(scope=scope)):
            app = JSONResponse({"error": "Only the Livestorm page itself may ask for this."}, 403)
        await app(scope, receive, send_with_headers)


def _of_our_page(headers: Headers) -> bool:
    """Whether a request that changes something was made by our own page, or by a program with a token of its own."""
    if headers.get("Authorization"):  # no browser sends that by itself
        return True
    if headers.get(PAGE_HEADER) != "1" or not headers.get("Content-Type", "").startswith("application/json"):
        return False
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    # A browser of before 2023: its Origin must be the host that it asked, as the first proxy saw it.
    origin = urlsplit(headers.get("Origin", ""))
    hosts = {headers.get("Host"), headers.get("X-Forwarded-Host", "").partition(",")[0].strip()}
    return bool(origin.netloc) and origin.netloc in hosts
