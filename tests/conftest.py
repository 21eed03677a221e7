"""What every test may use: the sandbox in a process of its own, a browser, and what that complains of."""

from __future__ import annotations

import pathlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """A sandbox for one test module: preset `tiny`, strict rotation, no limit of calls in a second."""
    with SandboxProcess(preset="tiny", rotation="strict", interval_limit=0) as process:
        yield process


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium for one test module, which is skipped where there is none."""
    from tests.browser import launched  # noqa: PLC0415  (most modules of tests need no browser)

    with launched() as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console called an error; a test that expects some takes them out."""
    return []


def pytest_configure() -> None:
    """A suite that runs in the background of a shell was told to ignore Ctrl-C, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where two processes share the suite: what starts a real Airflow is one's, in a row; the rest goes by module.

    That one begins at once, as it takes longest.
    """
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group_of(item)))
    items.sort(key=lambda item: _group_of(item) != "airflow")  # stable


def _group_of(item: pytest.Item) -> str:
    path = item.path.relative_to(pathlib.Path(__file__).parent)
    if item.get_closest_marker("e2e") is not None or path.parts[0] == "e2e":
        return "airflow"
    # These share what takes long to make.
    return str(path.parent) if path.parts[0] == "cli" else str(path)
