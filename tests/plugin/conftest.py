"""What the tests of the plugin share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_livestorm.plugin import admission, token_broker
from tests.plugin.real_server import Server, real_server


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
