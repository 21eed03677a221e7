"""What the buttons of the Livestorm page ask for, in a frame as in Airflow's UI and by itself, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import REBOUND, other_site
from tests.plugin.livestorm_page import HTML, card, framed, loaded, press
from tests.plugin.page_server import connection, serving, untold

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
