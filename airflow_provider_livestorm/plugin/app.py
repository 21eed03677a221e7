"""The app that the plugin mounts under `/livestorm`: the page for people, and the token broker for tasks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response

from airflow_provider_livestorm.auth.stores.spent_proofs import SpentProofs
from airflow_provider_livestorm.hooks.account import LivestormAccount
from airflow_provider_livestorm.plugin import sealed, token_broker
from airflow_provider_livestorm.plugin.connect import ConnectRoutes, airflow_path, came_with, keep, redirect_uri
from airflow_provider_livestorm.plugin.guard import Guard
from airflow_provider_livestorm.plugin.page import PageRoutes
from airflow_provider_livestorm.plugin.permissions import login_url
from airflow_provider_livestorm.plugin.told import told

__all__ = ["create_app"]

_UNAUTHORIZED = 401
_FORBIDDEN = 403


def create_app() -> FastAPI:
    """Both, each behind its own door: tasks do not wait for people, nor people for a crowd of tasks."""
    # The readers wait on the database only; Airflow's pool of connections is small, so they are few.
    readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="livestorm-page")
    callers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="livestorm-account")
    page = FastAPI(title="Livestorm", openapi_url=None)
    page.include_router(PageRoutes(LivestormAccount, readers, callers).router())
    page.include_router(ConnectRoutes(LivestormAccount, SpentProofs(), callers).router())
    page.add_exception_handler(HTTPException, _refuse)
    page.add_exception_handler(RequestValidationError, _misread)
    page.add_middleware(Guard)
    app = FastAPI(title="Livestorm", openapi_url=None)
    app.mount("/connections", token_broker.create_app(prefix=""))
    app.mount("", page)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """In words for the page, which asks by script; as a page for a person who comes by a link."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for that
    if request.url.path.startswith(airflow_path(request, "livestorm/page/")):
        sentence = "You are not logged in to Airflow." if error.status_code == _UNAUTHORIZED else str(error.detail)
        return JSONResponse({"error": sentence}, error.status_code)
    if error.status_code == _UNAUTHORIZED:
        return _to_login(request)
    heading = "Not for you" if error.status_code == _FORBIDDEN else "Not here"
    return told(error.status_code, heading, str(error.detail), back=airflow_path(request), way="Back to Airflow")


def _to_login(request: Request) -> Response:
    """There, and back. What Livestorm sent along is kept in the browser meanwhile: a login's URL is no place for it."""
    callback = redirect_uri(request)
    if not request.url.path.endswith("/livestorm/callback"):
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(login_url(f"{callback.removesuffix('callback')}{query}"), 303)
    answer = RedirectResponse(login_url(callback), 303)
    keep(
        answer,
        request,
        sealed.ANSWER_COOKIE,
        sealed.seal_answer(came_with(request), now=time.time()),
        sealed.ANSWER_SECONDS,
    )
    return answer


async def _misread(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "The page and this Airflow do not understand each other: reload the page."}, 422)
