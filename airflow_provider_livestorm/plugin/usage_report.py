"""Where tasks report their calls: `POST /livestorm/connections/{conn_id}/usage`, sent by `usage/report.py`.

Answered beside the token broker, to the same callers and by the same proof. A report changes what people are shown, and
nothing that tasks depend on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, Field

from airflow_provider_livestorm.exceptions import LivestormTokenError
from airflow_provider_livestorm.plugin.callers import Callers, Proof, problem, unauthorized
from airflow_provider_livestorm.usage.facts import DAYS, QuotaReading, Report
from airflow_provider_livestorm.usage.ledger import Ledger

__all__ = ["UsageReports"]

# A day of calls at 5 a second; more, one connection cannot have made.
_MOST_CALLS = 432_000
_MOST_MONTHLY = 1_000_000_000
_Count = Annotated[int, Field(ge=0, le=_MOST_CALLS)]
_Quota = Annotated[int, Field(ge=0, le=_MOST_MONTHLY)]
# A clock that is wrong must not keep the readings of all others out.
_CLOCKS_SECONDS = 60.0
_MONTH_SECONDS = 31 * 86_400.0


class _Reading(BaseModel):
    limit: _Quota | None = None
    remaining: _Quota | None = None
    at: float
    resets_at: float | None = None


class UsageRequest(Proof):
    """A report as it comes."""

    calls: dict[Annotated[str, Field(max_length=10)], _Count] = Field(max_length=DAYS + 1)
    quota: _Reading | None = None


class UsageReports:
    """Takes reports.

    Args:
        callers: who may report.
        ledger: where they are kept.
        clock: UTC unix seconds.
    """

    def __init__(
        self, callers: Callers, *, ledger: Ledger | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._callers = callers
        self._ledger = ledger if ledger is not None else Ledger(clock=clock)
        self._clock = clock

    def take(self, conn_id: str, request: UsageRequest) -> Response:
        """Keep one report; 204."""
        try:
            if self._callers.authenticate(conn_id, request) is None:
                return unauthorized()
        except LivestormTokenError as error:
            return problem(503, "unavailable", str(error))
        self._ledger.record(conn_id, Report(request.calls, self._reading(request.quota)))
        return Response(status_code=204)

    def _reading(self, told: _Reading | None) -> QuotaReading | None:
        if told is None:
            return None
        now = self._clock()
        if not now - _MONTH_SECONDS <= told.at <= now + _CLOCKS_SECONDS:
            return None
        resets_at = told.resets_at
        if resets_at is not None and not now <= resets_at <= now + _MONTH_SECONDS:
            resets_at = None
        return QuotaReading(told.limit, told.remaining, told.at, resets_at)
