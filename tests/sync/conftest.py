"""A sync in a test: a client that waits for nothing, a run at the sandbox's time, the comparison with its truth."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.planner import Plan
from airflow_provider_livestorm.sync.result import SyncResult
from trials.syncing import EVERYTHING, different, sync, todo


def writer(sandbox: SandboxProcess) -> LivestormClient:
    """A client that may change the workspace."""
    token = sandbox.make_api_token("events:write webhooks:write")
    return LivestormClient(ApiToken(token), base_url=sandbox.api_url, timeout=(5.0, 0.5), deadline=2.0)


@dataclass
class Syncing:
    """Runs syncs of one sandbox into one folder."""

    sandbox: SandboxProcess
    folder: pathlib.Path

    def __call__(self, *streams: str, **how: Any) -> SyncResult:
        return sync(self.sandbox, self.folder, self.plan(*streams, **how))

    @staticmethod
    def plan(*streams: str, **how: Any) -> Plan:
        return todo(streams or EVERYTHING, **how)

    def different(self, *streams: str) -> list[str]:
        """The streams that differ from the truth."""
        return different(self.sandbox, self.folder, streams or EVERYTHING)

    def calls(self, work: Callable[[], object]) -> dict[str, int]:
        """The operations that were called meanwhile, and how often."""
        self.sandbox.reset_counters()
        work()
        return dict(self.sandbox.status()["counters"]["calls_by_operation"])


@pytest.fixture
def syncing(tmp_path: pathlib.Path) -> Any:
    """`syncing(sandbox)` makes the runs of a sandbox into a folder of this test."""
    return lambda sandbox: Syncing(sandbox, tmp_path / "out")
