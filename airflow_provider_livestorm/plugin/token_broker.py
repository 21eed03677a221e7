"""The token broker: gives Airflow 3 tasks the access token of a connection, and refreshes it where it may be written.

`POST /livestorm/connections/{conn_id}/access-token`, asked by `auth/stores/broker.py`. It answers at once: the token,
or 202 "being refreshed, come back", each caller in its turn. Reads and refreshes run on threads of its own, so that
neither a slow token endpoint nor a crowd of tasks takes one that Airflow's other routes need, and no database session
is held while Livestorm is asked.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.background import BackgroundTask

from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentProofs
from airflow_provider_livestorm.auth.token import TokenSet
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormError,
    LivestormReconnectRequiredError,
    LivestormTokenError,
)
from airflow_provider_livestorm.hooks.connection import ConnectionSettings, open_lease, server_side_settings
from airflow_provider_livestorm.plugin.admission import Admission
from airflow_provider_livestorm.plugin.callers import Callers, Looks, Proof, ProofRegister, problem, unauthorized
from airflow_provider_livestorm.plugin.usage_report import UsageReports, UsageRequest

__all__ = ["TokenBroker", "create_app"]

# Those who must come back are given turns: the next after so long, one behind the other, none later than the last.
_NEXT_TURN_SECONDS = 0.25
_LAST_TURN_SECONDS = 1.6
_TURNS_A_SECOND = 70
# Those who come all at once are let in so far from each other; a little less than turns are, so that none waits twice.
_APART_SECONDS = 0.012
# After a refresh that failed without a verdict, the callers' polls do not start another one at once.
_PAUSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class _Request(Proof):
    refused: str | None = Field(default=None, max_length=64)


class TokenBroker:
    """Answers for all connections of this api-server process.

    Args:
        settings: reads a connection by its id; raises LivestormConfigurationError where there is none.
        lease: opens the token lease of a connection.
        proofs: refuses those that were shown before, to whichever api-server.
        clock: UTC unix seconds, for what tokens say about time.
        monotonic: seconds that never go back, for what is remembered a while here.
    """

    def __init__(
        self,
        *,
        settings: Callable[[str], ConnectionSettings] = server_side_settings,
        lease: Callable[[ConnectionSettings], TokenLease] = open_lease,
        proofs: ProofRegister | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._looks = Looks(monotonic)
        proofs = proofs if proofs is not None else SpentProofs(clock=clock, monotonic=monotonic)
        self.callers = Callers(settings=settings, proofs=proofs, looks=self._looks, monotonic=monotonic)
        self._lease = lease
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._refreshes: dict[str, Future[TokenSet]] = {}
        self._failures: dict[str, tuple[float, str]] = {}
        self._last_turn = 0.0
        self._refreshers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="livestorm-refresh")

    def answer(self, conn_id: str, request: _Request) -> JSONResponse:
        """Answer one caller; never waits for Livestorm, nor for another caller."""
        try:
            settings = self.callers.authenticate(conn_id, request)
            if settings is None or settings.client_id is None:
                return unauthorized()
            refused = request.refused
            token = self._looks.look(("token", conn_id, refused), lambda: self._lease(settings).stored(refused=refused))
            if token is not None:
                return _granted(token, self._clock())
            refresh = self._start_refresh(conn_id, self._lease(settings), refused)
        except LivestormReconnectRequiredError as error:
            return problem(409, "reconnect_required", str(error))
        except LivestormConfigurationError as error:
            return problem(409, "configuration", str(error))
        except LivestormTokenError as error:
            return problem(503, "unavailable", str(error))
        # The server waits for background tasks before it stops: a refresh that was begun is finished and stored.
        return JSONResponse(
            {"status": "refreshing"}, 202, {"Retry-After-Ms": self._turn(), **_NO_STORE},
            background=BackgroundTask(_until_done, refresh),
        )  # fmt: skip

    def _turn(self) -> str:
        """When a caller is to come back, in milliseconds from now."""
        with self._lock:
            now = self._monotonic()
            turn = max(now + _NEXT_TURN_SECONDS, self._last_turn + 1 / _TURNS_A_SECOND)
            self._last_turn = min(turn, now + _LAST_TURN_SECONDS)
            return str(round((self._last_turn - now) * 1000))

    def _start_refresh(self, conn_id: str, lease: TokenLease, refused: str | None) -> Future[TokenSet]:
        """See to it that a refresh is under way; one at a time per connection here, and by the lease everywhere."""
        with self._lock:
            running = self._refreshes.get(conn_id)
            if running is not None and not running.done():
                return running
            failed_at, reason = self._failures.get(conn_id, (-math.inf, ""))
            if self._monotonic() - failed_at < _PAUSE_SECONDS:
                raise LivestormTokenError(reason)
            begun = self._refreshes[conn_id] = self._refreshers.submit(self._refresh, conn_id, lease, refused)
            return begun

    def _refresh(self, conn_id: str, lease: TokenLease, refused: str | None) -> TokenSet:
        failure: tuple[float, str] | None = None
        try:
            return lease.get(refused=refused)
        except Exception as error:
            reason = str(error)
            if isinstance(error, LivestormError):
                log.warning("%s", reason)
            else:  # nobody waits for this thread: what is not told here is told nowhere
                log.exception("Connection %s: its token could not be refreshed.", conn_id)
                reason = f"Connection {conn_id!r}: its token could not be refreshed; the api-server's log tells why."
            # A verdict is in the row, where a new refresh token or a corrected secret voids it at once.
            if not isinstance(error, LivestormReconnectRequiredError | LivestormConfigurationError):
                failure = (self._monotonic(), reason)
            raise
        finally:
            with self._lock:
                self._looks.clear()  # what was seen before this is old now
                self._failures.pop(conn_id, None)
                if failure is not None:
                    self._failures[conn_id] = failure


def create_app(broker: TokenBroker | None = None, *, prefix: str = "/connections") -> FastAPI:
    """The token broker as an app, behind a door of its own.

    Args:
        broker: that answers.
        prefix: of its path; none where the app is mounted under it.
    """
    broker = broker if broker is not None else TokenBroker()
    # The readers wait on the database only; Airflow's pool of connections is small, so they are few.
    readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="livestorm-broker")
    reports = UsageReports(broker.callers)
    app = FastAPI(title="Livestorm", openapi_url=None)

    @app.post(f"{prefix}/{{connection_id:path}}/access-token")
    async def access_token(connection_id: str, request: _Request) -> JSONResponse:
        return await asyncio.get_running_loop().run_in_executor(readers, broker.answer, connection_id, request)

    @app.post(f"{prefix}/{{connection_id:path}}/usage")
    async def usage(connection_id: str, request: UsageRequest) -> Response:
        return await asyncio.get_running_loop().run_in_executor(readers, reports.take, connection_id, request)

    app.add_middleware(Admission, at_once=2, apart=_APART_SECONDS)
    return app


async def _until_done(refresh: Future[TokenSet]) -> None:
    future = asyncio.wrap_future(refresh)
    await asyncio.wait([future])
    future.exception()  # told where it happened; asked for here, so that asyncio does not tell it again


_NO_STORE = {"Cache-Control": "no-store"}


def _granted(token: TokenSet, now: float) -> JSONResponse:
    body: dict[str, Any] = {
        "access_token": token.access_token,
        "generation": token.generation,
        "expires_in": None if token.expires_at is None else token.expires_at - now,
        "lifetime": token.lifetime,
        "scope": token.scope,
    }
    return JSONResponse(body, headers=_NO_STORE)
