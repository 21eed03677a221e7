"""Reads lists: every page through the journal, every list counted, several at once where answers are slow.

A list that changed while it was read is read again. A short one is handed out once it is known to be whole; the rows of
a long one are taken in while it is read, and where it changed on the way the run begins again, out of its journal.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.json_api import Document, Resource
from airflow_provider_livestorm.api.lists import Tally
from airflow_provider_livestorm.api.resources import CATALOGUE, RECORDINGS, SESSION_PEOPLE
from airflow_provider_livestorm.exceptions import (
    LivestormApiError,
    LivestormError,
    LivestormForbiddenError,
    LivestormListChangedError,
    LivestormNotFoundError,
)
from airflow_provider_livestorm.sync.journal import Journal

__all__ = ["ListMoved", "ListRead", "Reader", "Request", "scrubbed"]

_READS = 3  # of a list that changes while it is read
_IN_MEMORY = 20  # pages of a list that wait in memory until it is known to be whole
_LISTS = 4  # that are read at once, at most: one may be a session with thousands of people in one answer

# What opens a door to whoever has it (api.md 6.3, 6.5).
_SECRETS = SESSION_PEOPLE.secrets
_SECRETS_OF = {"recordings": RECORDINGS.secrets}

AboutT = TypeVar("AboutT")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request(Generic[AboutT]):
    """A list, or with `many=False` a single resource, to be read.

    Attributes:
        stream: for which it is read.
        params: of the query, without paging.
        about: whatever the caller wants back with it.
        optional: whether Livestorm may not know what is asked (400); an empty document comes back then.
    """

    stream: str
    path: str
    about: AboutT
    params: Mapping[str, Any] = field(default_factory=dict)
    many: bool = True
    optional: bool = False


class ListMoved(Exception):  # noqa: N818 - no failure: it says where to go on
    """A list changed whose first pages are taken in already: the run has to begin again, out of its journal."""


class ListRead:
    """A list that is read: a short one whole and counted, a long one page by page as its rows are taken.

    Args:
        held: pages that wait in memory, from the first on.
        tally: counts its rows; None for a single resource.
        rest: the pages after these, each of which is in the journal once it came; checks the list at its end.
        again: a page that came before, out of the journal.
    """

    def __init__(
        self,
        held: Sequence[Document],
        tally: Tally | None = None,
        rest: Iterator[Document] | None = None,
        again: Callable[[int], Document] | None = None,
    ) -> None:
        self._held = held
        self._rest = rest or iter(())
        self._again = again or held.__getitem__
        self._tally = tally
        self._read = len(held)

    @property
    def rows(self) -> int:
        """Rows in it; known once all of them were taken."""
        return self._tally.rows if self._tally else 1

    def documents(self) -> Iterator[Document]:
        """Its pages, as often as you like.

        Raises:
            ListMoved: it changed while it was read, and what was taken of it has to be forgotten.
            LivestormError: as `Reader.read`.
        """
        for number in itertools.count():
            if number < len(self._held):
                yield self._held[number]
            elif number < self._read:
                yield self._again(number)
            elif (document := next(self._rest, None)) is not None:
                self._read += 1
                yield document
            else:
                return

    def resources(self) -> Iterator[Resource]:
        """Its rows; errors as `documents`."""
        for document in self.documents():
            yield from document.many if isinstance(document.data, list) else [document.one]


class Reader:
    """Reads lists for one run, however often that begins again.

    Args:
        client: calls.
        journal: keeps what was answered.
        said: told after each page: the path, the page's number from 0, the number of pages or None.

    Attributes:
        calls: that were made for each stream; pages out of the journal take none.
        vain: those among them whose answers were thrown away, as the list changed.
    """

    def __init__(
        self, client: LivestormClient, journal: Journal, *, said: Callable[[str, int, int | None], None] | None = None
    ) -> None:
        self._client = client
        self._journal = journal
        self._said = said or (lambda path, page, pages: None)
        self._counting = threading.Lock()
        self._changed: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.vain: Counter[str] = Counter()

    def read(self, request: Request[Any]) -> ListRead | None:
        """Read a list; None where there is no such list any more (404).

        Raises:
            LivestormListChangedError: it changed each time that it was read.
            LivestormForbiddenError: with the scope that the stream needs.
            LivestormError: as `LivestormClient.request`.
        """
        try:
            with _blaming(request.stream):
                return self._list(request) if request.many else self._single(request)
        except LivestormNotFoundError:
            return None
        except LivestormApiError as error:
            if not (request.optional and error.status == HTTPStatus.BAD_REQUEST):
                raise
            log.info("%s", error)
            return ListRead([Document(Resource("", ""))])

    def each(self, requests: Iterable[Request[AboutT]]) -> Iterator[tuple[Request[AboutT], ListRead | None]]:
        """Read many lists and yield them in their order; where answers are slow, the next ones meanwhile."""
        ahead: deque[tuple[Request[AboutT], Future[ListRead | None]]] = deque()
        todo = iter(requests)
        with ThreadPoolExecutor(max_workers=_LISTS, thread_name_prefix="livestorm") as pool:
            try:
                while True:
                    wanted = self._client.lanes.wanted
                    if wanted == 1 and not ahead:
                        if (request := next(todo, None)) is None:
                            return
                        yield request, self.read(request)
                        continue
                    while len(ahead) < min(wanted, _LISTS) and (request := next(todo, None)) is not None:
                        ahead.append((request, pool.submit(self.read, request)))
                    if not ahead:
                        return
                    request, future = ahead.popleft()
                    yield request, future.result()
            finally:
                for _, future in ahead:
                    future.cancel()

    def _single(self, request: Request[Any]) -> ListRead:
        name = self._journal.name(request.path, dict(request.params), 0)
        document = self._journal.get(name, 0)
        if document is None:
            document = self._asked(
                request, lambda: self._client.request("GET", request.path, params=request.params).document
            )
            self._journal.put(name, 0, document)
        self._said(request.path, 0, 1)
        return ListRead([document])

    def _list(self, request: Request[Any]) -> ListRead:
        while True:
            name, tally = self._name(request), Tally(request.path)
            pages = self._pages(request, name, tally)
            held: list[Document] = []
            try:
                for document in pages:
                    held.append(document)
                    if len(held) > _IN_MEMORY or (document.meta.page_count or 0) > _IN_MEMORY:
                        rest = self._late(request, name, pages)
                        return ListRead(held, tally, rest, functools.partial(self._journal.again, name))
                return ListRead(held, tally)
            except LivestormListChangedError as error:
                self._forget(request, name, error)

    def _pages(self, request: Request[Any], name: str, tally: Tally) -> Iterator[Document]:
        kept = self._journal.kept(name)
        came: dict[int, Document] = {}
        asked: list[int] = []  # of which several threads may add one at a time

        def fetch(number: int, call: Callable[[], Document]) -> Document:
            document = self._journal.get(name, number) if number < kept else None
            if document is None:
                asked.append(number)
                document = self._asked(request, call)
                self._journal.put(name, number, document)
            came[number] = document
            return document

        try:
            for page in self._client.paginate(request.path, params=request.params, fetch=fetch):
                tally.add(page)
                self._said(request.path, page.number, page.page_count)
                yield came.pop(page.number)
            tally.check()
        except LivestormListChangedError:
            with self._counting:
                self.vain[request.stream] += len(asked)
            raise

    def _late(self, request: Request[Any], name: str, pages: Iterator[Document]) -> Iterator[Document]:
        """The later pages of a list, whose first ones are at work already."""
        try:
            with _blaming(request.stream):
                yield from pages
        except (LivestormListChangedError, LivestormNotFoundError) as error:
            self._forget(request, name, error)
            raise ListMoved from error

    def _asked(self, request: Request[Any], call: Callable[[], Document]) -> Document:
        with self._counting:
            self.calls[request.stream] += 1
        return scrubbed(call())

    def _name(self, request: Request[Any]) -> str:
        key = self._journal.name(request.path, dict(request.params), 0)
        return self._journal.name(request.path, dict(request.params), self._changed[key])

    def _forget(self, request: Request[Any], name: str, error: LivestormError) -> None:
        """A list changed while it was read, or is gone: it is read anew, unless that was so too often."""
        self._journal.forget(name)
        with self._counting:
            key = self._journal.name(request.path, dict(request.params), 0)
            self._changed[key] += 1
            if self._changed[key] >= _READS:  # more, where the failure was met ahead and the run began again before it
                raise error
        log.warning("%s", error)


@contextlib.contextmanager
def _blaming(stream: str) -> Iterator[None]:
    """Where Livestorm forbids something, say for which stream it was asked, and what to do."""
    try:
        yield
    except LivestormForbiddenError as error:
        raise LivestormForbiddenError(
            f"{stream}: {error} The stream needs the scope {CATALOGUE[stream].scope}: grant it, or leave the stream"
            " out.",
            status=error.status,
            errors=error.errors,
        ) from error


def scrubbed(document: Document) -> Document:
    """The document without what opens a door: it is about to be kept in a file."""
    data = document.data if isinstance(document.data, list) else [document.data] if document.data else []
    for resource in (*data, *document.included):
        _scrub(resource.attributes, _SECRETS_OF.get(resource.type, _SECRETS))
    return document


def _scrub(members: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        members.pop(name, None)
    if dict in map(type, members.values()):  # as the decoder makes them; most have none, which is told in one call
        for value in members.values():
            if type(value) is dict:
                _scrub(value, names)
