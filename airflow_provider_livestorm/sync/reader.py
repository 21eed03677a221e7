"""Reads lists whole: every page through the journal, every list counted, several at once where answers are slow.

A list that changed while it was read is read again; rows are taken from it only once it is known to be whole.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.json_api import Document, Resource
from airflow_provider_livestorm.api.lists import Tally
from airflow_provider_livestorm.api.resources import RECORDINGS, SESSION_PEOPLE
from airflow_provider_livestorm.exceptions import LivestormApiError, LivestormListChangedError, LivestormNotFoundError
from airflow_provider_livestorm.sync.journal import Journal

__all__ = ["ListRead", "Reader", "Request", "scrubbed"]

_READS = 3  # of a list that changes while it is read
_IN_MEMORY = 20  # pages of a list that wait in memory; of a longer list they are read from the journal
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
        params: of the query, without paging.
        about: whatever the caller wants back with it.
        optional: whether Livestorm may not know what is asked (400); an empty document comes back then.
    """

    path: str
    about: AboutT
    params: Mapping[str, Any] = field(default_factory=dict)
    many: bool = True
    optional: bool = False


@dataclass(frozen=True)
class ListRead:
    """A list that was read whole and counted.

    Attributes:
        rows: in it.
        calls: that it took now; pages out of the journal take none.
    """

    rows: int
    calls: int
    _pages: int
    _page: Callable[[int], Document]

    def documents(self) -> Iterator[Document]:
        """Its pages, as often as you like."""
        return map(self._page, range(self._pages))

    def resources(self) -> Iterator[Resource]:
        """Its rows."""
        for document in self.documents():
            yield from document.many if isinstance(document.data, list) else [document.one]


class Reader:
    """Reads lists for one run.

    Args:
        client: calls.
        journal: keeps what was answered.
        said: told after each page: the path, the page's number from 0, the number of pages or None.
    """

    def __init__(
        self, client: LivestormClient, journal: Journal, *, said: Callable[[str, int, int | None], None] | None = None
    ) -> None:
        self._client = client
        self._journal = journal
        self._said = said or (lambda path, page, pages: None)

    def read(self, request: Request[Any]) -> ListRead | None:
        """Read a list whole; None where there is no such list any more (404).

        Raises:
            LivestormListChangedError: it changed each time that it was read.
            LivestormError: as `LivestormClient.request`.
        """
        try:
            if not request.many:
                return self._single(request)
            for attempt in range(_READS):
                try:
                    return self._list(request, attempt)
                except LivestormListChangedError as error:
                    self._journal.forget(self._journal.name(request.path, dict(request.params), attempt))
                    if attempt + 1 == _READS:
                        raise
                    log.warning("%s", error)
        except LivestormNotFoundError:
            return None
        except LivestormApiError as error:
            if not (request.optional and error.status == HTTPStatus.BAD_REQUEST):
                raise
            log.info("%s", error)
            return ListRead(0, 1, 1, lambda _: Document(Resource("", "")))
        raise AssertionError  # pragma: no cover - the loop returns or raises

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
        calls = 0
        if document is None:
            document = scrubbed(self._client.request("GET", request.path, params=request.params).document)
            self._journal.put(name, 0, document)
            calls = 1
        self._said(request.path, 0, 1)
        whole = document
        return ListRead(1, calls, 1, lambda _: whole)

    def _list(self, request: Request[Any], attempt: int) -> ListRead:
        name = self._journal.name(request.path, dict(request.params), attempt)
        kept = self._journal.kept(name)
        documents: dict[int, Document] = {}
        asked: list[int] = []  # of which several threads may add one at a time

        def fetch(number: int, call: Callable[[], Document]) -> Document:
            document = self._journal.get(name, number) if number < kept else None
            if document is None:
                document = scrubbed(call())
                self._journal.put(name, number, document)
                asked.append(number)
            if number < _IN_MEMORY:
                documents[number] = document
            return document

        tally, pages = Tally(request.path), 0
        for page in self._client.paginate(request.path, params=request.params, fetch=fetch):
            tally.add(page)
            pages += 1
            self._said(request.path, page.number, page.page_count)
        tally.check()
        if pages <= _IN_MEMORY:
            return ListRead(tally.rows, len(asked), pages, documents.__getitem__)
        return ListRead(tally.rows, len(asked), pages, lambda number: self._journal.again(name, number))


def scrubbed(document: Document) -> Document:
    """The document without what opens a door: it is about to be kept in a file."""
    data = document.data if isinstance(document.data, list) else [document.data] if document.data else []
    for resource in (*data, *document.included):
        _scrub(resource.attributes, _SECRETS_OF.get(resource.type, _SECRETS))
    return document


def _scrub(members: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        members.pop(name, None)
    for value in members.values():
        if isinstance(value, dict):
            _scrub(value, names)
