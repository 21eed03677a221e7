"""The sandbox's tests share one process a module; each test finds its settings as they are at the start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import pytest
from playwright.sync_api import Browser, Page

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.settings import Settings
from tests.browser import opened
from tests.sandbox.caller import Api
from tests.sandbox.facts import Facts
from tests.sandbox.status_page import show

# Whoever tests these switches sets them.
CALM = {"interval_limit": 0, "incomplete_people": "none", "webhook_meta": "told"}


@pytest.fixture(autouse=True)
def as_at_the_start(request: pytest.FixtureRequest) -> None:
    """For tests that use the module's sandbox."""
    if "sandbox" in request.fixturenames:
        sandbox: SandboxProcess = request.getfixturevalue("sandbox")
        sandbox.configure(**asdict(Settings()) | CALM)
        sandbox.clear_faults()
        sandbox.reset_counters()


@pytest.fixture
def api(sandbox: SandboxProcess) -> Iterator[Api]:
    """The API, with a fresh access token."""
    api = Api(sandbox, f"Bearer {sandbox.grant()['access_token']}")
    with api.session:
        yield api


@pytest.fixture
def facts(sandbox: SandboxProcess) -> Iterator[Facts]:
    """The API for the tests of the facts, with every scope."""
    facts = Facts(sandbox)
    with facts.web:
        yield facts


@pytest.fixture
def page(browser: Browser, sandbox: SandboxProcess, complaints: list[str]) -> Iterator[Page]:
    """The status page, once it shows something; there must be nothing in the console at the end."""
    with opened(browser, complaints, viewport={"width": 1200, "height": 1000}) as page:
        show(page, sandbox)
        yield page
    assert complaints == []
