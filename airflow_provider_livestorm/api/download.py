"""Downloads from signed URLs: whole or an error, on from where a connection broke, and with no token of ours.

Called by the operator for recordings. How a signed URL is called is the business of `signed_url.py`, and where the
bytes land is that of the `Sink`.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

import requests
import tenacity

from airflow_provider_livestorm.api.errors import is_transient
from airflow_provider_livestorm.api.signed_url import SignedUrls
from airflow_provider_livestorm.api.transport import transport_reason
from airflow_provider_livestorm.exceptions import LivestormApiError, LivestormConnectionError, LivestormResponseError

__all__ = ["Downloader", "Sink", "Source"]

_BLOCK = 64 * 1024  # bytes in memory at a time; what a broken connection loses at most
_EXPIRED = frozenset({400, 401, 403, 404, 410})  # how stores refuse a signed URL that was good once
_LONGEST_BACKOFF = 30.0  # seconds
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")  # RFC 9110, 14.4

log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


class Sink(Protocol):
    """Where the bytes of one download go."""

    @property
    def position(self) -> int:
        """Bytes that it holds, from the first on."""

    @property
    def etag(self) -> str | None:
        """The strong ETag of what they are from; None where they cannot be gone on from."""

    def begin(self, etag: str | None) -> None:
        """Forget all bytes; those that come now are of what has this ETag."""

    def write(self, block: bytes) -> None:
        """Take the next bytes."""


@dataclass(frozen=True)
class Source:
    """What is downloaded.

    Attributes:
        name: for people: `Recording <id> of session <id>`.
        url: signed; never shown.
        size: bytes as Livestorm told them; None where it did not.
        renew: asks Livestorm for a fresh URL. Called once where the storage refuses the one at hand, and again only
            after bytes came with that.
    """

    name: str
    url: str = field(repr=False)
    size: int | None
    renew: Callable[[], str] = field(repr=False)


class Downloader:
    """Downloads one source after the other over connections that it keeps.

    Example::

        with Downloader() as downloader:
            downloader.download(source, sink)

    Args:
        max_attempts: tries in a row that bring no new byte, before it gives up.
        timeout: seconds to connect and to wait between two bytes.
        sleep: waits that many seconds; between tries.
    """

    def __init__(
        self,
        *,
        max_attempts: int = 5,
        timeout: tuple[float, float] = (10.0, 60.0),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._max_attempts = max_attempts
        self._sleep = sleep
        self._urls = SignedUrls(timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._urls.close()

    def size_of(self, source: Source) -> int | None:
        """The bytes that the storage announces, without reading them; None where it announces none.

        Raises:
            As `download`, but for the sink.
        """

        def ask(url: str) -> int | None:
            with self._urls.open(source.name, url, {}) as response:
                return _length(response)

        return self._persist(source, ask, lambda: 0)

    def download(self, source: Source, sink: Sink) -> None:
        """Fill the sink with the whole of the source.

        What the sink holds already is gone on from, where the storage has the same still and can send a part of it;
        else all is fetched from the start.

        Raises:
            LivestormApiError: the storage refuses, also with a fresh URL, or sends us from place to place.
            LivestormServerError: it is out of order.
            LivestormConnectionError: the connection broke again and again.
            LivestormResponseError: what it has is not what Livestorm told, or is not HTTP as documented.
            And whatever `source.renew` and the sink raise.
        """
        self._persist(source, lambda url: self._pull(source, url, sink), lambda: sink.position)

    def _persist(self, source: Source, act: Callable[[str], ResultT], position: Callable[[], int]) -> ResultT:
        """Act; again after what may pass, and with a fresh URL where the one at hand is refused."""
        progress = _Progress(position, self._max_attempts)
        url, renewed_at = source.url, -1
        while True:
            retrying = tenacity.Retrying(
                retry=tenacity.retry_if_exception(lambda error: is_transient(error, repeatable=True)),
                wait=progress.wait,
                stop=progress.tried_enough,
                sleep=self._sleep,
                before_sleep=progress.say,
                reraise=True,
            )
            try:
                return retrying(act, url)
            except LivestormApiError as error:
                if error.status not in _EXPIRED or renewed_at == progress.look():
                    raise
                renewed_at = progress.farthest
            log.info(
                "%s: its signed URL is refused, as if it had expired. Livestorm is asked for another.", source.name
            )
            url = source.renew()

    # --- one try -----

    def _pull(self, source: Source, url: str, sink: Sink) -> None:
        if sink.position and sink.position == source.size:
            return  # an earlier try ended when all was there
        start = sink.position if sink.etag else 0
        headers = {"Range": f"bytes={start}-", "If-Range": sink.etag or ""} if start else {}
        with self._urls.open(source.name, url, headers) as response:
            total = _agreed(source, response, sink, start)
            for block in _blocks(source.name, response):
                if total is not None and sink.position + len(block) > total:
                    sink.begin(None)
                    raise LivestormResponseError(f"{source.name}: more than the {total} bytes came that were told.")
                sink.write(block)
        if total is not None and sink.position < total:
            raise LivestormConnectionError(f"{source.name}: the answer ended at byte {sink.position} of {total}.")


def _agreed(source: Source, response: requests.Response, sink: Sink, start: int) -> int | None:
    """See that what comes is what is wanted, and have the sink ready for it; returns the size of the whole, if told."""
    etag = response.headers.get("ETag")
    strong = etag if etag and etag.startswith('"') else None
    wrong = None
    if response.headers.get("Content-Encoding", "identity") != "identity":
        wrong = "it comes compressed, which was not asked for"
    total = _length(response)
    if total is not None and source.size is not None and total != source.size:
        wrong = f"the storage has {total} bytes of it, where Livestorm tells {source.size}"
    if response.status_code != 200:  # noqa: PLR2004 - HTTP
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not start or found is None or int(found[1]) != start or etag not in (None, sink.etag):
            wrong = wrong or f"HTTP {response.status_code} does not go on at byte {start}"
    if wrong is not None:
        if start:
            sink.begin(None)  # what it holds may be to blame
        raise LivestormResponseError(f"{source.name}: {wrong}.")
    if response.status_code == 200:  # noqa: PLR2004 - HTTP
        sink.begin(strong)
    return source.size if total is None else total


def _length(response: requests.Response) -> int | None:
    """Bytes of the whole, as a 200 or 206 announces them."""
    if response.status_code == 200:  # noqa: PLR2004 - HTTP
        said = response.headers.get("Content-Length", "")
    else:
        said = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(said) if said.isascii() and said.isdigit() else None


def _blocks(name: str, response: requests.Response) -> Iterator[bytes]:
    """The body; errors of the connection in our words, and nobody else's errors."""
    blocks, reason = response.iter_content(_BLOCK), None
    while True:
        try:
            block = next(blocks, None)
        except OSError as error:
            reason = transport_reason(error)
        if reason is not None:
            raise LivestormConnectionError(f"{name}: the connection to the storage broke ({reason}).")
        if block is None:
            return
        yield block


class _Progress:
    """How long to go on: not the tries count, but those that bring no new byte."""

    def __init__(self, position: Callable[[], int], max_attempts: int) -> None:
        self._position = position
        self._max_attempts = max_attempts
        self._failures = 0
        self.farthest = position()

    def look(self) -> int:
        """How far it came so far, though it may have begun anew meanwhile."""
        if self._position() > self.farthest:
            self.farthest, self._failures = self._position(), 0
        return self.farthest

    def tried_enough(self, _: tenacity.RetryCallState) -> bool:
        """Count a failure in."""
        self.look()
        self._failures += 1
        return self._failures >= self._max_attempts

    def wait(self, state: tenacity.RetryCallState) -> float:
        """0.5, 1, 2, 4 s and so on, with up to as much again; what the storage asks for, if that is more."""
        self.look()
        error = state.outcome.exception() if state.outcome else None
        backoff: float = 0.5 * 2 ** min(self._failures, 6) * (1.0 + random.random())  # noqa: S311 - spreads retries
        return max(getattr(error, "retry_after", 0.0), min(_LONGEST_BACKOFF, backoff))

    def say(self, state: tenacity.RetryCallState) -> None:
        """Log that it is tried again."""
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s Tried again in %.1f s; %d bytes are there.", error, state.upcoming_sleep, self._position())
