"""The Livestorm page in a browser: its cards, and how it is opened. Used by test_page_*.py."""

from __future__ import annotations

from playwright.sync_api import FrameLocator, Locator, Page

from tests.plugin.page_server import PageServer

__all__ = ["HTML", "card", "framed", "loaded", "press"]

HTML = "<img src=x onerror=alert(1)>"


def card(page: Page | FrameLocator, name: str = "livestorm_default") -> Locator:
    """The card of a connection."""
    return page.get_by_role("article", name=name, exact=True)


def press(page: Page | FrameLocator, button: str, name: str = "livestorm_default") -> None:
    """Press a button of a card."""
    card(page, name).get_by_role("button", name=button, exact=True).click()


def framed(page: Page, server: PageServer, query: str = "") -> FrameLocator:
    """Open the page in a frame, as in Airflow's UI."""
    page.goto(server.framed + query)
    return page.frame_locator("iframe")


def loaded(complaints: list[str]) -> None:
    """The browser says in its console which answers were no success, whatever a page does with them."""
    assert [text for text in complaints if "Failed to load resource" not in text] == []
    complaints.clear()
