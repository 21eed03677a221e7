"""A sync into an object store on Airflow 2.11, whose paths of a store are pathlib's as well."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from airflow.io.path import ObjectStoragePath
from airflow.io.store import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_livestorm.exceptions import LivestormServerError
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests import truth
from trials.syncing import WEBINARS, sync, todo


@pytest.fixture
def root() -> Any:
    attach(protocol="memory", fs=MemoryFileSystem())
    return ObjectStoragePath(f"memory:///{uuid.uuid4().hex}")


@pytest.mark.filterwarnings("ignore:in a future version of UPath:PendingDeprecationWarning")  # fsspec's and UPath's own
def test_a_run_that_failed_is_carried_on_and_lands(root: Any) -> None:
    with SandboxProcess(preset="tiny", interval_limit=0) as sandbox:
        session = sandbox.truth("sessions")[-1]["id"]
        sandbox.add_fault(path_prefix=f"/v1/sessions/{session}", status=500, times=0)
        with pytest.raises(LivestormServerError):
            sync(sandbox, root, todo(WEBINARS))
        sandbox.clear_faults()
        assert sync(sandbox, root, todo(WEBINARS)).resumed > 3
        for stream in WEBINARS:
            rows = truth.published_rows(root, stream)
            assert truth.digest(stream, rows) == truth.digest(stream, truth.of(sandbox, stream))
        second = sync(sandbox, root, todo(WEBINARS))
        assert sum(entry.rows for entry in second.streams.values()) == 0, "the ledger was found"
