"""The one HTTP client: a `requests.Session`, one `request()`, one `paginate()` that yields pages.

Made by the hook for each task, and usable without Airflow. It knows how to wait, retry and read errors; who may call is
the business of the `Credential` it is given, how fast is the `Pacer`'s.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol, Self

import msgspec
import requests
import tenacity

from airflow_provider_livestorm.api.answer import Answer, Page
from airflow_provider_livestorm.api.errors import error_from, is_transient, may_need_another_token
from airflow_provider_livestorm.api.json_api import Document, Quota, decode_document, next_page, read_quota
from airflow_provider_livestorm.api.lanes import Ahead, Lanes
from airflow_provider_livestorm.api.pacing import Pacer, monthly_reset
from airflow_provider_livestorm.api.retries import say_retry, wait_before
from airflow_provider_livestorm.api.transport import (
    Reply,
    Transport,
    encode_query,
    require_secure_url,
    transport_reason,
)
from airflow_provider_livestorm.exceptions import (
    LivestormApiError,
    LivestormConfigurationError,
    LivestormConnectionError,
    LivestormError,
    LivestormListChangedError,
    LivestormRateLimitError,
)

__all__ = ["API_URL", "PAGE_SIZE_MAX", "Answer", "Credential", "LivestormClient", "Page"]

API_URL = "https://api.livestorm.co/v1"
PAGE_SIZE_MAX = 50  # Livestorm docs, "Pagination"
_CONNECT_TIMEOUT = 10.0
_READ_TIMEOUT = 60.0  # a PATCH of a session person is known to answer late (api.md 9)
_HEADERS = {"Accept": "application/vnd.api+json", "User-Agent": "airflow-provider-livestorm"}
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Credential(Protocol):
    """Who calls. Implementations: `auth.credentials`."""

    def authorization(self) -> str:
        """The value of the Authorization header, good for a call made now."""

    def renew(self, refused: str) -> bool:
        """The API refused the header `refused` with 401: get another. False where there is no other."""


class LivestormClient:
    """Calls Livestorm's REST API v1 and decodes its answers.

    Args:
        credential: gives the Authorization header.
        base_url: the API's root; https, or http on loopback.
        pacer: keeps the limits; shared by all threads that use this client.
        observer: told of each call that was sent, once it was answered or failed: the quota as its headers told it,
            and when a new month begins, UTC unix seconds, where a refusal said so.
        max_attempts: how often one call is tried in all, where trying again is safe; burst 429s do not count.
        deadline: seconds after which no further try of one call is begun.
        timeout: seconds to connect and to wait between two bytes of an answer.
        sleep: waits that many seconds; between tries.
        clock: UTC unix seconds.

    Attributes:
        lanes: how many calls are on their way at once.

    Raises:
        LivestormConfigurationError: `base_url` is neither https nor loopback.
    """

    def __init__(
        self,
        credential: Credential,
        *,
        base_url: str = API_URL,
        pacer: Pacer | None = None,
        observer: Callable[[Quota, float | None], None] | None = None,
        max_attempts: int = 5,
        deadline: float = 300.0,
        timeout: tuple[float, float] = (_CONNECT_TIMEOUT, _READ_TIMEOUT),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.base_url = require_secure_url(base_url, what="API URL").rstrip("/")
        self.pacer = pacer if pacer is not None else Pacer()
        self._credential = credential
        self._observer = observer
        self._max_attempts = max_attempts
        self._deadline = deadline
        self._sleep = sleep
        self._clock = clock
        self._calls = 0
        self._counting = threading.Lock()
        self.lanes = Lanes(self.pacer)
        self._transport = Transport(self.base_url, _HEADERS, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept-alive connections."""
        self.lanes.close()
        self._transport.close()

    @property
    def quota(self) -> Quota:
        """The quota as the newest answer told it; all None before the first answer."""
        return self.pacer.quota

    @property
    def calls(self) -> int:
        """Calls sent to the API by this client, retries included."""
        return self._calls

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        idempotent: bool | None = None,
    ) -> Answer:
        """Call the API once, and again where that is safe and can help.

        Args:
            method: GET, POST, PATCH, PUT or DELETE.
            path: below the base URL, with a leading slash: `/events`.
            params: query parameters; booleans are sent as `true` and `false`, lists comma-joined, None left out.
            json: the body, sent as `application/vnd.api+json`.
            idempotent: whether repeating the call is harmless; by default GET only. A 429 is always repeated: the
                call was not carried out.

        Raises:
            LivestormApiError: Livestorm answered with an error; its subclasses tell which.
            LivestormConnectionError: no complete answer came.
            LivestormResponseError: the answer is not JSON:API.
            LivestormTokenError: there is no access token to call with.
        """
        method = method.upper()
        if not path.startswith("/"):
            raise LivestormConfigurationError(f"A path starts with a slash; got {path!r}.")
        repeatable = method in _SAFE_METHODS if idempotent is None else idempotent
        body = None if json is None else msgspec.json.encode(json)
        query = encode_query(params)
        failures, began = 0, time.monotonic()
        failed: list[LivestormError] = []

        def attempt() -> Answer:
            if failed:
                raise failed.pop()
            return self._authorized(method, path, query, body)

        def tried_enough(state: tenacity.RetryCallState) -> bool:
            """A burst 429 says nothing against the call itself: only the deadline ends those."""
            nonlocal failures
            error = state.outcome.exception() if state.outcome else None
            failures += not isinstance(error, LivestormRateLimitError)
            too_late = time.monotonic() - began + state.upcoming_sleep >= self._deadline
            return too_late or failures >= self._max_attempts

        # Most calls succeed at once, and what stands ready to repeat them would take a tenth of their time.
        try:
            return attempt()
        except LivestormError as error:
            if not is_transient(error, repeatable=repeatable):
                raise
            failed.append(error)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: is_transient(error, repeatable=repeatable)),
            wait=wait_before,
            stop=tried_enough,
            sleep=self._pause,
            before_sleep=say_retry(f"{method} {path}"),
            reraise=True,
        )
        return retrying(attempt)

    def paginate(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        page_size: int = PAGE_SIZE_MAX,
        first_page: int = 0,
        fetch: Callable[[int, Callable[[], Document]], Document] | None = None,
    ) -> Iterator[Page]:
        """Yield the pages of a list, one call each, until Livestorm says that there is no next one.

        Where answers are slow, the next pages are asked for meanwhile (`lanes`).

        Args:
            path: of the list: `/sessions/{id}/people`.
            params: filters and includes.
            page_size: rows a page, 1 to 50.
            first_page: 0-based; to resume.
            fetch: asked for each page with its number and what calls for it, in any thread; for a caller that keeps
                pages.

        Raises:
            LivestormListChangedError: the list shrank while it was read, so that the next page is gone.
            And whatever `request` raises.
        """
        if not 1 <= page_size <= PAGE_SIZE_MAX:
            raise LivestormConfigurationError(f"page_size is 1 to {PAGE_SIZE_MAX}; got {page_size}.")

        def ask(number: int) -> Document:
            query = {**(params or {}), "page[number]": number, "page[size]": page_size}
            call = partial(self._document, path, query)
            return call() if fetch is None else fetch(number, call)

        ahead = Ahead(self.lanes, ask)
        number: int | None = first_page
        count: int | None = None
        try:
            while number is not None:
                try:
                    document = ahead.page(number, count)
                except LivestormApiError as error:
                    if error.status == requests.codes.bad_request and number > first_page:
                        raise LivestormListChangedError(
                            f"GET {path}: page {number} was announced and is gone (HTTP 400); rows were deleted while"
                            " the list was read. Read the list again."
                        ) from error
                    raise
                meta = document.meta
                count = meta.page_count
                yield Page(number, document.many, document.included, meta.record_count, count)
                number = next_page(number, document)
        finally:
            ahead.close()

    def _document(self, path: str, params: Mapping[str, Any]) -> Document:
        return self.request("GET", path, params=params).document

    def _authorized(self, method: str, path: str, query: dict[str, str], body: bytes | None) -> Answer:
        """One call; after a 401 once more with another token, if the credential has one."""
        reply, header, quota = self._send(method, path, query, body)
        if may_need_another_token(reply) and self._credential.renew(header):
            reply, _, quota = self._send(method, path, query, body)
        if not 200 <= reply.status_code < 300:  # noqa: PLR2004 - HTTP success
            raise error_from(reply, what=f"{method} {path}", now=self._clock())
        what = f"{method} {path}"
        return Answer(reply.status_code, decode_document(reply.content, what=what), quota)

    def _send(self, method: str, path: str, query: dict[str, str], body: bytes | None) -> tuple[Reply, str, Quota]:
        """Send, and tell which Authorization header went along, and what was answered of the quota."""
        self.pacer.acquire()
        quota, refused, sent, resets_at = Quota(), False, False, None
        try:
            # Asked for after the pacer's wait: a token may expire meanwhile.
            authorization = self._credential.authorization()
            with self._counting:
                self._calls += 1
            sent = True
            began = time.monotonic()
            reply = self._transport.send(method, path, query, body, authorization)
            self.lanes.took(time.monotonic() - began)
            quota = read_quota(reply.headers)
            refused = reply.status_code == requests.codes.too_many_requests
            resets_at = monthly_reset(reply.headers, now=self._clock()) if refused else None
        except requests.RequestException as error:
            # `from None`: the cause repeats the whole URL, whose query may hold an e-mail address.
            raise LivestormConnectionError(
                f"{method} {self.base_url}{path}: no complete answer ({transport_reason(error)})."
            ) from None
        except OSError as error:  # what requests raises for REQUESTS_CA_BUNDLE with a file that is not there
            raise LivestormConfigurationError(f"{method} {self.base_url}{path}: not sent. {error}") from None
        finally:
            self.pacer.answered(quota, refused=refused)
            if sent and self._observer is not None:
                self._observer(quota, resets_at)
        return reply, authorization, quota

    def _pause(self, seconds: float) -> None:
        """Wait between two tries; of a page that was asked ahead, no longer than somebody wants it."""
        given_up = self.lanes.given_up
        if given_up is None or self._sleep is not time.sleep:
            self._sleep(seconds)
        else:
            given_up.wait(seconds)
        if given_up is not None and given_up.is_set():
            raise LivestormConnectionError("Not asked again: the list is not read on.")
