"""How the Livestorm page is to look at: states, quota, calls, light and dark, keyboard, phone, axe."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import serious
from tests.plugin.livestorm_page import card, framed, loaded
from tests.plugin.page_server import CALLS, NOW, connection, serving, untold

DARK = re.compile(r"^oklch\(0\.2318")
LIGHT = "rgb(255, 255, 255)"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
REASON = "Livestorm refused the refresh token: it was revoked, or somebody else used it. Reconnect."


def all_sorts() -> list[dict[str, Any]]:
    return [
        connection("well"),
        connection("token", kind="api_token", scopes=[], refreshed_at=None, expires_at=None, kept_elsewhere=True),
        untold("seed", state="not_tried", kept_elsewhere=True),
        untold("fresh", state="not_connected"),
        untold("odd", kind="unusable", state="needs_attention", reason="The API URL is not https. Correct the Host."),
        connection("shaky", state="needs_attention", reason="Livestorm answered 500 at the last refresh."),
        connection("dead", state="needs_reconnecting", reason=REASON, expires_at=NOW - 7_200),
    ]


def test_each_state_is_told_in_words_with_what_may_be_done(page: Page) -> None:
    with serving(*all_sorts()) as server:
        page.goto(server.page)
        expect(page.get_by_role("article")).to_have_count(7)
        shown = {}
        for one in page.get_by_role("article").all():
            buttons = one.get_by_role("button").or_(one.get_by_role("link")).all_text_contents()
            shown[one.get_by_role("heading", level=2).text_content()] = [one.locator(".badge").text_content(), *buttons]
        summary = page.get_by_text("7 connections, 3 need attention")
        expect(summary).to_be_visible()
        expect(card(page, "dead")).to_contain_text(REASON)
    assert list(shown.items()) == [  # those that need somebody come first
        ("dead", ["Needs reconnecting", "Reconnect", "Test", "Disconnect"]),
        ("odd", ["Needs attention", "Open Airflow's connections"]),
        ("shaky", ["Needs attention", "Reconnect", "Test", "Disconnect"]),
        ("fresh", ["Not connected", "Connect"]),
        ("seed", ["Not tried yet", "Test", "Connect", "Disconnect"]),
        ("token", ["Connected", "Test"]),
        ("well", ["Connected", "Reconnect", "Test", "Disconnect"]),
    ]


def test_a_connection_tells_who_where_and_how_old_its_token_is(page: Page) -> None:
    with serving(*all_sorts()) as server:
        page.goto(server.page)
        facts = card(page, "well").locator("dl")
        for fact in (
            "Connected as" + "Ada Lovelace (ada@example.com)" + "checked 5 minutes ago",
            "Workspace" + "Analytical Engines",
            "Token age" + "12 minutes" + "Expires" + "in 1 hour 48 minutes" + "Last refresh" + "24 Nov 2026, 12:48 UTC",
        ):
            expect(facts).to_contain_text(fact)
        expect(facts.get_by_role("listitem")).to_have_text(["identity:read", "events:read", "admin:read"])
        expect(facts.get_by_text("in 1 hour 48 minutes")).to_have_attribute("title", "24 Nov 2026, 14:48:40 UTC")
        expect(facts.get_by_text("in 1 hour 48 minutes")).to_have_attribute("datetime", "2026-11-24T14:48:40Z")
        expect(card(page, "dead")).to_contain_text("Expiresexpired 2 hours ago")
        expect(card(page, "token")).to_contain_text("Kept inThe environment or a secrets backend")
        expect(card(page, "fresh").get_by_text("Not known yet").locator("visible=true")).to_have_count(0)


QUOTAS = {
    "half": ({"remaining": 5_000}, "5,000 of 10,000 calls used", "5,000 left, as of 5 minutes ago.", "only once"),
    "low": (
        {"remaining": 900},
        "9,100 of",
        "900 left",
        "Livestorm tells the reset date only once the quota is used up.",
    ),
    "none": (
        {"remaining": 0, "resets_at": NOW + 86_400},
        "10,000 of",
        "Used up",
        "Full again on 25 Nov 2026, 13:00 UTC.",
    ),
    "guess": (
        {"resets_at": NOW + 86_400, "resets_at_estimated": True},
        "Full again about 25 Nov 2026 (estimated).",
        "",
        "",
    ),
    "past": ({"resets_at": NOW - 86_400}, "It was to be full again on 23 Nov 2026; the next call tells.", "", ""),
    "no limit": ({"limit": None}, "6,842 left, as of", "", ""),
    "no rest": ({"remaining": None}, "10,000 calls a month; what is left is not known", "", ""),
}


def test_the_quota_is_told_with_its_reset_as_far_as_livestorm_tells_it(page: Page) -> None:
    usual = connection()["quota"]
    known = [connection(name, quota=usual | members) for name, (members, *_) in QUOTAS.items()]
    with serving(*known, connection("unknown", quota=None)) as server:
        page.goto(server.page)
        for name, (_, *words) in QUOTAS.items():
            for one in words:
                expect(card(page, name)).to_contain_text(one)
        expect(card(page, "unknown")).to_contain_text("Not known yet: Livestorm tells it with its answers to calls.")
        meter = card(page, "half").get_by_role("meter", name="Monthly quota used")
        expect(meter).to_have_attribute("aria-valuetext", "5,000 of 10,000 calls")
        share = "(meter) => meter.firstChild.getBoundingClientRect().width / meter.getBoundingClientRect().width"
        assert meter.evaluate(share) == pytest.approx(0.5, abs=0.01)
        for name, kind in (("half", ""), ("low", "warn"), ("none", "bad")):
            expect(card(page, name).get_by_role("meter")).to_have_attribute("data-kind", kind)
        expect(card(page, "no limit").get_by_role("meter")).to_have_count(0)


def test_the_calls_of_30_days_are_a_chart_and_a_table(page: Page) -> None:
    with serving(connection()) as server:
        page.goto(server.page)
        chart = card(page).get_by_role("img")
        expect(chart).to_have_accessible_name("Calls on each of 30 days: 1,148 calls, most on 14 Nov: 203")
        heights = "(chart) => [...chart.children].map((day) => day.firstChild.getBoundingClientRect().height)"
        drawn = chart.evaluate(heights)
        highest = drawn[CALLS.index(203)]
        assert highest == max(drawn) > 50
        assert drawn[CALLS.index(90)] == pytest.approx(highest * 90 / 203, abs=1)
        expect(card(page)).to_contain_text(
            "Missing: calls of other programs, which are in the quota, and of tasks that"
        )
        card(page).get_by_text("As a table").click()
        rows = card(page).get_by_role("table", name="Calls of the last 30 days").get_by_role("row")
        expect(rows).to_have_count(31)
        expect(rows.nth(1)).to_have_text("24 Nov26")


def test_by_itself_the_page_leads_back_to_airflow_and_in_the_frame_it_does_not(page: Page) -> None:
    with serving(connection()) as server:
        page.goto(server.page)
        back = page.get_by_role("navigation").get_by_role("link", name="Airflow")
        expect(back).to_have_attribute("href", server.state["airflow_url"])
        frame = framed(page, server)
        expect(card(frame)).to_be_visible()
        expect(frame.get_by_role("navigation")).to_be_hidden()
        expect(frame.get_by_role("heading", level=1)).to_have_text("Livestorm")


# --- light and dark -----


def test_in_the_frame_it_is_as_dark_as_airflow_around_it(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    with serving(connection()) as server:
        server.theme = "dark"
        body = framed(page, server).locator("body")
        expect(body).to_have_css("background-color", DARK)
        page.evaluate("document.documentElement.className = 'light'")
        expect(body).to_have_css("background-color", LIGHT)
        page.evaluate("document.documentElement.className = 'dark'")
        expect(body).to_have_css("background-color", DARK)


def test_by_itself_it_is_as_dark_as_airflow_was_chosen_to_be_in_this_browser(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    with serving(connection()) as server:
        page.goto(server.page)
        expect(page.locator("body")).to_have_css("background-color", DARK)
        page.evaluate("localStorage.setItem('theme', 'light')")
        page.reload()
        expect(page.locator("body")).to_have_css("background-color", LIGHT)


# --- everybody's page -----


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, complaints: list[str], scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    done = {"kind": "done", "conn_id": "well", "message": "Connected as Ada Lovelace."}
    with serving(*all_sorts(), notice=done) as server:
        server.replies["test"] = (200, {"ok": False, "message": "Livestorm answered 500."})
        server.replies["authorize"] = (502, {"error": "Livestorm cannot be reached."})
        page.goto(f"{server.page}?connection=gone")
        card(page, "well").get_by_text("As a table").click()
        card(page, "well").get_by_role("button", name="Test").click()
        expect(card(page, "well").get_by_role("status")).to_have_text("Livestorm answered 500.")
        assert serious(page) == []
        card(page, "well").get_by_role("button", name="Disconnect").click()
        assert serious(page) == []
        page.keyboard.press("Escape")
        server.state["redirect_uri"] = server.state["redirect_uri"].replace("http:", "https:")
        card(page, "well").get_by_role("button", name="Test").click()
        card(page, "well").get_by_role("button", name="Reconnect").click()
        assert serious(page) == []
        page.keyboard.press("Escape")
        server.state = {"error": "Airflow's database is away."}
        server.status = 503
        card(page, "well").get_by_role("button", name="Test").click()
        expect(page.get_by_role("alert")).to_contain_text("Airflow's database is away.")
        assert serious(page) == []
    loaded(complaints)


@pytest.mark.parametrize("width", [320, 375, 800])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    long = "x" * 200
    page.set_viewport_size({"width": width, "height": 800})
    wide = connection(long, state="needs_attention", reason=long, connected_as=long, workspace=long, scopes=[long])
    with serving(*all_sorts(), wide, notice={"kind": "error", "conn_id": long, "message": long}) as server:
        server.state["redirect_uri"] += f"?{long}"
        page.goto(server.page)
        expect(card(page, long)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        card(page, long).get_by_role("button", name="Reconnect").click()
        dialog = page.get_by_role("dialog")
        go = dialog.get_by_role("button", name="Continue to Livestorm")
        expect(go).to_be_in_viewport(ratio=1)
        assert dialog.evaluate("(it) => it.scrollWidth <= it.clientWidth")
        inner = "(it) => it.querySelector('.dialog-body').scrollWidth <= it.querySelector('.dialog-body').clientWidth"
        assert dialog.evaluate(inner)


def test_the_keyboard_is_enough(page: Page) -> None:
    with serving(untold("fresh", state="not_connected")) as server:
        frame = framed(page, server)
        button = card(frame, "fresh").get_by_role("button", name="Connect")
        expect(button).to_be_visible()
        page.keyboard.press("Tab")
        expect(button).to_be_focused()
        expect(button).to_have_css("outline-style", "solid")
        expect(button).to_have_accessible_description("fresh")
        page.keyboard.press("Enter")
        expect(frame.get_by_role("heading", name="Connect fresh")).to_be_focused()
        page.keyboard.press("Tab")
        expect(frame.get_by_role("button", name="Copy")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(frame.get_by_role("checkbox", name="identity:read")).not_to_be_checked()
        page.keyboard.press("Escape")
        expect(frame.get_by_role("dialog")).to_be_hidden()
        expect(button).to_be_focused()
