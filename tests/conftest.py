"""What every test may use: the sandbox in a process of its own, a browser, and what that complains of."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.airflow_modules import AIRFLOW

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


# --- where two processes share the suite (`make test`) -----


@pytest.hookimpl(optionalhook=True)  # the environment of Airflow 2 lacks xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Who gives the tests out."""
    from tests.scheduling import Scheduling  # noqa: PLC0415  (as above)

    return Scheduling(config, log)  # type: ignore[arg-type]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins at once, where it need not wait for the rest."""
    wrong = {
        item.path.name for item in items if bool(item.get_closest_marker("e2e")) != item.nodeid.startswith(AIRFLOW)
    }
    if wrong:
        raise pytest.UsageError(f"The marker e2e and tests/airflow_modules.py differ in {', '.join(wrong)}.")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(AIRFLOW))  # stable
