"""The Livestorm page in a real browser: what its buttons ask for, in a frame as in Airflow's UI and by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from tests.browser import REBOUND, opened, other_site
from tests.plugin.page_server import PREFIX, PageServer, connection, serving, untold

HTML = "<img src=x onerror=alert(1)>"


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A page in a profile of its own; there must be nothing in the console at the end, the policy's refusals least."""
    with opened(browser, complaints, viewport={"width": 1200, "height": 900}) as page:
        yield page
    assert complaints == []


def card(page: Page | FrameLocator, name: str = "livestorm_default") -> Locator:
    return page.get_by_role("article", name=name, exact=True)


def press(page: Page | FrameLocator, button: str, name: str = "livestorm_default") -> None:
    card(page, name).get_by_role("button", name=button, exact=True).click()


def framed(page: Page, server: PageServer, query: str = "") -> FrameLocator:
    page.goto(server.framed + query)
    return page.frame_locator("iframe")


def loaded(complaints: list[str]) -> None:
    """The browser says in its console which answers were no success, whatever a page does with them."""
    assert [text for text in complaints if "Failed to load resource" not in text] == []
    complaints.clear()


# --- Connect -----


def test_connect_offers_what_only_reads_and_takes_the_whole_window_to_livestorm(page: Page) -> None:
    with serving(untold("livestorm_new", state="not_connected")) as server, other_site() as livestorm:
        there = f"http://127.0.0.1:{livestorm}/oauth/authorize?state=abc"
        server.replies["authorize"] = (200, {"url": there})
        page.goto(server.page)
        press(page, "Connect", "livestorm_new")
        dialog = page.get_by_role("dialog", name="Connect livestorm_new")
        expect(dialog.get_by_text(server.state["redirect_uri"], exact=True)).to_be_visible()
        expect(dialog).to_contain_text("must be registered with your Livestorm application beforehand")
        boxes = {box.get_attribute("value"): box.is_checked() for box in dialog.get_by_role("checkbox").all()}
        assert boxes == {
            "identity:read": True,
            "events:read": True,
            "admin:read": True,
            "events:write": False,
            "admin:write": False,
        }
        changing = dialog.get_by_role("group", name="What DAGs may change")
        expect(changing).to_contain_text("can change what is in your Livestorm workspace")
        dialog.get_by_role("checkbox", name="admin:read").uncheck()
        changing.get_by_role("checkbox", name="events:write").check()
        dialog.get_by_role("button", name="Continue to Livestorm").click()
        page.wait_for_url(there)
    [(path, headers, body)] = server.posts
    assert path == "/livestorm/page/connections/livestorm_new/authorize"
    assert body == {"scopes": ["identity:read", "events:read", "events:write"], "embedded": False}
    assert headers["X-Livestorm-Page"] == "1"
    assert headers["Content-Type"] == "application/json"


def test_from_the_frame_in_airflow_the_whole_window_goes_to_livestorm(page: Page) -> None:
    with serving(connection()) as server, other_site() as livestorm:
        there = f"http://127.0.0.1:{livestorm}/oauth/authorize?state=abc"
        server.replies["authorize"] = (200, {"url": there})
        frame = framed(page, server)
        press(frame, "Reconnect")
        frame.get_by_role("button", name="Continue to Livestorm").click()
        page.wait_for_url(there)
    assert server.posts[0][2]["embedded"] is True


def test_reconnect_offers_what_was_granted(page: Page) -> None:
    with serving(connection(scopes=["identity:read", "events:write"])) as server:
        page.goto(server.page)
        press(page, "Reconnect")
        ticked = [box.get_attribute("value") for box in page.get_by_role("checkbox", checked=True).all()]
    assert ticked == ["identity:read", "events:write"]


def test_connect_wants_a_scope_and_says_why_it_was_refused(page: Page, complaints: list[str]) -> None:
    with serving(connection()) as server:
        server.replies["authorize"] = (409, {"error": f"This connection was deleted meanwhile {HTML}."})
        page.goto(server.page)
        press(page, "Reconnect")
        for box in page.get_by_role("checkbox").all():
            box.uncheck()
        go = page.get_by_role("button", name="Continue to Livestorm")
        go.click()
        expect(page.get_by_text("Choose at least one scope.")).to_be_visible()
        assert server.posts == []
        page.get_by_role("checkbox", name="events:read").check()
        go.click()
        expect(page.get_by_text(f"This connection was deleted meanwhile {HTML}.")).to_be_visible()
        expect(go).not_to_have_attribute("aria-busy", "true")
    loaded(complaints)


def test_what_is_no_web_address_is_not_gone_to(page: Page) -> None:
    with serving(connection()) as server:
        server.replies["authorize"] = (200, {"url": "javascript:alert(1)"})
        page.goto(server.page)
        press(page, "Reconnect")
        page.get_by_role("button", name="Continue to Livestorm").click()
        expect(page.get_by_text("no web address: javascript:")).to_be_visible()


def test_connect_at_another_address_than_livestorm_sends_back_to_is_stopped_before(page: Page) -> None:
    with serving(connection(), redirect_uri="https://airflow.example.com/livestorm/callback") as server:
        frame = framed(page, server)
        press(frame, "Reconnect")
        dialog = frame.get_by_role("dialog")
        expect(dialog).to_contain_text("would send you back to https://airflow.example.com")
        link = dialog.get_by_role("link", name="Open this page at https://airflow.example.com")
        there = "https://airflow.example.com/livestorm/?connection=livestorm_default"
        expect(link).to_have_attribute("href", there)
        expect(dialog.get_by_role("button", name="Continue to Livestorm")).to_be_disabled()


def test_the_redirect_uri_is_copied(page: Page) -> None:
    with serving(connection()) as server:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
        frame = framed(page, server)
        press(frame, "Reconnect")
        frame.get_by_role("button", name="Copy").click()
        expect(frame.get_by_text("Copied.")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == server.state["redirect_uri"]


def test_where_the_page_may_not_copy_it_selects(page: Page) -> None:
    """A page without https that is not on loopback has no clipboard."""
    with serving(connection()) as server:
        page.goto(server.page.replace("127.0.0.1", REBOUND))
        press(page, "Reconnect")
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_text("Selected. Copy it with Ctrl+C")).to_be_visible()
        assert page.evaluate("getSelection().toString()") == server.state["redirect_uri"]


# --- Test, Disconnect -----


def test_a_test_says_its_outcome_on_the_card_and_keeps_the_focus(page: Page) -> None:
    with serving(connection(), connection("other/one ü")) as server:
        server.replies["test"] = (200, {"ok": True, "message": f"Connected as {HTML}."})
        frame = framed(page, server)
        press(frame, "Test", "other/one ü")
        expect(card(frame, "other/one ü").get_by_role("status")).to_have_text(f"Connected as {HTML}.")
        expect(card(frame).get_by_role("status")).to_be_empty()
        expect(card(frame, "other/one ü").get_by_role("button", name="Test")).to_be_focused()
    assert server.posts[0][0] == "/livestorm/page/connections/other%2Fone%20%C3%BC/test"
    assert server.paths.count("/livestorm/page/connections") == 2  # it looks anew afterwards


def test_disconnect_asks_first(page: Page) -> None:
    with serving(connection()) as server:
        server.replies["disconnect"] = (200, {"ok": True, "message": "Disconnected."})
        frame = framed(page, server)
        press(frame, "Disconnect")
        dialog = frame.get_by_role("dialog", name="Disconnect livestorm_default?")
        expect(dialog).to_contain_text("revoked at Livestorm")
        expect(dialog).to_contain_text("fail until somebody connects it again")
        expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        press(frame, "Disconnect")
        dialog.get_by_role("button", name="Cancel").click()
        assert server.posts == []
        press(frame, "Disconnect")
        server.state["connections"] = [untold("livestorm_default", state="not_connected")]
        dialog.get_by_role("button", name="Disconnect").click()
        expect(card(frame).get_by_role("status")).to_have_text("Disconnected.")
        expect(card(frame).get_by_role("button")).to_have_text(["Connect"])
        expect(card(frame)).to_be_focused()  # the button that had the focus is gone
    assert [path.rpartition("/")[2] for path, _, _ in server.posts] == ["disconnect"]


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


def test_words_of_time_stay_true(page: Page, complaints: list[str]) -> None:
    page.clock.install()
    with serving(connection()) as server:
        page.goto(server.page)
        expect(card(page)).to_contain_text("in 1 hour 48 minutes")
        server.status = 500  # no later look
        page.clock.fast_forward(7_000_000)
        expect(card(page)).to_contain_text("expired 8 minutes ago; the next call refreshes it")
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
