"""The status page at `/_sandbox/`: files from `assets/`, as they are. All that it shows it asks the controls for."""

from __future__ import annotations

import pathlib

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

__all__ = ["routes"]

_ASSETS = pathlib.Path(__file__).with_name("assets")
# Not from the system's table, which may call a module text/plain: with nosniff no browser would run it.
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def routes() -> list[Route]:
    """For Starlette."""
    return [Route("/_sandbox/", _index, methods=["GET"]), Route("/_sandbox/assets/{name}", _asset, methods=["GET"])]


def _index(_: Request) -> Response:
    return _file(_ASSETS / "index.html")


def _asset(request: Request) -> Response:
    # Looked up, not joined: a name cannot leave the folder.
    found = {path.name: path for path in _ASSETS.iterdir()}.get(request.path_params["name"])
    return JSONResponse({"error": "no such file"}, 404) if found is None else _file(found)


def _file(path: pathlib.Path) -> Response:
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix])
