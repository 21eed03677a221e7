"""Where the pages of a journal lie: on local disk in one file that grows, in an object store in a file each.

To make a file for each page took a fifth of a run's time on local disk; an object store has no files that grow. Called
by `journal.py`, whose pages they keep as bytes without a line break.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import threading
import time
from array import array
from collections import defaultdict
from functools import partial
from typing import Protocol

from airflow_provider_livestorm.sync.storage import StoragePath, is_local, write_whole

__all__ = ["PageFiles", "PageLog", "Pages", "pages_in"]

_PAGE = re.compile(r"(?P<list>.+)-(?P<number>\d{6})\.page").fullmatch
_LOG = re.compile(r"\d{5}\.pages").fullmatch
_RECORD = re.compile(rb"(?P<list>[\w-]+) (?P<number>\d{1,7}) (?P<size>\d{1,12}) ").match
_DROPPED = b"null"  # in place of a page: it and all after it are gone
_LIVES = 3600  # seconds since a try last wrote, after which nobody is taken to write there any more
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
    return PageLog(folder) if is_local(folder) else PageFiles(folder)


class PageLog:
    r"""Each try appends to a file of its own, and reads those of the tries before it.

    A record is `\n<list> <number> <size> <page>\n`: what a full disk or a kill had cut short ends where the next one
    begins, and has not its size. What is dropped stays in the file as long as that has other pages.

    Args:
        folder: on local disk.

    Raises:
        OSError: it cannot be listed, read, or written.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        # For each list by its name, where each of its pages is: the file's number and the place in it; 0 where it is
        # not there. Eight bytes a page: a list may have twenty thousand.
        self._places: defaultdict[str, array[int]] = defaultdict(partial(array, "Q"))
        self._files: dict[int, pathlib.Path] = {}
        self._number, self._own = _claimed(folder)  # later than all that are there
        for file in sorted(file for file in folder.iterdir() if _LOG(file.name)):
            self._files[int(file.stem)] = file
            if file != self._own:
                with contextlib.suppress(FileNotFoundError):  # another run published, and takes the folder away
                    self._read(int(file.stem), file)
        self._tidy()
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
        self._note(name, page, self._number << _FILE | self._append(name, page, content))

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
            # Where that can't be written, the next try finds them, and what is wrong with them, once more.
            with contextlib.suppress(OSError):
                self._append(name, first, _DROPPED)

    def _append(self, name: str, page: int, content: bytes) -> int:
        """Append a record; the place of its content."""
        head = b"\n%s %d %d " % (name.encode(), page, len(content))
        # Not made anew where another run took it away: places would be those of other pages. Nor flushed to the disk's
        # platter, unlike what is published: after a power cut the page is asked again.
        with self._writing, self._own.open("r+b") as file:
            place = file.seek(0, os.SEEK_END) + len(head)
            file.write(head + content + b"\n")
        return place

    def _read(self, number: int, path: pathlib.Path) -> None:
        place = 0
        with path.open("rb", _BUFFER) as file:
            for line in file:
                record = _RECORD(line)
                if record and len(line) == record.end() + int(record["size"]) + 1:
                    name, page = record["list"].decode(), int(record["number"])
                    if line[record.end() : -1] == _DROPPED:
                        self._forget(name, page)
                    else:
                        self._note(name, page, number << _FILE | place + record.end())
                place += len(line)

    def _tidy(self) -> None:
        """Remove files of tries that are over and of which no page is left; none after one that stays.

        It may tell what was dropped there.
        """
        used = {place >> _FILE for places in self._places.values() for place in places if place}
        for number, file in self._files.items():
            if number in used or number == self._number:
                return
            try:
                if file.stat().st_mtime >= time.time() - _LIVES:
                    return
                file.unlink()
            except FileNotFoundError:
                continue  # another try did it
            except OSError:
                return  # it is somebody else's

    def _note(self, name: str, page: int, place: int) -> None:
        places = self._places[name]
        if page >= len(places):  # of pages that are asked ahead a later one may come first
            places.extend([0] * (page + 1 - len(places)))
        places[page] = place

    def _forget(self, name: str, first: int) -> None:
        places = self._places[name]
        for page in range(first, len(places)):  # never made shorter: a page that comes late may be noted meanwhile
            places[page] = 0


def _claimed(folder: pathlib.Path) -> tuple[int, pathlib.Path]:
    """A file of one's own, with a number that is higher than those which are there."""
    number = max((int(file.stem) for file in folder.iterdir() if _LOG(file.name)), default=0)
    while True:
        number += 1
        own = folder / f"{number:05d}.pages"
        with contextlib.suppress(FileExistsError):  # another try began at the same time
            own.open("xb").close()
            return number, own


class PageFiles:
    """A file for each page.

    Args:
        folder: in an object store, with something in it.
    """

    def __init__(self, folder: StoragePath) -> None:
        self._folder = folder
        # For each list by its name, a byte for each page: 1 where it is kept.
        self._there: defaultdict[str, bytearray] = defaultdict(bytearray)
        # Of the pages of each list, as this run had them; eight bytes a page.
        self._hashes: defaultdict[str, array[int]] = defaultdict(partial(array, "q"))
        for entry in folder.iterdir():
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
        content = self._path(name, page).read_bytes()
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
