"""The checkpoint: every answer that a run was given, kept beside the data until the run publishes.

A run is a function of these answers, of what was published before and of the time at which it began: so a run that was
killed, deferred or out of quota is carried on by beginning it again. What was answered comes out of the journal, and
only what was not yet answered is asked. The journal's name says what is being done on which state; whoever does the
same on the same state finds it, and once that state is past nobody does.

Answers hold personal data, and lie in the same place as the published files until the run publishes: without what opens
a door, and encrypted where the sync has a key to hash with.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from airflow_provider_livestorm.api.json_api import Document
from airflow_provider_livestorm.sync.pages import pages_in
from airflow_provider_livestorm.sync.storage import StoragePath, forget_listings, remove_tree, write_whole

__all__ = ["Journal"]

_BEGUN = "begun.json"
_TRY = ".try"
# A list of which some pages were read long ago is read anew: rows that left an earlier page meanwhile would have moved
# others from a page not yet read to one that was.
_FRESH = 3600.0

log = logging.getLogger(__name__)


class _Begun(msgspec.Struct, frozen=True):
    started_at: dt.datetime
    sequence: int
    format: int = 1


class _Kept(msgspec.Struct, frozen=True):
    at: float
    document: Document


_kept = msgspec.json.Decoder(_Kept)  # read anew in less time than MessagePack, with its members' names over and over
_begun = msgspec.json.Decoder(_Begun)


class Journal:
    """The answers of one run; its methods may be called from several threads.

    Args:
        folder: of journals, `_livestorm/runs` in the destination.
        task: what is done, as text of any length: streams, filters, whose data.
        sequence: of the published state that it is done on.
        now: the time, aware; the run is carried out as of the time at which its first try began.
        clock: UTC unix seconds, for the age of pages.
        key: what pages are encrypted with; None: they are not.

    Attributes:
        started_at: when the first try began.
        resumed: answers that were there at the start.
        reused: answers taken out of the journal so far.
    """

    def __init__(
        self,
        folder: StoragePath,
        task: str,
        sequence: int,
        *,
        now: Callable[[], dt.datetime],
        clock: Callable[[], float] = time.time,
        key: str | None = None,
    ) -> None:
        self.folder = folder / hashlib.sha256(f"{sequence} {task}".encode()).hexdigest()[:24]
        self._clock = clock
        self._fernet = (
            Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"pages {key}".encode()).digest())) if key else None
        )
        forget_listings(self.folder)
        if (self.folder / _BEGUN).exists():
            self.started_at = _begun.decode((self.folder / _BEGUN).read_bytes()).started_at
        else:
            self.started_at = now()
            write_whole(self.folder / _BEGUN, msgspec.json.encode(_Begun(self.started_at, sequence)))
        self._pages = pages_in(self.folder)
        self.resumed = self._pages.count
        self.reused = 0

    @staticmethod
    def name(path: str, params: dict[str, Any], attempt: int) -> str:
        """What a list is called here.

        Args:
            path: of the call.
            params: of the call, without those of paging.
            attempt: 0, and one more each time that the list is read anew because it changed.
        """
        asked = msgspec.json.encode([path, sorted((name, str(value)) for name, value in params.items())])
        return f"{hashlib.blake2b(asked, digest_size=12).hexdigest()}-{attempt}"

    def kept(self, name: str) -> int:
        """Pages of a list that can be taken from here, from the first on; 0 where it has to be read anew.

        All others are dropped: pages that were asked ahead lie beyond a gap, and would pass for those of a later try.
        """
        count = self._pages.whole(name)
        last = self._read(name, count - 1) if count else None
        if last is None:
            count = 0
        else:
            meta = last.document.meta
            goes_on = isinstance(meta.next_page, int) or (meta.page_count or 0) > count
            count = 0 if goes_on and self._clock() - last.at > _FRESH else count
        self._pages.drop(name, count)
        return count

    def get(self, name: str, page: int) -> Document | None:
        """A page that was kept; None where there is none."""
        kept = self._read(name, page)
        if kept is None:
            return None
        self.reused += 1
        return kept.document

    def again(self, name: str, page: int) -> Document:
        """A page that this run has had.

        Raises:
            FileNotFoundError: another run published meanwhile and took the journal away.
        """
        kept = self._read(name, page)
        if kept is None:
            raise FileNotFoundError(f"{self.folder}: page {page} of {name}")
        return kept.document

    def forget(self, name: str) -> None:
        """Drop the pages of a list that turned out not to be whole, so that no later try takes them."""
        self._pages.drop(name, 0)

    def put(self, name: str, page: int, document: Document) -> None:
        """Keep a page; when this returns, a killed process has not lost it."""
        content = msgspec.json.encode(_Kept(self._clock(), document))
        if self._fernet:
            content = self._fernet.encrypt(content)
        self._pages.put(name, page, content)

    def begin_try(self, run_id: str) -> None:
        """Note that a run writes files under this name: whoever publishes removes those of all who did not."""
        write_whole(self.folder / f"{run_id}{_TRY}", b"", flushed=False)

    @staticmethod
    def discard(folder: StoragePath, sequence: int) -> list[str]:
        """Take all journals away that are of an earlier state, and tell the runs that wrote them.

        Whatever of these still runs cannot publish any more. What can't be removed does no harm.

        Args:
            folder: of journals.
            sequence: of the state that is published now.
        """
        tries: list[str] = []
        with contextlib.suppress(OSError):
            forget_listings(folder)
            for journal in list(folder.iterdir()) if folder.exists() else []:
                with contextlib.suppress(OSError):
                    names = [one.name for one in journal.iterdir()]
                    # Pages without a begin are what a removal left that was itself cut short.
                    if _sequence_of(journal) < sequence if _BEGUN in names else bool(names):
                        tries += [name.removesuffix(_TRY) for name in names if name.endswith(_TRY)]
                        remove_tree(journal)
        return tries

    def _read(self, name: str, page: int) -> _Kept | None:
        try:
            content = self._pages.get(name, page)
            if content is None:
                return None
            return _kept.decode(self._fernet.decrypt(content) if self._fernet else content)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, InvalidToken):
            log.warning("%s: page %s of a list is damaged; it is asked for again.", self.folder, page)
            return None


def _sequence_of(journal: StoragePath) -> int:
    try:
        return _begun.decode((journal / _BEGUN).read_bytes()).sequence
    except msgspec.DecodeError:
        return -1
