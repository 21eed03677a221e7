"""The Livestorm page while it is open, in a real browser: what changes, who may not see it, links to it and back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.plugin.livestorm_page import HTML, card, framed, loaded, press
from tests.plugin.page_server import PREFIX, connection, serving

# --- a look every 15 seconds -----


def test_what_changes_is_shown_and_what_one_does_is_left_alone(page: Page) -> None:
    page.clock.install()
    with serving(connection(), connection("another")) as server:
        frame = framed(page, server)
        card(frame).get_by_text("As a table").click()
        press(frame, "Reconnect")
        box = frame.get_by_role("checkbox", name="admin:write")
        box.check()
        later: dict[str, Any] = connection(state="needs_reconnecting", reason="Livestorm refused it.")
        later["calls"][-1]["calls"] = 4711
        server.state["connections"] = [connection("another"), later]
        page.clock.fast_forward(15_000)
        expect(card(frame)).to_contain_text("Needs reconnecting")
        expect(card(frame)).to_contain_text("Livestorm refused it.")
        expect(card(frame).get_by_role("cell", name="4,711")).to_be_visible()
        expect(frame.get_by_role("article").first).to_contain_text("livestorm_default")
        expect(box).to_be_checked()
        expect(box).to_be_focused()
        server.state["connections"] = [connection("another")]
        page.clock.fast_forward(15_000)
        expect(card(frame)).to_have_count(0)


def test_a_card_that_moves_keeps_the_focus(page: Page) -> None:
    page.clock.install()
    with serving(connection("a"), connection("b")) as server:
        page.goto(server.page)
        card(page, "b").get_by_role("button", name="Test").focus()
        server.state["connections"][1]["state"] = "needs_attention"
        page.clock.fast_forward(15_000)
        expect(page.get_by_role("article").first).to_contain_text("Needs attention")
        expect(card(page, "b").get_by_role("button", name="Test")).to_be_focused()


def test_a_page_that_nobody_sees_asks_for_nothing(page: Page) -> None:
    page.clock.install()
    turned = """{{
        Object.defineProperty(document, "visibilityState", {{value: "{}", configurable: true}});
        document.dispatchEvent(new Event("visibilitychange"));
    }}"""
    page.add_init_script(turned.format("hidden"))
    with serving(connection("first")) as server:
        page.goto(server.page)
        expect(card(page, "first")).to_be_visible()
        for name in ("second", "third"):
            page.clock.fast_forward(60_000)
            server.state["connections"] = [connection(name)]
            page.evaluate(turned.format("visible"))
            expect(card(page, name)).to_be_visible()
            page.evaluate(turned.format("hidden"))
    assert server.paths.count("/livestorm/page/connections") == 3


def test_words_of_time_stay_true(page: Page, complaints: list[str]) -> None:
    page.clock.install()
    with serving(connection()) as server:
        page.goto(server.page)
        expect(card(page)).to_contain_text("in 1 hour 48 minutes")
        server.status = 500  # no later look
        page.clock.fast_forward(7_000_000)
        expect(card(page)).to_contain_text("expired 8 minutes ago; the next call refreshes it")
        expect(page.get_by_role("alert")).to_be_visible()  # so the console has heard of it as well
    loaded(complaints)


def test_an_airflow_that_is_gone_and_comes_back_is_told(page: Page, complaints: list[str]) -> None:
    page.clock.install()
    with serving(connection()) as server:
        page.goto(server.page)
        expect(card(page)).to_be_visible()
        page.route("**/page/connections", lambda route: route.abort())
        page.clock.fast_forward(15_000)
        expect(page.get_by_role("alert")).to_contain_text("Airflow cannot be reached. Below is how it was at")
        expect(card(page)).to_be_visible()
        page.unroute("**/page/connections")
        page.clock.fast_forward(15_000)
        expect(page.get_by_role("alert")).to_be_hidden()
    loaded(complaints)


# --- who may not, and nothing there -----


def test_whoever_is_logged_out_is_led_to_the_login_and_back(page: Page, complaints: list[str]) -> None:
    with serving(connection()) as server:
        server.status, server.state = 401, {"error": "Log in."}
        frame = framed(page, server, "?connection=livestorm_default")
        expect(frame.get_by_role("heading", name="You are logged out")).to_be_visible()
        frame.get_by_role("button", name="Log in").click()
        page.wait_for_url(re.compile(r"/api/v2/auth/login\?next="))
        assert page.url.startswith(f"{server.url}{PREFIX}/api/v2/auth/login?next=")
        assert page.url.endswith("%2Fplugin%2Flivestorm%2Fteam%2Fairflow%2Flivestorm%2F")
    loaded(complaints)


def test_whoever_may_not_see_connections_is_told(page: Page, complaints: list[str]) -> None:
    page.clock.install()
    with serving(connection()) as server:
        page.goto(server.page)
        expect(card(page)).to_be_visible()
        server.status, server.state = 403, {"error": "Your role may not read connections."}
        page.clock.fast_forward(15_000)
        expect(page.get_by_role("heading", name="You may not see connections")).to_be_visible()
        expect(page.get_by_text("Your role may not read connections.")).to_be_visible()
        expect(page.get_by_role("article")).to_have_count(0)
    loaded(complaints)


def test_whoever_may_not_edit_sees_no_action(page: Page) -> None:
    states = ["connected", "not_tried", "not_connected", "needs_reconnecting", "needs_attention"]
    kinds = ["oauth", "api_token", "unusable"]
    known = [
        connection(f"{kind} {state}", kind=kind, state=state, may_edit=False) for kind in kinds for state in states
    ]
    with serving(*known) as server:
        page.goto(server.page)
        expect(page.get_by_role("article")).to_have_count(15)
        expect(page.get_by_role("article").get_by_role("button")).to_have_count(0)
        expect(page.get_by_role("article").get_by_role("link")).to_have_count(0)
        expect(card(page, "oauth needs_reconnecting")).to_contain_text("Somebody who may edit connections can mend it")


def test_without_a_connection_the_way_to_one_is_shown(page: Page) -> None:
    with serving() as server:
        frame = framed(page, server)
        expect(frame.get_by_role("heading", name="No Livestorm connection yet")).to_be_visible()
        frame.get_by_role("link", name="Open Airflow's connections").click()
        page.wait_for_url(f"{server.url}{PREFIX}/connections")


# --- links to the page, and back from Livestorm -----


@pytest.mark.parametrize("place", ["page", "framed"])
def test_a_link_to_a_connection_goes_to_its_card(page: Page, place: str) -> None:
    with serving(*[connection(f"conn {number:02}") for number in range(12)]) as server:
        page.goto(f"{getattr(server, place)}?connection=conn+09")
        shown = card(page.frame_locator("iframe") if place == "framed" else page, "conn 09")
        expect(shown).to_be_focused()
        expect(shown).to_be_in_viewport(ratio=0.9)
        expect(shown).to_have_class(re.compile("is-asked"))


def test_a_link_to_a_connection_that_is_not_there_says_so(page: Page) -> None:
    with serving(connection()) as server:
        page.goto(f"{server.page}?connection={HTML}")
        expect(page.get_by_text(f"There is no Livestorm connection “{HTML}” here")).to_be_visible()


def test_the_outcome_of_connect_stays_until_it_is_dismissed(page: Page) -> None:
    page.clock.install()
    told = {"kind": "error", "conn_id": "livestorm_default", "message": f"Livestorm: {HTML} was denied."}
    with serving(connection(), notice=told) as server:
        page.goto(server.page)
        notice = page.get_by_role("alert")
        expect(notice).to_contain_text(f"livestorm_default Livestorm: {HTML} was denied.")
        server.state["notice"] = None
        server.state["connections"][0]["workspace"] = "Later"
        page.clock.fast_forward(15_000)
        expect(card(page)).to_contain_text("Later")
        expect(notice).to_be_visible()
        notice.get_by_role("button", name="Dismiss").click()
        expect(notice).to_be_hidden()


def test_html_is_text_wherever_it_comes_from(page: Page) -> None:
    bad: dict[str, Any] = connection(HTML, state="needs_attention", reason=HTML, connected_as=HTML, workspace=HTML)
    bad["scopes"] = [HTML]
    scope = {"name": HTML, "about": HTML, "write": True, "preselected": False}
    with serving(bad, scopes=[scope]) as server:
        page.goto(server.page)
        expect(card(page, HTML).get_by_text(HTML)).to_have_count(5)
        press(page, "Reconnect", HTML)
        expect(page.get_by_role("dialog", name=f"Reconnect {HTML}").get_by_text(HTML)).to_have_count(3)
        expect(page.locator("img")).to_have_count(0)
