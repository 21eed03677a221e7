"""Where the pages of a journal lie: on local disk in one file that grows, in an object store in a file each.

A file for a page costs local disk more than all else that is done with the page; an object store has no files that
grow. Called by `journal.py`, whose pages they keep as bytes without a line break.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import threading
import uuid
from array import array
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Protocol

from airflow_provider_livestorm.sync.storage import StoragePath, write_whole

__all__ = ["PageFiles", "PageLog", "Pages", "pages_in"]

_PAGE = re.compile(r"(?P<list>.+)-(?P<number>\d{6})\.page").fullmatch
_LOG = ".pages"
_RECORD = re.compile(rb"(?P<list>\S+) (?P<number>\d+) (?=.)").match
_DROPPED = b"null"  # in place of a page: it and all after it are gone
_FILE = 44  # bits of a place within its file
_BUFFER = 1 << 17  # bytes; a page has about a hundred thousand


class Pages(Protocol):
    """The pages of lists, by the list's name and the page's number; the methods may be called from several threads.

    Each raises OSError where the place fails, FileNotFoundError where another run took the folder away.
    """

    @property
    def count(self) -> int:
        """Pages that are there."""

    def whole(self, name: str) -> int:
        """Pages of a list that are there from the first on, without a gap."""

    def put(self, name: str, page: int, content: bytes) -> None:
        """Keep a page; when this returns, a killed process has not lost it."""

    def get(self, name: str, page: int) -> bytes | None:
        """A page; None where it is not there, or is not any more what this run had of it."""

    def drop(self, name: str, first: int) -> None:
        """Drop the pages of a list from one on."""


def pages_in(folder: StoragePath) -> Pages:
    """The pages in a folder, in the way that suits the place."""
    return PageLog(folder) if isinstance(folder, pathlib.Path) else PageFiles(folder)


class PageLog:
    r"""Each try appends to a file of its own, and reads those of the tries before it.

    A record is `\n<list> <number> <page>\n`: the break in front ends what a full disk had cut short. What is
    dropped stays in the file.

    Args:
        folder: on local disk.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._files = sorted(folder.glob(f"*{_LOG}"))  # the number in front tells their order
        # For each list by its name, where each of its pages is: the file's number and the place in it; 0 where it is
        # not there. Eight bytes a page: a list may have twenty thousand.
        self._places: defaultdict[str, array[int]] = defaultdict(partial(array, "Q"))
        for number in range(len(self._files)):
            self._read(number)
        self._own = folder / f"{len(self._files):05d}-{uuid.uuid4().hex}{_LOG}"
        self._files.append(self._own)
        self._writing = threading.Lock()

    @property
    def count(self) -> int:
        """Pages that are there."""
        return sum(1 for places in self._places.values() for place in places if place)

    def whole(self, name: str) -> int:
        """Pages of a list that are there from the first on, without a gap."""
        places = self._places[name]
        return places.index(0) if 0 in places else len(places)

    def put(self, name: str, page: int, content: bytes) -> None:
        """Append a page."""
        self._note(name, page, (len(self._files) - 1) << _FILE | self._append(name, page, content))

    def get(self, name: str, page: int) -> bytes | None:
        """A page out of the file in which it is."""
        places = self._places[name]
        place = places[page] if page < len(places) else 0
        if not place:
            return None
        with self._files[place >> _FILE].open("rb", _BUFFER) as file:
            file.seek(place & (1 << _FILE) - 1)
            return file.readline().rstrip(b"\n")

    def drop(self, name: str, first: int) -> None:
        """Note that they are gone."""
        if any(self._places[name][first:]):
            self._forget(name, first)
            with contextlib.suppress(FileNotFoundError):  # another run took the folder away, and all pages with it
                self._append(name, first, _DROPPED)

    def _append(self, name: str, page: int, content: bytes) -> int:
        """Append a record; the place of its content."""
        head = b"\n%s %d " % (name.encode(), page)
        # Not flushed to the disk's platter, unlike what is published: after a power cut the page is asked again.
        with self._writing, self._own.open("ab") as file:
            place = file.tell() + len(head)
            file.write(head + content + b"\n")
        return place

    def _read(self, number: int) -> None:
        place = 0
        with self._files[number].open("rb", _BUFFER) as file:
            for line in file:
                if (record := _RECORD(line)) and line.endswith(b"\n"):
                    name, page = record["list"].decode(), int(record["number"])
                    if line[record.end() : -1] == _DROPPED:
                        self._forget(name, page)
                    else:
                        self._note(name, page, number << _FILE | place + record.end())
                place += len(line)

    def _note(self, name: str, page: int, place: int) -> None:
        places = self._places[name]
        if page >= len(places):  # of pages that are asked ahead a later one may come first
            places.extend([0] * (page + 1 - len(places)))
        places[page] = place

    def _forget(self, name: str, first: int) -> None:
        places = self._places[name]
        for page in range(first, len(places)):  # never made shorter: a page that comes late may be noted meanwhile
            places[page] = 0


class PageFiles:
    """A file for each page.

    Args:
        folder: in an object store.
    """

    def __init__(self, folder: StoragePath) -> None:
        self._folder = folder
        # For each list by its name, a byte for each page: 1 where it is kept.
        self._there: defaultdict[str, bytearray] = defaultdict(bytearray)
        # Of the pages of each list, as this run had them; eight bytes a page.
        self._hashes: defaultdict[str, array[int]] = defaultdict(partial(array, "q"))
        for entry in _entries(folder):
            if page := _PAGE(entry.name):
                self._note(page["list"], int(page["number"]))

    @property
    def count(self) -> int:
        """Pages that are there."""
        return sum(map(sum, self._there.values()))

    def whole(self, name: str) -> int:
        """Pages of a list that are there from the first on, without a gap."""
        return (self._there[name] + b"\0").index(0)

    def put(self, name: str, page: int, content: bytes) -> None:
        """Write a page."""
        self._is_as_had(name, page, content, anew=True)
        write_whole(self._path(name, page), content, flushed=False)
        self._note(name, page)

    def get(self, name: str, page: int) -> bytes | None:
        """Read a page."""
        there = self._there[name]
        if page >= len(there) or not there[page]:
            return None
        try:
            content = self._path(name, page).read_bytes()
        except FileNotFoundError:
            return None
        # A retry whose predecessor still lives shares the files: what it put there was not counted with the rest.
        return content if self._is_as_had(name, page, content) else None

    def drop(self, name: str, first: int) -> None:
        """Remove their files."""
        there = self._there[name]
        for page in range(first, len(there)):  # never made shorter: a page that comes late may be noted meanwhile
            if there[page]:
                with contextlib.suppress(OSError):
                    self._path(name, page).unlink()
                there[page] = 0

    def _path(self, name: str, page: int) -> StoragePath:
        return self._folder / f"{name}-{page:06d}.page"

    def _note(self, name: str, page: int) -> None:
        there = self._there[name]
        if page >= len(there):  # of pages that are asked ahead a later one may come first
            there.extend(bytes(page + 1 - len(there)))
        there[page] = 1

    def _is_as_had(self, name: str, page: int, content: bytes, *, anew: bool = False) -> bool:
        hashes = self._hashes[name]
        if page >= len(hashes):
            hashes.extend([0] * (page + 1 - len(hashes)))
        told = hash(content) or 1
        if anew or not hashes[page]:
            hashes[page] = told
        return hashes[page] == told


def _entries(folder: StoragePath) -> Iterator[StoragePath]:
    return folder.iterdir() if folder.exists() else iter(())
