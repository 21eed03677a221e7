"""Between two tries of one call: how long to wait, and what the log is told. Called by `client.py` alone."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

import tenacity

from airflow_provider_livestorm.exceptions import LivestormRateLimitError, LivestormServerError

__all__ = ["say_retry", "wait_before"]

log = logging.getLogger(__name__)


def wait_before(state: tenacity.RetryCallState) -> float:
    """0.5, 1, 2, 4 s and so on to 30 s, with up to as much jitter again; on top of what a 429 or a 5xx asks for.

    The jitter spreads callers that were refused together, so that they do not meet again.
    """
    error = state.outcome.exception() if state.outcome else None
    backoff: float = 0.5 * 2 ** min(state.attempt_number - 1, 6)
    jitter = random.random()  # noqa: S311 - spreads retries, guards no secret
    if isinstance(error, LivestormRateLimitError) or (isinstance(error, LivestormServerError) and error.retry_after):
        return error.retry_after + min(5.0, backoff) * jitter
    return min(30.0, backoff * (1.0 + jitter))


def say_retry(what: str) -> Callable[[tenacity.RetryCallState], None]:
    """What tells the log of each try that failed; `what` names the call."""

    def say(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s: try %d failed (%s); again in %.1f s", what, state.attempt_number, error, state.upcoming_sleep)

    return say
