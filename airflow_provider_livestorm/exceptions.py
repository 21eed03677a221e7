"""Every error of this provider, in one taxonomy.

An error is written for the person who must act: what happened, to which connection, session or page, and what to do
next. `retryable` says whether trying again, with nothing changed, can help; Airflow's operators use it to choose
between a retry and a final failure. No message ever holds a token, a secret or a signed URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "ErrorDetail",
    "LivestormApiError",
    "LivestormAuthenticationError",
    "LivestormAuthorizationError",
    "LivestormBrokerError",
    "LivestormConfigurationError",
    "LivestormConnectionError",
    "LivestormDestinationError",
    "LivestormError",
    "LivestormForbiddenError",
    "LivestormListChangedError",
    "LivestormNotFoundError",
    "LivestormPublishConflictError",
    "LivestormQuotaExceededError",
    "LivestormRateLimitError",
    "LivestormReconnectRequiredError",
    "LivestormResponseError",
    "LivestormServerError",
    "LivestormTokenError",
    "LivestormUnknownConnectionError",
]


class LivestormError(Exception):
    """Base of all errors of this provider."""

    retryable: ClassVar[bool] = False


class LivestormConfigurationError(LivestormError):
    """The Connection, an argument or the Airflow configuration is wrong; a person must change it."""


class LivestormUnknownConnectionError(LivestormConfigurationError):
    """No such Connection; or, in an Airflow 3 task, none that the api-server could be asked for just now."""

    retryable = True


# --- on the wire -----


class LivestormConnectionError(LivestormError):
    """Livestorm could not be reached, or the connection broke before an answer was complete."""

    retryable = True


class LivestormResponseError(LivestormError):
    """An answer came that is not what Livestorm documents: not JSON, or not a JSON:API document."""

    retryable = True


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One entry of a JSON:API `errors` array; all four members are free text by Livestorm's own schema."""

    title: str | None = None
    detail: str | None = None
    code: str | None = None
    status: str | None = None

    def __str__(self) -> str:
        return self.detail or self.title or self.code or self.status or "no detail given"


class LivestormApiError(LivestormError):
    """Livestorm answered with an error.

    Attributes:
        status: the HTTP status.
        errors: the entries of the JSON:API error body; empty where the body was empty or not JSON.
    """

    def __init__(self, message: str, *, status: int, errors: tuple[ErrorDetail, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors


class LivestormAuthenticationError(LivestormApiError):
    """HTTP 401: the credential was refused."""


class LivestormForbiddenError(LivestormApiError):
    """HTTP 403: a scope is lacking, or the workspace is not validated for the API."""


class LivestormNotFoundError(LivestormApiError):
    """HTTP 404: no such record in this workspace."""


class LivestormServerError(LivestormApiError):
    """HTTP 5xx: a fault on Livestorm's side that outlived our retries.

    Attributes:
        retry_after: seconds that it asked us to wait; 0 if it did not say.
    """

    retryable = True

    def __init__(
        self, message: str, *, status: int, errors: tuple[ErrorDetail, ...] = (), retry_after: float = 0.0
    ) -> None:
        super().__init__(message, status=status, errors=errors)
        self.retry_after = retry_after


class LivestormRateLimitError(LivestormApiError):
    """HTTP 429 for the 5 requests a second, again and again: others are using the same workspace heavily.

    Attributes:
        retry_after: seconds that Livestorm asked us to wait.
    """

    retryable = True

    def __init__(
        self, message: str, *, status: int, errors: tuple[ErrorDetail, ...] = (), retry_after: float = 1.0
    ) -> None:
        super().__init__(message, status=status, errors=errors)
        self.retry_after = retry_after


class LivestormQuotaExceededError(LivestormApiError):
    """HTTP 429 because the calls of the 30-day period are used up. Never slept on.

    Attributes:
        resets_at: when the next period starts, UTC unix seconds, where Livestorm said so.
    """

    def __init__(
        self, message: str, *, status: int, errors: tuple[ErrorDetail, ...] = (), resets_at: float | None = None
    ) -> None:
        super().__init__(message, status=status, errors=errors)
        self.resets_at = resets_at


class LivestormListChangedError(LivestormError):
    """A list changed while it was being read, so that the rows seen do not match `meta.record_count`."""

    retryable = True


# --- tokens -----


class LivestormTokenError(LivestormError):
    """No access token can be had now, but the refresh token is not known to be lost."""

    retryable = True


class LivestormReconnectRequiredError(LivestormTokenError):
    """The refresh token is dead: a person must authorize the connection anew."""

    retryable = False


class LivestormAuthorizationError(LivestormError):
    """A person went to Livestorm to authorize a connection, and no tokens came of it."""


class LivestormBrokerError(LivestormTokenError):
    """The token broker in the api-server could not be reached or did not do its work."""


# --- where rows land -----


class LivestormDestinationError(LivestormError):
    """The destination cannot be used: not writable, or it holds files that are not ours."""


class LivestormPublishConflictError(LivestormError):
    """Another run published to the same destination meanwhile; what this run wrote stays unpublished."""

    retryable = True
