"""In a real browser: a person comes from another site, agrees, and is back there with a code."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from playwright.sync_api import Browser, expect

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.browser import opened, other_site

HTML = "<img src=x onerror=alert(1)>"


def test_a_person_comes_from_another_site_agrees_and_is_back_with_a_code(
    browser: Browser, complaints: list[str]
) -> None:
    with other_site() as port:
        callback = f"http://localhost:{port}/livestorm/callback"
        with SandboxProcess("empty", redirect_uris=[callback]) as sandbox, opened(browser, complaints) as page:
            sandbox.rename(workspace=HTML)
            known = sandbox.credentials()
            asked = {"response_type": "code", "client_id": known["client_id"], "redirect_uri": callback}
            asked |= {"scope": "identity:read events:read", "state": '">' + HTML}
            page.goto(f"http://localhost:{port}/")
            page.evaluate("(url) => { window.location.assign(url) }", f"{sandbox.authorize_url}?{urlencode(asked)}")
            expect(page.get_by_text(HTML)).to_be_visible()
            expect(page.get_by_role("listitem")).to_have_text(["identity:read", "events:read"])
            expect(page.locator("img")).to_have_count(0)
            page.get_by_role("button", name="Authorize").click()
            page.wait_for_url(f"{callback}?*")
            back = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
            assert back["state"] == asked["state"]
            client = {name: known[name] for name in ("client_id", "client_secret")}
            form = client | {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": callback}
            assert requests.post(sandbox.token_url, data=form, timeout=10).ok
    assert complaints == []
