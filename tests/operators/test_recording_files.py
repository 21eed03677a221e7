"""Names that can do no harm, and files that are seen only when whole."""

from __future__ import annotations

import pathlib
from typing import Any

import fsspec
import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_livestorm.exceptions import LivestormDestinationError, LivestormPublishConflictError
from airflow_provider_livestorm.operators.recording_files import LocalFile, StoredFile, safe_name, size_at


class Bucket(MemoryFileSystem):
    """Stores as S3 does: what is written is seen when it is closed, and not at all when it is discarded."""

    protocol = "bucket"
    store: dict[str, Any] = {}  # noqa: RUF012 - fsspec's way
    pseudo_dirs = [""]  # noqa: RUF012
    discarded = 0

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        return Upload(self, path, mode, block_size=5) if mode == "wb" else super()._open(path, mode, **options)


class Upload(AbstractBufferedFile):  # type: ignore[misc]
    """One of its uploads, in parts."""

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:
        self.parts.append(self.buffer.getvalue())
        if final:
            MemoryFileSystem._open(self.fs, self.path, "wb").write(b"".join(self.parts))
        return True

    def discard(self) -> None:
        Bucket.discarded += 1


def attached(protocol: str) -> ObjectStoragePath:
    """A folder in that store."""
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    attach(protocol, fs=fsspec.filesystem(protocol))
    return ObjectStoragePath(f"{protocol}://recordings/session")


@pytest.fixture(params=["memory", "bucket"])
def stored(request: pytest.FixtureRequest) -> ObjectStoragePath:
    """A path in a store that shows what is being written, and in one that does not."""
    path = attached(request.param) / "a.mp4"
    path.unlink(missing_ok=True)
    return path


# --- names -----


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("recording-1.mp4", "recording-1.mp4"),
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/cron.d/", "recording.mp4"),
        ("..", "recording.mp4"),
        (".bashrc", "bashrc"),
        ("a\x00b\nc:d*e?.mp4", "a_b_c_d_e_.mp4"),
        ("Réunion d\u2019été.mp4", "Réunion d_été.mp4"),
        ("1. What we said. Then we left at noon.", "1. What we said. Then we left at noon"),
        ("", "recording.mp4"),
        (None, "recording.mp4"),
    ],
)
def test_a_name_is_one_part_of_a_path(told: str | None, name: str) -> None:
    assert safe_name(told, "mp4") == name


@given(st.text(), st.text() | st.none())
def test_whatever_is_told_the_name_stays_in_its_folder(told: str, kind: str | None) -> None:
    name = safe_name(told, kind)
    root = pathlib.Path("/data/session")
    assert name
    assert (root / name).resolve().parent == root
    assert pathlib.PurePath(name).name == name
    assert len(name.encode()) <= 150
    assert not set(name) & set("\x00/\\*?[]{}#%:\n")
    assert safe_name(name, kind) == name


def test_a_long_sentence_has_no_suffix_to_keep() -> None:
    assert len(safe_name(f"a. {'b' * 200}")) == 150


def test_a_long_name_keeps_its_suffix() -> None:
    name = safe_name(f"{'é' * 300}.mp4")
    assert name.endswith("é.mp4")
    assert 148 <= len(name.encode()) <= 150


# --- on local disk -----


def test_a_file_is_seen_when_it_is_whole(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "session" / "a.mp4"
    with LocalFile(path, 6) as file:
        file.begin('"1"')
        file.write(b"abc")
        assert not path.exists()
        file.write(b"def")
        file.finish()
    assert path.read_bytes() == b"abcdef"
    assert list(path.parent.iterdir()) == [path]


def test_the_next_try_goes_on(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.mp4"
    with LocalFile(path, 6) as file:
        file.begin('"1"')
        file.write(b"abc")
    with LocalFile(path, 6) as file:
        assert (file.position, file.etag) == (3, '"1"')
        file.write(b"def")
        file.finish()
    assert path.read_bytes() == b"abcdef"


@pytest.mark.parametrize(
    "about", [b"", b"[]", b"{}", b"null", b'{"etag": null, "size": 6}', b'{"etag": "1", "size": 7}', None]
)
def test_but_not_with_bytes_of_which_it_is_not_known_what_they_are(tmp_path: pathlib.Path, about: bytes | None) -> None:
    (tmp_path / ".a.mp4.part").write_bytes(b"abc")
    if about is not None:
        (tmp_path / ".a.mp4.part.json").write_bytes(about)
    with LocalFile(tmp_path / "a.mp4", 6) as file:
        assert (file.position, file.etag) == (0, None)
    assert list(tmp_path.iterdir()) == []


def test_what_begins_anew_is_all_new(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.mp4"
    with LocalFile(path, None) as file:
        file.begin('"1"')
        file.write(b"abc")
        file.begin('"2"')
        file.write(b"d")
        file.finish()
    assert path.read_bytes() == b"d"


def test_two_tasks_do_not_write_one_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.mp4"
    with LocalFile(path, 3) as file:
        file.begin('"1"')
        file.write(b"abc")
        with pytest.raises(LivestormPublishConflictError, match="another task downloads it"), LocalFile(path, 3):
            pass
        file.finish()
    assert path.read_bytes() == b"abc"


def test_a_task_that_came_too_late_does_not_write_what_is_whole(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its opening of the part and its lock, another one finishes."""
    path = tmp_path / "a.mp4"
    part = tmp_path / ".a.mp4.part"
    part.write_bytes(b"abc")
    lock = []

    def finish_first(*_: object) -> None:
        if not lock:
            part.replace(path)
        lock.append(1)

    monkeypatch.setattr("fcntl.flock", finish_first)
    with LocalFile(path, 3) as file:
        file.begin('"1"')
    assert (path.read_bytes(), len(lock)) == (b"abc", 2)


def test_a_destination_that_takes_nothing_is_said(tmp_path: pathlib.Path) -> None:
    (tmp_path / "session").write_text("a file where a folder should be")
    path = tmp_path / "session" / "a.mp4"
    with pytest.raises(LivestormDestinationError, match=r"a\.mp4 cannot be written or looked at"), LocalFile(path, 3):
        pass
    with pytest.raises(LivestormDestinationError, match="cannot be written or looked at"):
        size_at(path)


def test_a_full_disk_is_said(tmp_path: pathlib.Path) -> None:
    with LocalFile(tmp_path / "a.mp4", 3) as file, pathlib.Path("/dev/full").open("wb", buffering=0) as full:
        own, file._file = file._file, full
        with pytest.raises(LivestormDestinationError, match=r"a\.mp4 cannot be written .*: No space left on device"):
            file.write(b"abc")
        file._file = own


# --- in an object store -----


def test_a_store_has_the_whole(stored: ObjectStoragePath) -> None:
    assert size_at(stored) is None
    with StoredFile(stored, exists=False) as file:
        file.begin('"1"')
        file.write(b"abcdefg")
        file.write(b"hij")
        file.finish()
    assert stored.read_bytes() == b"abcdefghij"
    assert size_at(stored) == 10


def test_a_store_has_nothing_of_what_broke(stored: ObjectStoragePath) -> None:
    with StoredFile(stored, exists=False) as file:
        file.begin('"1"')
        file.write(b"abcdefghij")
    assert size_at(stored) is None, "nobody said that it was all"


def test_a_store_that_shows_what_is_whole_keeps_the_old_where_the_new_broke() -> None:
    path = attached("bucket") / "old.mp4"
    path.write_bytes(b"old")
    with StoredFile(path, exists=True) as file:
        file.begin('"1"')
        file.write(b"abcdefghij")
    del file  # whose upload must not be completed by the garbage collector
    assert path.read_bytes() == b"old"


def test_what_another_task_stored_meanwhile_stays() -> None:
    path = attached("bucket") / "meanwhile.mp4"
    with StoredFile(path, exists=False) as file:
        file.begin('"1"')
        file.write(b"abcdefghij")
        path.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"


def test_a_store_begins_anew(stored: ObjectStoragePath) -> None:
    before = Bucket.discarded
    with StoredFile(stored, exists=False) as file:
        file.begin('"1"')
        file.write(b"abcdefghij")
        file.begin('"2"')
        assert (file.position, file.etag) == (0, '"2"')
        file.write(b"k")
        file.finish()
    assert stored.read_bytes() == b"k"
    assert Bucket.discarded - before == (stored.protocol == "bucket"), "a broken upload stays in the store, and costs"


def test_a_store_that_lost_bytes_is_found_out(stored: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    with StoredFile(stored, exists=False) as file:
        file.begin('"1"')
        file.write(b"abc")
        monkeypatch.setattr(type(stored.fs), "info", lambda *_: {"size": 2})
        with pytest.raises(LivestormDestinationError, match="3 bytes were stored, and 2 are there"):
            file.finish()
