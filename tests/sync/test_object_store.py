"""Destinations in an object store: S3, as moto's server speaks it, through Airflow's ObjectStoragePath."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import s3fs
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from moto.server import ThreadedMotoServer

from airflow_provider_livestorm.exceptions import LivestormPublishConflictError, LivestormServerError
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.formats import FORMATS
from airflow_provider_livestorm.sync.result import SyncResult
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from airflow_provider_livestorm.sync.storage import create_exclusively
from tests import truth
from trials.syncing import client_of, todo

WEBINARS = ("events", "sessions", "session_people")


@pytest.fixture(scope="module")
def bucket() -> Iterator[ObjectStoragePath]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }.items():
            patch.setenv(name, value)
        store = s3fs.S3FileSystem(skip_instance_cache=True)
        name = f"bucket-{uuid.uuid4().hex}"  # all of moto's servers in one process hold the same buckets
        store.mkdir(name)
        attach("s3", fs=store)
        yield ObjectStoragePath(f"s3://{name}")
        store.rm(name, recursive=True)
    server.stop()


@pytest.fixture
def root(bucket: ObjectStoragePath) -> ObjectStoragePath:
    return bucket / uuid.uuid4().hex


def sync(sandbox: SandboxProcess, root: Any, file_format: str = "jsonl.gz", *, client: Any = None) -> SyncResult:
    with client or client_of(sandbox) as calling:
        now = dt.datetime.fromtimestamp(sandbox.now(), dt.UTC)
        return SyncRunner(calling, Destination(root), todo(WEBINARS), file_format=file_format, now=lambda: now).run()


def test_a_sync_lands_and_the_next_one_finds_its_ledger(sandbox: SandboxProcess, root: ObjectStoragePath) -> None:
    first = sync(sandbox, root)
    second = sync(sandbox, root)
    for stream in WEBINARS:
        rows = truth.published_rows(root, stream)  # type: ignore[arg-type]
        assert truth.digest(stream, rows) == truth.digest(stream, truth.of(sandbox, stream))
    assert first.manifest.startswith("s3://bucket-")
    assert sum(entry.rows for entry in second.streams.values()) == 0
    assert not (root / "_livestorm" / "runs").exists()


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_format_can_be_written(sandbox: SandboxProcess, root: ObjectStoragePath, file_format: str) -> None:
    result = sync(sandbox, root, file_format)
    for entry in result.streams.values():
        for part in entry.files:
            assert len((root / part.path).read_bytes()) == part.bytes


def test_a_failed_run_is_carried_on(sandbox: SandboxProcess, root: ObjectStoragePath) -> None:
    last = sandbox.truth("session_people")[-1]["session_id"]
    sandbox.add_fault(path_prefix=f"/v1/sessions/{last}", status=500, times=0)
    with pytest.raises(LivestormServerError):
        sync(sandbox, root)
    sandbox.clear_faults()
    assert sync(sandbox, root).resumed > 3
    rows = truth.published_rows(root, "session_people")  # type: ignore[arg-type]
    assert truth.digest("session_people", rows) == truth.digest("session_people", truth.of(sandbox, "session_people"))


def test_of_many_that_create_one_file_one_succeeds(root: ObjectStoragePath) -> None:
    gate, ended = threading.Barrier(8), []

    def create(number: int) -> None:
        gate.wait(10)
        try:
            create_exclusively(root / "one.json", str(number).encode())
            ended.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(number).encode() for number in ended] == [(root / "one.json").read_bytes()]


def test_the_second_of_two_runs_fails_and_publishes_nothing(sandbox: SandboxProcess, root: ObjectStoragePath) -> None:
    client = client_of(sandbox)
    request = client.request

    def overtaken(method: str, path: str, **more: Any) -> Any:
        answer = request(method, path, **more)
        if path == "/events":
            sync(sandbox, root)  # another run, in the middle of this one
        return answer

    client.request = overtaken  # type: ignore[method-assign]
    with pytest.raises(LivestormPublishConflictError, match="Another run published"):
        sync(sandbox, root, client=client)
    assert Destination(root).published().sequence == 1
