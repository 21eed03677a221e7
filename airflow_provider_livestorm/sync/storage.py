"""The little of a path's interface that a destination needs, and writing so that a reader never sees half a file.

`pathlib.Path` has it, and so has Airflow's ObjectStoragePath for S3, GCS and Azure.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator
from typing import IO, Any, Protocol, Self

__all__ = ["StoragePath", "create_exclusively", "forget_listings", "remove_tree", "write_whole"]


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
        """Make the folder; object stores have none and do nothing."""

    def unlink(self) -> None:
        """Remove the file."""

    def read_bytes(self) -> bytes:
        """The whole file."""


def write_whole(path: StoragePath, content: bytes, *, flushed: bool = True) -> None:
    """Write a file that appears whole or not at all, replacing what was there.

    An object store's put is atomic by itself; on local disk the file is written beside and renamed.

    Args:
        path: where to; its folder is made, unless `flushed` is False.
        content: all of it.
        flushed: whether it outlasts a power cut, too; on local disk.
    """
    if flushed:
        path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(path, pathlib.Path):
        with path.open("wb") as file:
            file.write(content)
        return
    beside = _write_beside(path, content, flushed=flushed)
    beside.replace(path)


def create_exclusively(path: StoragePath, content: bytes) -> None:
    """Write a whole file where there was none.

    Raises:
        FileExistsError: there is one. On local disk, and where the object store can create exclusively as S3 does,
            exactly one of many callers succeeds; on others it is a check before the put.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(path, pathlib.Path):
        forget_listings(path.parent)
        if path.exists():
            raise FileExistsError(str(path))
        try:
            with path.open("xb") as file:
                file.write(content)
        except (NotImplementedError, ValueError):  # a file system that does not know this mode
            with path.open("wb") as file:
                file.write(content)
        return
    beside = _write_beside(path, content)
    try:
        os.link(beside, path)  # fails if there is one, and shows the whole file at once
    finally:
        beside.unlink()


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
    if isinstance(path, pathlib.Path):
        shutil.rmtree(path, ignore_errors=True)
        return
    if path.exists():
        folder: Any = path
        folder.rmdir(recursive=True)  # which pathlib lacks
