"""A real browser for the tests of pages: Debian's chromium, driven by Playwright, and axe to scan what it shows."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import threading
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

__all__ = ["REBOUND", "launched", "opened", "other_site", "refused_once", "row", "serious"]

REBOUND = "rebound.example"  # a name of somebody else's that points to this machine
_PATIENCE = 20_000  # ms; a busy machine


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """A browser; the test is skipped where there is none."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no chromium on the PATH; on Debian and Ubuntu: apt-get install chromium")
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
        )
        with browser:
            yield browser


@contextlib.contextmanager
def opened(browser: Browser, complaints: list[str], **options: object) -> Iterator[Page]:
    """A page in a profile of its own; what its console calls an error, and dialogs, become complaints."""
    with browser.new_context(locale="en-GB", **options) as context:  # type: ignore[arg-type]
        context.set_default_timeout(_PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        yield page


@contextlib.contextmanager
def other_site() -> Iterator[int]:
    """The port of another program of this machine that serves pages."""

    class Blank(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><link rel=icon href=data:,><title>Another site</title>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blank) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def row(page: Page, table: str, name: str) -> Locator:
    """The cells of one row of a table, by its header."""
    rows = page.get_by_role("table", name=table).get_by_role("row")
    return rows.filter(has=page.get_by_role("rowheader", name=name, exact=True)).get_by_role("cell")


def refused_once(complaints: list[str]) -> None:
    """The browser says 400s in its console, whatever a page does with them."""
    assert [text for text in complaints if "400 (Bad Request)" not in text] == []
    complaints.clear()


def serious(page: Page) -> list[str]:
    """What axe finds on the page (its frames too) that is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]
