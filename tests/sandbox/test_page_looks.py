"""How the status page is to look at and to use: gone and back, keyboard, phone, axe; and its pictures."""

from __future__ import annotations

import os
import pathlib

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.browser import opened, row, serious
from tests.sandbox.caller import Api
from tests.sandbox.status_page import show


def test_a_sandbox_that_is_gone_and_comes_back_is_shown(browser: Browser, complaints: list[str]) -> None:
    with SandboxProcess(preset="empty") as sandbox, opened(browser, complaints) as page:
        show(page, sandbox)
        port = int(sandbox.url.rpartition(":")[2])
        page.get_by_label("token_life").fill("5")  # meant for this sandbox, not for the next
        sandbox.close()
        expect(page.get_by_role("alert")).to_contain_text("The sandbox is gone: it cannot be reached.")
        expect(page.get_by_text("Gone", exact=True)).to_be_visible()
        assert serious(page) == []
        page.get_by_role("button", name="+1 hour").click()
        expect(page.locator("#clock-note")).to_contain_text("The sandbox did not do it: it cannot be reached.")
        with SandboxProcess(preset="tiny", port=port):
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            expect(page.get_by_role("alert")).to_be_hidden()
            expect(page.get_by_text("preset tiny, seed 1")).to_be_visible()
            expect(page.get_by_label("token_life")).to_have_value("7200")
    assert all("Failed to load resource" in text for text in complaints), complaints


def test_the_keyboard_is_enough_and_keeps_its_place(page: Page, api: Api) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="+1 hour")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Moved;")).to_be_visible()
    api.get("/events")
    expect(row(page, "By operation", "listEvents")).to_have_text(["1"])
    expect(page.get_by_role("button", name="+1 hour")).to_be_focused()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


@pytest.mark.parametrize("width", [375, 800])
def test_nothing_is_wider_than_the_screen(
    browser: Browser, sandbox: SandboxProcess, complaints: list[str], width: int
) -> None:
    sandbox.add_fault(path_prefix="/v1/" + "x" * 200, status=500, body="html")
    with opened(browser, complaints, viewport={"width": width, "height": 800}) as page:
        show(page, sandbox)
        expect(page.get_by_role("rowheader", name="xxx")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert complaints == []


def test_every_field_has_a_label(page: Page) -> None:
    """axe is content with a placeholder, which goes away as soon as somebody types."""
    bare = "[...document.querySelectorAll('input, select')].filter((one) => !one.labels.length).map((one) => one.id)"
    assert page.evaluate(bare) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Browser, sandbox: SandboxProcess, complaints: list[str], scheme: str
) -> None:
    with opened(browser, complaints, color_scheme=scheme) as page:
        lively(sandbox)
        show(page, sandbox)
        page.get_by_role("button", name="Add fault").click()  # a refusal is on the page as well
        expect(page.get_by_text("Refused:")).to_be_visible()
        assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(browser: Browser, complaints: list[str], tmp_path: pathlib.Path, scheme: str) -> None:
    """`make pictures` sends them to docs/images; else they only have to come about."""
    folder = pathlib.Path(os.environ.get("LIVESTORM_PICTURES") or tmp_path)
    with (
        SandboxProcess(preset="small") as sandbox,
        opened(browser, complaints, color_scheme=scheme, viewport={"width": 1120, "height": 1000}) as page,
    ):
        lively(sandbox)
        show(page, sandbox)
        picture = folder / f"sandbox-{scheme}.png"
        page.screenshot(path=picture)
    assert picture.stat().st_size < 150_000
    assert complaints == []


def lively(sandbox: SandboxProcess) -> None:
    """Something to see: calls, a burst that is refused, a refresh, a token used twice, faults, a changed switch."""
    grant = sandbox.grant("identity:read events:read")
    sandbox.configure(interval_limit=0)
    sandbox.add_fault(path_prefix="/v1/sessions", status=503, body="html", times=3)
    sandbox.add_fault(path_prefix="/v1/people", delay=2.5, times=0, chance=0.25)
    calls = ["/events"] * 14 + ["/sessions"] * 9 + ["/people_attributes"] * 2 + ["/users", "/polls"]
    headers = {"Authorization": f"Bearer {grant['access_token']}"}
    with requests.Session() as web:
        for path in calls:
            web.get(sandbox.api_url + path, headers=headers, timeout=10)
        sandbox.configure(interval_limit=5, monthly_limit=100, rotation="strict", breakout_rooms="shown")
        for _ in range(3):
            web.get(f"{sandbox.api_url}/events", headers=headers, timeout=10)
        form = {name: grant[name] for name in ("refresh_token", "client_id", "client_secret")}
        for _ in range(2):
            web.post(sandbox.token_url, data={"grant_type": "refresh_token", **form}, timeout=10)
