"""The sandbox's status page in a browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from airflow_provider_livestorm.sandbox.process import SandboxProcess

__all__ = ["show"]


def show(page: Page, sandbox: SandboxProcess) -> None:
    """Open the page, and wait until it shows something."""
    page.goto(f"{sandbox.url}/_sandbox/")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
