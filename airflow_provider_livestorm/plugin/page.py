"""The Livestorm page in Airflow's UI: its files, what it shows, and the actions Test and Disconnect.

The files hold no data; all of it comes from `/page/connections`, and nothing there asks Livestorm. Who may not see
connections in Airflow is refused everywhere, the files included.
"""

from __future__ import annotations

import asyncio
import pathlib
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import msgspec
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from airflow_provider_livestorm.auth.scopes import SCOPES
from airflow_provider_livestorm.auth.stores.metadata_db import connection_ids
from airflow_provider_livestorm.exceptions import LivestormError
from airflow_provider_livestorm.hooks.account import LivestormAccount, Outcome
from airflow_provider_livestorm.hooks.connection import CONN_TYPE
from airflow_provider_livestorm.plugin import sealed
from airflow_provider_livestorm.plugin.connect import airflow_path, redirect_uri
from airflow_provider_livestorm.plugin.permissions import may

__all__ = ["PageRoutes"]

_ASSETS = pathlib.Path(__file__).with_name("assets")
# Not from the system's table, which may call a module text/plain: with nosniff no browser would run it.
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class PageRoutes:
    """All of the page but for the flow through Livestorm.

    Args:
        account: opens a connection's account.
        readers: threads for what waits on the database.
        callers: threads for what waits on Livestorm.
        clock: UTC unix seconds.
    """

    account: Callable[[str], LivestormAccount]
    readers: Executor
    callers: Executor
    clock: Callable[[], float] = time.time

    def router(self) -> APIRouter:
        """For FastAPI."""
        router = APIRouter()
        router.add_api_route("/", self.index, methods=["GET"], name="page")
        router.add_api_route("/assets/{name}", self.asset, methods=["GET"])
        router.add_api_route("/page/connections", self.connections, methods=["GET"])
        router.add_api_route("/page/connections/{connection_id:path}/test", self.test, methods=["POST"])
        router.add_api_route("/page/connections/{connection_id:path}/disconnect", self.disconnect, methods=["POST"])
        return router

    async def index(self, user: GetUserDep) -> Response:
        """The page."""
        return await self.asset("index.html", user)

    async def asset(self, name: str, user: GetUserDep) -> Response:
        """One of its files."""
        await self._read(_require, user, "GET")
        # Looked up, not joined: a name cannot leave the folder.
        found = {path.name: path for path in _ASSETS.iterdir()}.get(name)
        if found is None:
            raise HTTPException(404, "There is no such file.")
        return Response(found.read_bytes(), media_type=_TYPES[found.suffix])

    async def connections(self, request: Request, user: GetUserDep) -> Response:
        """All that the page shows to this user."""
        connections = await self._read(self._statuses, user)
        notice = sealed.open_notice(request.cookies.get(sealed.NOTICE_COOKIE), user=user.get_id())
        answer = JSONResponse(
            {
                "now": self.clock(),
                "redirect_uri": redirect_uri(request),
                "scopes": [
                    {"name": one.name, "about": one.about, "write": one.write, "preselected": one.preselected}
                    for one in SCOPES
                ],
                "connections_url": airflow_path(request, "connections"),
                "airflow_url": airflow_path(request),
                "notice": notice,
                "connections": connections,
            }
        )
        if notice is not None:
            answer.delete_cookie(sealed.NOTICE_COOKIE, path=airflow_path(request, "livestorm"))
        return answer

    async def test(self, connection_id: str, user: GetUserDep) -> Response:
        """Call Livestorm, and say who it takes us for."""
        return await self._act(user, connection_id, lambda: self.account(connection_id).test())

    async def disconnect(self, connection_id: str, user: GetUserDep) -> Response:
        """Remove the tokens, and revoke them where that can be done."""
        return await self._act(user, connection_id, lambda: self.account(connection_id).disconnect())

    async def _act(self, user: GetUserDep, conn_id: str, action: Callable[[], Outcome]) -> Response:
        await self._read(_require, user, "PUT", conn_id)
        return JSONResponse(asdict(await asyncio.get_running_loop().run_in_executor(self.callers, action)))

    def _statuses(self, user: GetUserDep) -> list[dict[str, Any]]:
        _require(user, "GET")
        shown = []
        for conn_id in connection_ids(CONN_TYPE):
            if may(user, "GET", conn_id):
                status = msgspec.to_builtins(self.account(conn_id).status())
                shown.append({**status, "may_edit": may(user, "PUT", conn_id)})
        return shown

    async def _read(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self.readers, work, *arguments)
        except LivestormError as error:
            raise HTTPException(503 if error.retryable else 409, str(error)) from None


def _require(user: GetUserDep, method: Any, conn_id: str | None = None) -> None:
    if not may(user, method, conn_id):
        words = "see Airflow's connections" if method == "GET" else "edit this connection"
        raise HTTPException(403, f"You may not {words}. Ask whoever administers this Airflow.")
