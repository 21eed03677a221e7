"""The whole way of a person with a browser: connect, sync, lose the authorization, read why, reconnect, sync again.

In Airflow's own UI, with every process of Airflow, on a workspace of its own. The pictures in the docs are of this way.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.browser import opened, serious
from tests.e2e.conftest import Stack
from trials.row import Row

CONN_ID = "livestorm_default"
HTML_NAME = "<img src=x onerror=alert(1)> & Söhne"
# What Airflow's own UI, or a question that a click cut off, leaves in the browser's console.
_NOT_OURS = ("net::ERR_ABORTED", "Failed to fetch", "favicon", "i18next", "React", "Warning:")


@pytest.fixture
def livestorm(stack: Stack) -> Iterator[SandboxProcess]:
    """A workspace that nobody connected yet, and the connection as its form saves it."""
    callback = f"{stack.airflow.url}/livestorm/callback"
    with SandboxProcess(preset="tiny", rotation="strict", redirect_uris=[callback]) as sandbox:
        credentials = sandbox.credentials()
        stack.airflow.put_connection(
            conn_id=CONN_ID,
            conn_type="livestorm",
            host=sandbox.api_url,
            login=credentials["client_id"],
            password=credentials["client_secret"],
            extra=json.dumps({"token_url": sandbox.token_url, "authorize_url": sandbox.authorize_url}),
            pool=("livestorm", 4),
        )
        yield sandbox
        stack.other_secrets.extend(sandbox.secrets())


def log_in(page: Page, stack: Stack, complaints: list[str], name: str = "admin") -> None:
    page.goto(stack.airflow.url)
    page.get_by_label("Username").fill(name)
    page.locator("input[type=password]").fill(stack.password(name))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_test_id("nav-home-link")).to_be_visible()
    complaints.clear()  # of Airflow's own login


def open_from_menu(page: Page) -> FrameLocator:
    """Admin > Livestorm, as a person finds it."""
    page.get_by_role("button", name="Admin").click()
    page.get_by_role("menuitem", name="Livestorm").click()
    return page.frame_locator("iframe[title=Livestorm]")


def card(place: Page | FrameLocator, conn_id: str = CONN_ID) -> Locator:
    return place.get_by_role("article", name=conn_id)


def agree(page: Page, sandbox: SandboxProcess) -> None:
    """At Livestorm."""
    page.wait_for_url(f"{sandbox.authorize_url}**")
    page.get_by_role("button", name="Authorize").click()


class Pictures:
    """`make pictures` sends them to docs/images; else they only have to come about."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = pathlib.Path(os.environ.get("LIVESTORM_PICTURES") or folder)

    def take_log(self, page: Page, link: Locator, name: str) -> None:
        """A task's log down to a link: what comes below it is the traceback, of no use to people."""
        page.keyboard.press("w")  # wraps its lines
        link.evaluate("link => link.scrollIntoView({block: 'center'})")
        box = link.bounding_box()
        assert box is not None
        height = box["y"] + box["height"] + 2 * 18 + 4  # the sentence ends two lines below
        page.screenshot(path=self._folder / f"{name}.png", clip={"x": 0, "y": 0, "width": 1280, "height": height})

    def take(self, page: Page, name: str) -> None:
        picture = self._folder / f"{name}.png"
        page.screenshot(path=picture)
        assert picture.stat().st_size < 300_000


def look(page: Page, stack: Stack, frame: FrameLocator, scheme: str) -> None:
    """The page in one of Airflow's two looks."""
    page.evaluate("scheme => localStorage.setItem('theme', scheme)", scheme)
    page.goto(f"{stack.airflow.url}/plugin/livestorm?connection={CONN_ID}")
    expect(card(frame)).to_contain_text("Connected as")


def show_calls(page: Page, stack: Stack, frame: FrameLocator, livestorm: SandboxProcess) -> None:
    """All calls are there: that of Connect, and those that the task reported, as many as the sandbox counted."""
    look(page, stack, frame, "light")
    calls = livestorm.status()["counters"]["calls_total"]
    expect(card(frame).get_by_role("img", name=re.compile(f"{calls} calls"))).to_be_visible()


def a_month_lies_behind(stack: Stack) -> None:
    """Days of calls as a nightly sync makes them, for the picture."""
    for before in range(1, 30):
        calls = 38 + before * 7 % 11 + (120 if before % 7 == 3 else 0)
        stack.database.execute(
            "INSERT INTO livestorm_calls (conn_id, day, calls)"
            " VALUES (%s, to_char((now() AT TIME ZONE 'utc') - make_interval(days => %s), 'YYYY-MM-DD'), %s)",
            (CONN_ID, before, calls),
        )


def test_a_person_connects_syncs_loses_it_reads_why_and_reconnects(
    stack: Stack, livestorm: SandboxProcess, browser: Browser, complaints: list[str], tmp_path: pathlib.Path
) -> None:
    shots = Pictures(tmp_path)
    with opened(browser, complaints, viewport={"width": 1280, "height": 800}) as page:
        log_in(page, stack, complaints)
        frame = open_from_menu(page)
        expect(card(frame)).to_contain_text("Not connected")

        card(frame).get_by_role("button", name="Connect").click()
        dialog = frame.get_by_role("dialog")
        expect(dialog).to_contain_text(f"{stack.airflow.url}/livestorm/callback")
        expect(dialog.get_by_role("checkbox", name="events:read")).to_be_checked()
        expect(dialog.get_by_role("checkbox", name="events:write")).not_to_be_checked()
        dialog.get_by_role("button", name="Continue to Livestorm").click()
        agree(page, livestorm)
        page.wait_for_url(f"{stack.airflow.url}/plugin/livestorm**")
        expect(card(frame)).to_contain_text("Connected")
        expect(frame.get_by_role("status").filter(has_text="Connected as")).to_be_visible()
        stored = Row(stack.database, CONN_ID).read()
        assert stored["refresh_token"] == livestorm.newest_refresh_token()

        tasks = stack.run_dag("livestorm_sync")
        assert tasks["sync"]["state"] == "success", stack.log_of("livestorm_sync", tasks["sync"])
        show_calls(page, stack, frame, livestorm)
        a_month_lies_behind(stack)
        for scheme in ("dark", "light"):
            look(page, stack, frame, scheme)
            shots.take(page, f"connect-{scheme}")

        livestorm.revoke()
        failed = stack.run_dag("livestorm_sync")["sync"]
        assert failed["state"] == "failed"
        where = f"{stack.airflow.url}/dags/livestorm_sync/runs/{failed['dag_run_id']}/tasks/sync"
        page.goto(f"{where}?log_level=error")
        link = page.get_by_role("link").filter(has_text="/livestorm/?connection=").first
        expect(page.get_by_text("its refresh token is no longer valid").first).to_be_visible()
        shots.take_log(page, link, "reconnect-log")
        with page.expect_popup() as popup:
            link.click()
        own = popup.value
        expect(card(own)).to_contain_text("Needs reconnecting")
        shots.take(own, "connect-error")
        assert serious(own) == []

        card(own).get_by_role("button", name="Reconnect").click()
        own.get_by_role("dialog").get_by_role("button", name="Continue to Livestorm").click()
        agree(own, livestorm)
        expect(card(own)).to_contain_text("Connected as")
        own.close()

        tasks = stack.run_dag("livestorm_sync")
        assert tasks["sync"]["state"] == "success", stack.log_of("livestorm_sync", tasks["sync"])
        counters = livestorm.status()["counters"]
        assert counters["reuses_of_spent_tokens"] == 0
    assert not [text for text in complaints if not any(known in text for known in _NOT_OURS)]


def test_a_viewer_sees_no_connection_and_no_action(stack: Stack, browser: Browser, livestorm: SandboxProcess) -> None:
    with opened(browser, []) as page:
        log_in(page, stack, [], "viewer")
        answer = page.goto(f"{stack.airflow.url}/livestorm/?connection={CONN_ID}")
        assert answer is not None
        assert answer.status == 403
        expect(page.get_by_text("You may not see Airflow's connections")).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(0)
        assert CONN_ID not in page.content()


def test_html_in_names_is_text(
    stack: Stack, browser: Browser, livestorm: SandboxProcess, complaints: list[str]
) -> None:
    livestorm.rename(workspace=HTML_NAME, owner="<b>Ada</b> <script>alert(2)</script>")
    with opened(browser, complaints) as page:
        log_in(page, stack, complaints)
        page.goto(f"{stack.airflow.url}/livestorm/?connection={CONN_ID}")
        card(page).get_by_role("button", name="Connect").click()
        page.get_by_role("dialog").get_by_role("button", name="Continue to Livestorm").click()
        agree(page, livestorm)
        expect(card(page)).to_contain_text(HTML_NAME)
        expect(card(page)).to_contain_text("<b>Ada</b>")
        expect(page.locator("main img, main b script")).to_have_count(0)
    assert not [text for text in complaints if not any(known in text for known in _NOT_OURS)]
