"""The little of a path's interface that a destination needs, and writing so that a reader never sees half a file.

`pathlib.Path` has it, and so has Airflow's ObjectStoragePath for S3, GCS and Azure.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator
from typing import IO, Any, Protocol, Self, TypeGuard

__all__ = [
    "StoragePath",
    "create_exclusively",
    "failing_as_os_error",
    "forget_listings",
    "is_local",
    "make_folder",
    "remove_tree",
    "write_whole",
]

# What the clients of object stores are made of. Some of their errors are no OSError, as botocore's of no connection.
_CLIENTS = frozenset({"adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google"})
_BUCKETED = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "s3", "s3a", "wasb", "wasbs"})  # protocols of fsspec


class StoragePath(Protocol):
    """A folder or file on local disk or in an object store."""

    @property
    def name(self) -> str:
        """Its last part."""

    @property
    def parent(self) -> Self:
        """The folder it is in."""

    def __truediv__(self, other: str) -> Self:
        """The path below."""

    def open(self, mode: str) -> IO[Any]:
        """Open as the built-in `open` does."""

    def exists(self) -> bool:
        """Whether there is such a file or folder."""

    def iterdir(self) -> Iterator[Self]:
        """What is in the folder."""

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Make the folder. In an object store this makes the bucket, so call `make_folder` instead."""

    def unlink(self) -> None:
        """Remove the file."""

    def read_bytes(self) -> bytes:
        """The whole file."""


def is_local(path: object) -> TypeGuard[pathlib.Path]:
    """Whether a path is of the local disk; on Airflow 2.11 one of an object store is pathlib's as well."""
    return isinstance(path, pathlib.Path) and not hasattr(path, "fs")


@contextlib.contextmanager
def failing_as_os_error() -> Iterator[None]:
    """Have a store's failure be an OSError, whatever its client raises.

    Raises:
        OSError: the client failed; its own error is the cause.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] in _CLIENTS:
            raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error
        raise


def make_folder(path: StoragePath) -> None:
    """Make a folder and those above it, where folders are real.

    An object store has none. Asked for one it makes the bucket, and so a typing error would become a new bucket.
    """
    protocols = getattr(getattr(path, "fs", None), "protocol", ())
    if _BUCKETED.isdisjoint((protocols,) if isinstance(protocols, str) else protocols):
        path.mkdir(parents=True, exist_ok=True)


def write_whole(path: StoragePath, content: bytes, *, flushed: bool = True) -> None:
    """Write a file that appears whole or not at all, replacing what was there.

    An object store's put is atomic by itself; on local disk the file is written beside and renamed.

    Args:
        path: where to; its folder is made, unless `flushed` is False.
        content: all of it.
        flushed: whether it outlasts a power cut, too; on local disk.

    Raises:
        OSError: it could not be written.
    """
    if flushed:
        make_folder(path.parent)
    if not is_local(path):
        with failing_as_os_error():
            _put(path, content)
        return
    beside = _write_beside(path, content, flushed=flushed)
    beside.replace(path)


def create_exclusively(path: StoragePath, content: bytes) -> None:
    """Write a whole file where there was none.

    On local disk, and where the object store has a conditional put (S3, GCS, Azure), exactly one of many callers
    succeeds. On others it is a check before the put.

    Args:
        path: where to; its folder is made.
        content: all of it, and no other caller's: it is how a caller knows its own file again.

    Raises:
        FileExistsError: there is one, of another caller.
        OSError: it could not be written, or it could not be told whether it was.
    """
    make_folder(path.parent)
    if not is_local(path):
        with failing_as_os_error():
            _create_in_store(path, content)
        return
    beside = _write_beside(path, content)
    try:
        os.link(beside, path)  # fails if there is one, and shows the whole file at once
    except FileExistsError:
        if not beside.samefile(path):  # else NFS lost the answer, and asked again
            raise
    finally:
        beside.unlink()


def _create_in_store(path: StoragePath, content: bytes) -> None:
    if _exists(path):
        raise FileExistsError(str(path))
    try:
        with failing_as_os_error(), _open_new(path) as file:
            file.write(content)
    except OSError as error:
        # A refusal may be of our own file: a client repeats a put whose answer was lost, and the store then refuses the
        # second. Nor does each S3 word it as Amazon's does. So what is there now decides, not what was answered.
        if _exists(path):
            if path.read_bytes() != content:
                raise FileExistsError(str(path)) from error
        elif error.errno == errno.ENOSYS:  # an S3 without the conditional put answers 501
            _put(path, content)
        else:
            raise


def _exists(path: StoragePath) -> bool:
    forget_listings(path.parent)
    return path.exists()


def _open_new(path: StoragePath) -> IO[Any]:
    try:
        return path.open("xb")
    except (NotImplementedError, ValueError):  # a file system that does not know this mode
        return path.open("wb")


def _put(path: StoragePath, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)


def forget_listings(path: StoragePath) -> None:
    """Have the next look at a folder be a true one: fsspec's object stores remember what a folder held.

    Airflow's path without a connection has two file systems, its own and that of the path which it wraps.
    """
    for one in (path, getattr(path, "__wrapped__", None)):
        file_system = getattr(one, "fs", None)
        if file_system is not None:
            file_system.invalidate_cache()


def _write_beside(path: pathlib.Path, content: bytes, *, flushed: bool = True) -> pathlib.Path:
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with beside.open("xb") as file:
        file.write(content)
        if flushed:
            file.flush()
            os.fsync(file.fileno())
    return beside


def remove_tree(path: StoragePath) -> None:
    """Remove a folder with all that is in it; nothing where there is none."""
    if is_local(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    if path.exists():
        folder: Any = path
        folder.rmdir(recursive=True)  # which pathlib lacks
