"""From an HTTP answer to the error that a person can act on, and which of them are worth another try."""

from __future__ import annotations

import datetime as dt
import re

import requests

from airflow_provider_livestorm.api.json_api import decode_errors, read_quota
from airflow_provider_livestorm.api.pacing import LONGEST_BURST_WAIT, is_monthly, read_retry_after
from airflow_provider_livestorm.api.transport import Reply
from airflow_provider_livestorm.exceptions import (
    LivestormApiError,
    LivestormAuthenticationError,
    LivestormConnectionError,
    LivestormForbiddenError,
    LivestormNotFoundError,
    LivestormQuotaExceededError,
    LivestormRateLimitError,
    LivestormResponseError,
    LivestormServerError,
)

__all__ = ["error_from", "is_transient", "may_need_another_token"]

# A member ends at the quote before the next member or the end: quotes inside its text may be escaped, as RFC 9110 has
# it, or plain, as Doorkeeper writes `requires scope "events:read"`.
_CHALLENGE_MEMBER = re.compile(r'(\w+)="(.*?)"(?=\s*(?:,\s*\w+="|$))')
_HINTS = {
    400: "Check the parameters; pages are 0-based and a page past the last answers 400",
    402: "The plan's monthly allowance of active contacts is used up",
    409: "It exists already",
}


def may_need_another_token(response: Reply) -> bool:
    """Whether a call was refused for its access token, so that another one could help.

    A token that expired or was revoked is refused by the OAuth layer, in `WWW-Authenticate` (api.md 1.2). A 401 in the
    API's own form, without that header, is about something else, such as a scope that lacks (api.md 4): a refresh by
    each task that meets it would help none of them.
    """
    if response.status_code != requests.codes.unauthorized:
        return False
    return "WWW-Authenticate" in response.headers or not decode_errors(response.content)


def error_from(response: Reply, *, what: str, now: float) -> LivestormApiError:
    """Make the error for a refused call.

    Args:
        response: any answer that is not a success.
        what: method and path, to name the call in the message.
        now: UTC unix seconds, to tell when a monthly limit ends.
    """
    status = response.status_code
    errors = decode_errors(response.content)
    said = "; ".join(str(error) for error in errors)
    message = f"{what}: Livestorm answered HTTP {status}"

    if response.is_redirect:
        return LivestormApiError(f"{message}, a redirect, which is not followed. Check the API URL.", status=status)
    if status == requests.codes.unauthorized:
        said = said or _bearer_error(response) or "credential refused"
        return LivestormAuthenticationError(
            f"{message} ({said}). An OAuth connection needs both its client id as login and its client secret as"
            " password; a private API token goes into the password with the login left empty.",
            status=status,
            errors=errors,
        )
    if status == requests.codes.forbidden:
        said = said or _bearer_error(response) or "no reason given"
        return LivestormForbiddenError(
            f"{message} ({said}). The credential lacks a scope, or the workspace is not validated for the API.",
            status=status,
            errors=errors,
        )
    if status == requests.codes.not_found:
        return LivestormNotFoundError(
            f"{message} ({said or 'not found'}). It does not exist, or belongs to another workspace.",
            status=status,
            errors=errors,
        )
    if status == requests.codes.too_many_requests:
        return _too_many_requests(response, message, now)
    if status >= requests.codes.internal_server_error:
        return LivestormServerError(
            f"{message}{f' ({said})' if said else ''}: a fault on their side. Try again later; see"
            " status.livestorm.co.",
            status=status,
            errors=errors,
            retry_after=read_retry_after(response.headers, now=now) or 0.0,
        )
    hint = _HINTS.get(status, "")
    return LivestormApiError(
        f"{message} ({said or 'no reason given'}).{f' {hint}.' if hint else ''}", status=status, errors=errors
    )


def is_transient(error: BaseException, *, repeatable: bool) -> bool:
    """Whether the call may be tried again at once: always after a burst 429, else only what is safe to repeat."""
    if isinstance(error, LivestormRateLimitError):
        return True
    if isinstance(error, LivestormServerError) and error.retry_after > LONGEST_BURST_WAIT:
        return False  # not at once, then: Airflow's own retries wait without holding a worker
    return repeatable and isinstance(error, LivestormConnectionError | LivestormResponseError | LivestormServerError)


def _too_many_requests(response: Reply, message: str, now: float) -> LivestormApiError:
    quota = read_quota(response.headers)
    retry_after = read_retry_after(response.headers, now=now)
    errors = decode_errors(response.content)
    if is_monthly(quota, retry_after):
        resets_at = None if retry_after is None else now + retry_after
        when = ""
        if resets_at is not None:
            when = f" A new period starts at {dt.datetime.fromtimestamp(resets_at, dt.UTC):%Y-%m-%d %H:%M} UTC."
        return LivestormQuotaExceededError(
            f"{message}: the workspace's monthly quota of calls is used up.{when}",
            status=response.status_code,
            errors=errors,
            resets_at=resets_at,
        )
    return LivestormRateLimitError(
        f"{message}: too many requests in this second. Others use the same workspace's limit of 5 a second.",
        status=response.status_code,
        errors=errors,
        retry_after=1.0 if retry_after is None else retry_after,
    )


def _bearer_error(response: Reply) -> str | None:
    """`error_description` out of WWW-Authenticate: Doorkeeper puts its reason there and leaves the body empty."""
    found = dict(_CHALLENGE_MEMBER.findall(response.headers.get("WWW-Authenticate", "")))
    said = found.get("error_description") or found.get("error")
    return said and said.replace("\\", "")
