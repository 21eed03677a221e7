"""In a real browser: nothing that the status page shows becomes HTML, and no other page gets at the controls."""

from __future__ import annotations

import requests
from playwright.sync_api import Browser, Route, expect

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.browser import REBOUND, opened, other_site
from tests.sandbox.status_page import show

HTML = "<img src=x onerror=alert(1)>"


def test_html_in_names_is_text(browser: Browser, sandbox: SandboxProcess, complaints: list[str]) -> None:
    def renamed(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "name": HTML})

    sandbox.add_fault(path_prefix=HTML, status=500)
    with opened(browser, complaints) as page:
        page.route("**/_sandbox/status", renamed)
        show(page, sandbox)
        expect(page.locator("#workspace-name")).to_have_text(HTML)
        expect(page.get_by_role("rowheader", name=HTML)).to_be_visible()
        expect(page.locator("img")).to_have_count(1)
    assert complaints == []


def test_a_page_of_another_origin_cannot_use_the_controls(
    browser: Browser, sandbox: SandboxProcess, complaints: list[str]
) -> None:
    attack = """async ([url, body]) => {
        try { return (await fetch(url, {method: body ? "POST" : "GET", mode: "no-cors", body})).type }
        catch (error) { return String(error) }
    }"""
    attempts = [
        ("clock", '{"advance": 864000}'),
        ("faults", '{"path_prefix": "/", "status": 500, "times": 0}'),
        ("credentials", None),
    ]
    clock = sandbox.now()
    with other_site() as port, opened(browser, complaints) as page:
        for host in ("127.0.0.1", "localhost"):  # same site, other origin; other site
            page.goto(f"http://{host}:{port}/")
            for path, body in attempts:
                # The call is made, and its answer kept from the page; what counts is that it changed nothing.
                with page.expect_console_message(lambda message: "BLOCKED_BY_RESPONSE" in message.text):
                    assert "Failed to fetch" in page.evaluate(attack, [f"{sandbox.url}/_sandbox/{path}", body])
    assert sandbox.now() < clock + 3600
    assert requests.get(f"{sandbox.url}/_sandbox/faults", timeout=10).json()["rules"] == []


def test_a_name_that_was_made_to_point_here_reads_nothing(
    browser: Browser, sandbox: SandboxProcess, complaints: list[str]
) -> None:
    with opened(browser, complaints) as page:
        answer = page.goto(f"http://{REBOUND}:{sandbox.url.rpartition(':')[2]}/_sandbox/secrets")
        assert answer is not None
        assert (answer.status, answer.json()["error"][:26]) == (403, "the controls answer to 127")
