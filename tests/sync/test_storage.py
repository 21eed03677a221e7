"""What a destination needs of its storage: on local disk, and on an S3 whose answers are lost or worded otherwise."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import s3fs
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach

from airflow_provider_livestorm.api.rows import Column
from airflow_provider_livestorm.exceptions import LivestormDestinationError, LivestormPublishConflictError
from airflow_provider_livestorm.sync.formats import FORMATS
from airflow_provider_livestorm.sync.state import Destination, Manifest, RunEntry, StreamEntry
from airflow_provider_livestorm.sync.storage import create_exclusively, make_folder, remove_tree, write_whole
from airflow_provider_livestorm.sync.writers import PartWriter
from tests.object_store import ObjectStore, serving

COLUMNS = [Column("id", "text", ("id",)), Column("count", "integer", ("attributes", "count"))]
ROWS = [{"id": str(number), "count": number} for number in range(5)]


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with serving() as store, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        file_system = s3fs.S3FileSystem(endpoint_url=store.url, skip_instance_cache=True)
        file_system.mkdir("bucket")
        attach("s3", conn_id="tried", fs=file_system)
        yield store


@pytest.fixture
def root(store: ObjectStore) -> Iterator[ObjectStoragePath]:
    store.seen.clear()
    yield ObjectStoragePath(f"s3://tried@bucket/{uuid.uuid4().hex}")
    store.fault = ""


def run(run_id: str, writer: PartWriter | None = None) -> RunEntry:
    streams = {"events": StreamEntry(["id"], len(ROWS), 1, writer.parts)} if writer else {}
    return RunEntry(run_id, "cursor", None, None, "", "", streams)


def overtaken(path: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have another caller create the file between the look and the put."""
    looks = type(path).exists

    def exists(self: Any) -> bool:
        there = looks(self)
        if self == path and not there:
            write_whole(self, b"theirs")
        return there

    monkeypatch.setattr(type(path), "exists", exists)


def test_of_many_that_create_one_object_one_succeeds_by_the_stores_own_decision(
    store: ObjectStore, root: ObjectStoragePath
) -> None:
    path, gate, won = root / "one.json", threading.Barrier(8), []

    def create(number: int) -> None:
        gate.wait(10)
        try:
            create_exclusively(path, str(number).encode())
            won.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(number).encode() for number in won] == [path.read_bytes()]
    assert {condition for method, _, condition in store.seen if method == "PUT"} == {"*"}


def test_an_object_that_was_created_counts_though_the_answer_was_lost(
    store: ObjectStore, root: ObjectStoragePath
) -> None:
    store.fault = "lost"
    create_exclusively(root / "one.json", b"mine")
    assert (root / "one.json").read_bytes() == b"mine"
    assert len([method for method, _, _ in store.seen if method == "PUT"]) == 2  # the client repeated it by itself


def test_an_object_that_was_created_counts_though_the_client_gave_up(store: ObjectStore) -> None:
    file_system = s3fs.S3FileSystem(
        endpoint_url=store.url, config_kwargs={"retries": {"max_attempts": 0}}, skip_instance_cache=True
    )
    file_system.retries = 1
    attach("s3", conn_id="impatient", fs=file_system)
    path = ObjectStoragePath(f"s3://impatient@bucket/{uuid.uuid4().hex}")
    store.fault = "dropped"
    create_exclusively(path, b"mine")
    store.fault = ""
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("fault", ["", "unnamed", "conflict", "unsupported"])
def test_an_object_of_another_caller_is_seen_however_the_store_says_so(
    store: ObjectStore, root: ObjectStoragePath, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path = root / "one.json"
    store.fault = fault
    overtaken(path, monkeypatch)
    with pytest.raises(FileExistsError):
        create_exclusively(path, b"mine")
    assert path.read_bytes() == b"theirs"


def test_a_store_without_conditional_puts_is_looked_at_and_put_to(store: ObjectStore, root: ObjectStoragePath) -> None:
    store.fault = "unsupported"
    create_exclusively(root / "one.json", b"mine")
    with pytest.raises(FileExistsError):
        create_exclusively(root / "one.json", b"another")
    assert (root / "one.json").read_bytes() == b"mine"


def test_a_conflict_with_nothing_there_is_a_failure_and_no_success(store: ObjectStore, root: ObjectStoragePath) -> None:
    store.fault = "conflict"
    with pytest.raises(OSError, match="ConditionalRequestConflict"):
        create_exclusively(root / "one.json", b"mine")


def test_a_file_that_was_linked_counts_though_nfs_says_it_was_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def repeated(source: pathlib.Path, target: pathlib.Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", repeated)
    create_exclusively(tmp_path / "one.json", b"mine")
    with pytest.raises(FileExistsError):
        create_exclusively(tmp_path / "one.json", b"mine")  # equal, and yet another's
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


def test_a_tree_is_removed_and_what_links_in_it_point_to_is_not(tmp_path: pathlib.Path) -> None:
    elsewhere, tree = tmp_path / "elsewhere", tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    elsewhere.mkdir()
    for folder in (elsewhere, tree, tree / "below"):
        (folder / "file").touch()
    (tree / "link").symlink_to(elsewhere)
    (tmp_path / "link").symlink_to(elsewhere)
    remove_tree(tree)
    remove_tree(tmp_path / "link")
    remove_tree(tmp_path / "nothing")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "link"]
    assert (elsewhere / "file").exists()


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_published_in_an_object_store_is_there(
    root: ObjectStoragePath, store: ObjectStore, file_format: str
) -> None:
    destination = Destination(root)
    seen = destination.open()
    with PartWriter(root, "events", "run", COLUMNS, file_format=file_format, rows_per_part=2) as writer:
        writer.append(ROWS)
    store.fault = "lost"
    destination.publish(run("run", writer), seen=seen)

    published = destination.published()
    assert (published.sequence, [part.rows for part in published.files("events")]) == (1, [2, 2, 1])
    assert [len((root / part.path).read_bytes()) for part in writer.parts] == [part.bytes for part in writer.parts]
    with pytest.raises(LivestormPublishConflictError):
        destination.publish(run("another"), seen=Manifest())
    assert json.loads((root / "_livestorm/manifests/00000001.json").read_bytes())["runs"][0]["run_id"] == "run"

    writer.remove()
    assert not (root / "events").exists()


def test_a_bucket_that_is_not_there_is_not_made(root: ObjectStoragePath) -> None:
    other = ObjectStoragePath("s3://tried@mistyped/out")
    with (
        pytest.raises(LivestormDestinationError, match="bucket does not exist"),
        PartWriter(other, "events", "run", COLUMNS) as writer,
    ):
        writer.append(ROWS)
    make_folder(other / "more")
    with pytest.raises(FileNotFoundError):
        create_exclusively(other / "one.json", b"mine")
    assert root.fs.ls("") == ["bucket"]


def test_a_store_that_cannot_be_reached_is_an_error_of_the_destination(store: ObjectStore) -> None:
    del store  # for its credentials
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        file_system = s3fs.S3FileSystem(
            endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}",
            config_kwargs={"retries": {"max_attempts": 0}},
            skip_instance_cache=True,
        )
        file_system.retries = 1
        attach("s3", conn_id="gone", fs=file_system)
        root = ObjectStoragePath("s3://gone@bucket/out")
        with pytest.raises(OSError, match="EndpointConnectionError"):
            write_whole(root / "one.json", b"mine")
        writer = PartWriter(root, "events", "run", COLUMNS)
        with pytest.raises(LivestormDestinationError, match="could not take the rows of events"), writer:
            writer.append(ROWS)
        assert writer.parts == []
