"""What the tests of the plugin share: of the token broker, of the Livestorm page, and of both in a real api-server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from airflow_provider_livestorm.plugin import admission, token_broker
from tests.plugin.real_server import Server, real_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One real api-server for all that need it."""
    with real_server(tmp_path_factory.mktemp("prefixed")) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers_come_before_background_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette's TestClient gives an answer only once its background task has ended; a real server does not.

    That the server waits for that task before it stops, test_graceful_stop.py proves with a real one.
    """

    async def at_once(_: object) -> None:
        return None

    monkeypatch.setattr(token_broker, "_until_done", at_once)


@pytest.fixture(autouse=True)
def _refusals_leave_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_REFUSAL_STEP_SECONDS", 0.02)


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A page in a profile of its own; there must be nothing in the console at the end, the policy's refusals least."""
    from tests.browser import opened  # noqa: PLC0415  (most tests here need no browser)

    with opened(browser, complaints, viewport={"width": 1200, "height": 900}) as page:
        yield page
    assert complaints == []
