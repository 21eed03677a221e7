"""Where a recording lands: its name, and files that take its bytes and are seen only when whole.

Called by the operator for recordings; the files are `Sink`s of `api/download.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Self

from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]

from airflow_provider_livestorm.exceptions import LivestormDestinationError, LivestormPublishConflictError
from airflow_provider_livestorm.sync.storage import (
    StoragePath,
    forget_listings,
    is_local,
    make_folder,
    write_whole,
)

__all__ = ["LocalFile", "StoredFile", "file_at", "safe_name", "size_at"]

_NAME_MAX = 150  # bytes; file systems take 255, and there are the recording's id and the part's suffix as well
_PUNCTUATION = frozenset("-_.,()+ ")


def safe_name(told: str | None, kind: str | None = None) -> str:
    """A file name for what Livestorm tells: one part of a path, on every file system and in every object store.

    Args:
        told: `attributes.file_name`; text of somebody who may mean harm.
        kind: `attributes.mime_type`, such as `mp4`: the suffix where no name is told.
    """
    name = unicodedata.normalize("NFC", told or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(one if one.isalnum() or one in _PUNCTUATION else "_" for one in name).strip(". ")
    if not name:
        return f"recording.{kind}" if kind and kind.isascii() and kind.isalnum() else "recording"
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > 16:  # noqa: PLR2004 - no suffix, then, but a sentence
        stem, dot, suffix = name, "", ""
    room = _NAME_MAX - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix


def size_at(path: StoragePath) -> int | None:
    """Bytes of the file there; None where there is none.

    Raises:
        LivestormDestinationError: it cannot be looked at.
    """
    with _told(path):
        try:
            if is_local(path):
                return path.stat().st_size
            forget_listings(path)
            stored: Any = path  # fsspec's interface, which pathlib lacks
            return int(stored.fs.info(stored.path)["size"])
        except FileNotFoundError:
            return None


def file_at(path: StoragePath, *, size: int | None, exists: bool) -> LocalFile | StoredFile:
    """The file to download to; a context manager.

    Args:
        path: its final name.
        size: bytes that it will have; None where Livestorm does not tell.
        exists: whether there is a file of that name now.
    """
    return LocalFile(path, size) if is_local(path) else StoredFile(path, exists=exists)


class LocalFile:
    """A file on local disk: written as `.<name>.part`, and renamed when whole.

    `.<name>.part.json` says what the bytes are of, so that a task's next try goes on where a killed one stopped.
    """

    def __init__(self, path: pathlib.Path, size: int | None) -> None:
        self._path = path
        self._size = size
        self._part = path.with_name(f".{path.name}.part")
        self._about = path.with_name(f".{path.name}.part.json")
        self._file: IO[bytes] | None = None
        self.position = 0
        self.etag: str | None = None

    def __enter__(self) -> Self:
        with _told(self._path):
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._opened()
            self.etag = self._known()
            if self.etag is None:
                self._file.truncate(0)
            self.position = self._file.seek(0, os.SEEK_END)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is None:
            return
        with _told(self._path), self._file:
            if not self.position:  # nothing to go on from
                self._part.unlink(missing_ok=True)
                self._about.unlink(missing_ok=True)

    def begin(self, etag: str | None) -> None:
        """Forget all bytes; those that come now are of what has this ETag."""
        with _told(self._path):
            self._open.truncate(0)
            write_whole(self._about, json.dumps({"etag": etag, "size": self._size}).encode(), flushed=False)
        self.position, self.etag = 0, etag

    def write(self, block: bytes) -> None:
        """Take the next bytes."""
        with _told(self._path):
            self._open.write(block)
        self.position += len(block)

    def finish(self) -> None:
        """All is there: give the file its name."""
        with _told(self._path):
            self._open.flush()
            os.fsync(self._open.fileno())
            self._part.replace(self._path)
            self._about.unlink(missing_ok=True)

    @property
    def _open(self) -> IO[bytes]:
        assert self._file is not None  # noqa: S101 - within the context
        return self._file

    def _opened(self) -> IO[bytes]:
        """The part, ours alone until it is closed, also by being killed."""
        while True:
            file = self._part.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it before may have given it its name between the two lines above.
                if os.path.samestat(os.fstat(file.fileno()), self._part.stat()):
                    return file
            except FileNotFoundError:
                pass
            except BlockingIOError:
                file.close()
                raise LivestormPublishConflictError(
                    f"{self._path}: another task downloads it at this moment. A retry will find it there."
                ) from None
            except OSError:  # a file system without locks
                return file
            file.close()

    def _known(self) -> str | None:
        try:
            about = json.loads(self._about.read_bytes())
            return str(about["etag"]) if about["etag"] and about["size"] == self._size else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


class StoredFile:
    """A file in an object store, which shows it when its upload is complete; a broken one is begun anew."""

    def __init__(self, path: StoragePath, *, exists: bool) -> None:
        stored: Any = path  # fsspec's interface, which pathlib lacks
        self._path = path
        self._file_system = stored.fs
        self._key: str = stored.path
        self._existed = exists
        self._file: Any = None
        self.position = 0
        self.etag: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._discard()

    def begin(self, etag: str | None) -> None:
        """Forget all bytes; those that come now are of what has this ETag."""
        self._discard()
        with _told(self._path):
            make_folder(self._path.parent)
            # Not the path's own `open`, whose wrapper hides the file's way to be discarded.
            self._file = self._file_system.open(self._key, "wb")
        self.position, self.etag = 0, etag

    def write(self, block: bytes) -> None:
        """Take the next bytes."""
        with _told(self._path):
            self._file.write(block)
        self.position += len(block)

    def finish(self) -> None:
        """All is there: complete the upload, and see that the store has it.

        Raises:
            LivestormDestinationError: it has not.
        """
        with _told(self._path):
            self._file.close()
        self._file = None
        if (size := size_at(self._path)) != self.position:
            raise LivestormDestinationError(f"{self._path}: {self.position} bytes were stored, and {size} are there.")

    def _discard(self) -> None:
        """Leave nothing of what was not finished."""
        file, self._file = self._file, None
        if file is None:
            return
        # What goes wrong here must not stand before the error that led here.
        with suppress(OSError):
            if isinstance(file, AbstractBufferedFile):
                file.discard()
                file.closed = True  # closing would publish what there is, and so would the garbage collector
                return  # nothing was seen of it; what is there meanwhile is another task's
            file.close()
            if not self._existed:
                self._file_system.rm_file(self._key)  # of a store that shows a file while it is written


@contextmanager
def _told(path: StoragePath) -> Iterator[None]:
    """What the destination complains of, as an error for people."""
    try:
        yield
    except OSError as error:
        raise LivestormDestinationError(
            f"{path} cannot be written or looked at: {error.strerror or type(error).__name__}."
            " See that the destination has room and may be written."
        ) from error
