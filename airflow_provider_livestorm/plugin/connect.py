"""The authorization-code flow in the api-server: out to Livestorm with a state, and back at the callback with a code.

The state is bound to the person and the browser by a sealed cookie, and is used once in the whole deployment by a row
in the table of spent proofs. Tokens are stored before anything is said to have worked.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.providers.common.compat.sdk import conf
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from airflow_provider_livestorm.auth.authorization import LIFE_SECONDS, PendingAuthorization
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentProofs
from airflow_provider_livestorm.exceptions import LivestormError, LivestormTokenError
from airflow_provider_livestorm.hooks.account import LivestormAccount, Outcome
from airflow_provider_livestorm.hooks.connection import airflow_url
from airflow_provider_livestorm.plugin import sealed
from airflow_provider_livestorm.plugin.permissions import may
from airflow_provider_livestorm.plugin.told import told

__all__ = ["ConnectRoutes", "airflow_path", "came_with", "keep", "redirect_uri"]


_Result = TypeVar("_Result")


class _Choice(BaseModel):
    scopes: list[str] = Field(max_length=50)
    embedded: bool = False


@dataclass(frozen=True)
class ConnectRoutes:
    """`authorize`, and the callback.

    Args:
        account: opens a connection's account.
        states: knows which states were used, at whichever api-server.
        threads: for what waits on the database or on Livestorm.
        clock: UTC unix seconds.
    """

    account: Callable[[str], LivestormAccount]
    states: SpentProofs
    threads: Executor
    clock: Callable[[], float] = time.time

    def router(self) -> APIRouter:
        """For FastAPI."""
        router = APIRouter()
        router.add_api_route("/page/connections/{connection_id:path}/authorize", self.authorize, methods=["POST"])
        router.add_api_route("/callback", self.callback, methods=["GET"], name="callback")
        return router

    async def authorize(self, connection_id: str, choice: _Choice, request: Request, user: GetUserDep) -> Response:
        """The URL at Livestorm to send a person to; what is kept of it goes into a cookie."""
        back = redirect_uri(request)
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != urlsplit(back).netloc:
            # The cookie would stay at this address, and Livestorm sends the person to the other one.
            raise HTTPException(
                409, f"Livestorm sends you back to {back}: open Airflow at {airflow_url()}, and connect there."
            )

        def begin() -> tuple[PendingAuthorization, str]:
            if not may(user, "PUT", connection_id):
                raise HTTPException(403, "You may not edit this connection.")
            return self.account(connection_id).start_authorization(redirect_uri=back, scopes=choice.scopes)

        try:
            pending, url = await self._in_thread(begin)
        except LivestormError as error:
            raise HTTPException(503 if error.retryable else 409, str(error)) from None
        answer = JSONResponse({"url": url})
        for name in sealed.surplus(request.cookies):
            answer.delete_cookie(name, path=_cookie_path(request))
        text = sealed.seal_pending(pending, user=user.get_id(), embedded=choice.embedded)
        keep(answer, request, sealed.pending_cookie(pending.state), text, int(LIFE_SECONDS))
        return answer

    async def callback(self, request: Request, user: GetUserDep) -> Response:
        """Where Livestorm sends the person back to: its URL is the redirect URI that is registered there."""
        came = came_with(request)
        if not await self._in_thread(may, user, "GET"):
            raise HTTPException(403, "You may not see Airflow's connections. Ask whoever administers this Airflow.")
        cookie = sealed.pending_cookie(came.get("state", ""))
        kept = sealed.open_pending(request.cookies.get(cookie))
        back = airflow_path(request, "livestorm/")
        if kept is None:
            return told(
                400, "This browser has not started this",
                "Nothing was connected. Perhaps it was finished already, or begun more than"
                f" {LIFE_SECONDS / 60:.0f} minutes ago: then start again with Connect. If you started it on a command"
                " line, copy the address of this page and paste it there.",
                back=back, way="To the Livestorm connections",
            )  # fmt: skip
        pending, who, embedded = kept
        if who != user.get_id():
            return told(
                403, "Somebody else has started this",
                "Nothing was connected. Start again with Connect, as the user that you are logged in as now.",
                back=back, way="To the Livestorm connections",
            )  # fmt: skip
        outcome = await self._in_thread(self._finish, pending, came, user)
        page = f"livestorm/?connection={quote(pending.conn_id, safe='')}"
        answer = RedirectResponse(airflow_path(request, "plugin/livestorm" if embedded else page), 303)
        for name in (cookie, sealed.ANSWER_COOKIE):
            answer.delete_cookie(name, path=_cookie_path(request))
        notice = sealed.seal_notice(
            ok=outcome.ok, conn_id=pending.conn_id, message=outcome.message, user=who, now=self.clock()
        )
        keep(answer, request, sealed.NOTICE_COOKIE, notice, sealed.NOTICE_SECONDS)
        return answer

    def _finish(self, pending: PendingAuthorization, answer: dict[str, str], user: GetUserDep) -> Outcome:
        if not may(user, "PUT", pending.conn_id):
            return Outcome(ok=False, message="You may not edit this connection any more. Nothing was connected.")
        try:
            digest = hashlib.sha256(pending.state.encode()).hexdigest()
            if not self.states.first_use("authorization state", digest, pending.expires_at):
                return Outcome(ok=False, message="This was finished already. Start again with Connect.")
        except LivestormTokenError as error:
            return Outcome(ok=False, message=f"{error} Nothing was connected. Start again with Connect.")
        return self.account(pending.conn_id).finish_authorization(pending, answer)

    async def _in_thread(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)


def came_with(request: Request) -> dict[str, str]:
    """What a person brought to the callback, now or before they had to log in.

    Airflow's access log has the query of each request, as it finds it in the end: the code is taken out of it. Masking
    it would do as well, but anybody may ask, and fill the masker with whatever they like.
    """
    came = dict(request.query_params) or sealed.open_answer(request.cookies.get(sealed.ANSWER_COOKIE))
    request.scope["query_string"] = urlencode(dict.fromkeys(request.query_params, "***"), safe="*").encode()
    return came


def keep(answer: Response, request: Request, name: str, text: str, seconds: int) -> None:
    """Have the browser keep a sealed text for this page alone."""
    answer.set_cookie(
        name, text, max_age=seconds, path=_cookie_path(request), httponly=True, samesite="lax",
        secure=urlsplit(redirect_uri(request)).scheme == "https",
    )  # fmt: skip


def redirect_uri(request: Request) -> str:
    """Our callback as browsers reach it: by `[api] base_url`, which also a proxy leaves as it is."""
    if conf.get("api", "base_url", fallback=None):
        return f"{airflow_url()}/livestorm/callback"
    return str(request.url_for("callback"))


def airflow_path(request: Request, path: str = "") -> str:
    """The path of a page of Airflow as browsers know it, with the prefix that Airflow may be under."""
    return f"{urlsplit(redirect_uri(request)).path.removesuffix('livestorm/callback')}{path}"


def _cookie_path(request: Request) -> str:
    return airflow_path(request, "livestorm")
