"""What every test may use: the sandbox in a process of its own, and the workspace's truth as rows."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A sandbox for one test module: preset `tiny`, strict rotation, no limit of calls in a second."""
    with SandboxProcess(preset="tiny", rotation="strict", interval_limit=0) as process:
        yield process


def pytest_configure() -> None:
    """A suite that runs in the background of a shell was told to ignore Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
