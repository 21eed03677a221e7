"""The status page, over HTTP and in a real browser, on a real sandbox."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.settings import Settings
from tests.browser import refused_once, row
from tests.sandbox.caller import Api

ASSETS = pathlib.Path(__file__).parents[2] / "airflow_provider_livestorm/sandbox/assets"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


# --- over HTTP -----


@pytest.mark.parametrize("path", ["", "assets/main.js", "assets/page.css", "status", "truth/users", "nothing"])
def test_every_answer_tells_the_browser_to_be_strict(sandbox: SandboxProcess, path: str) -> None:
    headers = requests.get(f"{sandbox.url}/_sandbox/{path}", timeout=10).headers
    assert headers["Content-Security-Policy"] == CSP
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_every_file_is_linked_and_every_link_has_its_file(sandbox: SandboxProcess) -> None:
    wanted, found = ["index.html"], {}
    while wanted:
        name = wanted.pop()
        answer = requests.get(f"{sandbox.url}/_sandbox/{'' if name == 'index.html' else f'assets/{name}'}", timeout=10)
        assert answer.status_code == 200, name
        found[name] = answer.headers["Content-Type"].partition(";")[0]
        links = re.findall(r'(?:href|src)="assets/([^"]+)"|from "\./([^"]+)"', answer.text)
        wanted += [link for pair in links for link in pair if link and link not in found]
    assert set(found) == {path.name for path in ASSETS.iterdir()}
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    assert found == {name: types[pathlib.Path(name).suffix] for name in found}


@pytest.mark.parametrize("name", ["nothing.js", "%2e%2e%2fpage.py", "..%2Fsettings.py", "%00"])
def test_no_other_file_is_served(sandbox: SandboxProcess, name: str) -> None:
    assert requests.get(f"{sandbox.url}/_sandbox/assets/{name}", timeout=10).status_code == 404


def test_the_files_make_no_html_of_text_and_name_no_other_host() -> None:
    for path in ASSETS.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?://|style=", text), path


# --- in a browser -----


def test_counters_grow_after_calls(page: Page, api: Api) -> None:
    expect(page.get_by_text("No calls yet.")).to_be_visible()
    for _ in range(3):
        api.get("/events")
    expect(row(page, "By operation", "listEvents")).to_have_text(["3"])
    expect(row(page, "By answer", "200")).to_have_text(["3"])
    api.get("/events")
    expect(row(page, "By operation", "listEvents")).to_have_text(["4"])
    page.get_by_role("button", name="Reset counters").click()
    expect(page.get_by_text("No calls yet.")).to_be_visible()


def test_calls_that_a_limit_refused_are_shown(page: Page, api: Api, sandbox: SandboxProcess) -> None:
    sandbox.configure(monthly_limit=1)
    sandbox.use_up_the_month()
    api.get("/ping")
    figures = page.get_by_role("region", name="Calls this month")
    expect(figures).to_contain_text("of 1")
    expect(figures).to_contain_text("0 left; renews on ")
    expect(figures.locator("dd").nth(1)).to_have_text("1")


def test_refreshes_and_spent_tokens_are_shown(page: Page, sandbox: SandboxProcess) -> None:
    grant = sandbox.grant()
    form = {name: grant[name] for name in ("refresh_token", "client_id", "client_secret")}
    for _ in range(2):
        requests.post(sandbox.token_url, data={"grant_type": "refresh_token", **form}, timeout=10)
    facts = page.get_by_role("region", name="Tokens and connections").locator("dd")
    expect(facts.nth(1)).to_have_text("1")
    expect(facts.nth(2)).to_have_text("1")
    expect(facts.nth(3)).to_have_text("1")


def test_the_truth_of_each_stream_is_a_download(page: Page, sandbox: SandboxProcess) -> None:
    expect(page.get_by_role("link", name="JSON Lines")).to_have_count(14)
    with page.expect_download() as download:
        page.get_by_role("link", name="session people, JSON Lines").click()
    assert download.value.suggested_filename == "session_people.jsonl"
    lines = download.value.path().read_bytes().splitlines()
    assert len(lines) == len(sandbox.truth("session_people"))


def test_the_clock_is_moved_by_its_buttons(page: Page, sandbox: SandboxProcess) -> None:
    before = sandbox.now()
    page.get_by_role("button", name="+1 hour").click()
    expect(page.get_by_text("Moved;")).to_be_visible()
    assert before + 3600 <= sandbox.now() < before + 2 * 3600
    moment = page.locator("#clock-day")
    day = moment.text_content()
    page.get_by_role("button", name="+1 day").click()
    expect(moment).not_to_have_text(str(day))
    assert before + 90_000 <= sandbox.now() < before + 2 * 90_000


def test_the_clock_is_moved_to_a_moment_and_not_back(
    page: Page, sandbox: SandboxProcess, complaints: list[str]
) -> None:
    field = page.get_by_label("Move to a moment, in UTC")
    field.fill("2027-05-06T07:08:00")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("#clock-day")).to_have_text(re.compile("Thursday,? 6 May 2027, UTC"))
    expect(page.locator("#clock")).to_contain_text("07:08:")
    field.fill("2020-01-01T00:00:00")
    field.press("Enter")
    expect(page.locator("#clock-note")).to_have_text("Refused: the clock moves forward only.")
    expect(field).to_have_attribute("aria-invalid", "true")
    refused_once(complaints)


def test_every_setting_is_there_with_its_value_and_help(page: Page) -> None:
    for setting in Settings().described():
        control = page.get_by_label(setting["name"], exact=True)
        expect(control).to_have_accessible_description(setting["about"])
        if setting["choices"] is not None:
            told = [{True: "yes", False: "no"}.get(one, str(one)) if isinstance(one, bool) else str(one)
                    for one in setting["choices"]]  # fmt: skip
            assert control.locator("option").all_text_contents() == told
        elif setting["name"] != "interval_limit":
            expect(control).to_have_value(str(setting["value"]))


def test_a_switch_changed_on_the_page_changes_the_sandbox(page: Page, api: Api) -> None:
    assert api.get("/events", page__size=60).status_code == 400
    page.get_by_label("oversize_pages").select_option("clamp")
    expect(page.get_by_text("changed from refuse", exact=True)).to_be_visible()
    assert api.get("/events", page__size=60).status_code == 200


def test_a_value_keeps_its_type(page: Page, sandbox: SandboxProcess) -> None:
    page.get_by_label("missing_scope").select_option("401")
    page.get_by_label("refused_calls").select_option("free")
    page.get_by_label("token_life").fill("60")
    page.get_by_label("token_life").press("Enter")
    for default in ("403", "counted", "7200"):
        expect(page.locator(".changed:visible", has_text=f"changed from {default}")).to_be_visible()
    settings = sandbox.status()["settings"]
    assert [settings[name] for name in ("missing_scope", "refused_calls", "token_life")] == [401, "free", 60]


def test_a_setting_changed_elsewhere_is_shown(page: Page, sandbox: SandboxProcess) -> None:
    sandbox.configure(token_life=61)
    expect(page.get_by_label("token_life")).to_have_value("61")


def test_a_refused_value_stays_beside_its_reason(page: Page, sandbox: SandboxProcess, complaints: list[str]) -> None:
    field = page.get_by_label("token_life")
    field.fill("-5")
    field.press("Enter")
    reason = "Refused: token_life is a whole number from 0 to 1000000000; got -5."
    expect(page.locator("#switch-token_life-note")).to_have_text(reason)
    expect(field).to_have_attribute("aria-invalid", "true")
    sandbox.configure(meta_form="old")  # what another look shows
    expect(page.get_by_text("changed from full")).to_be_visible()
    expect(field).to_have_value("-5")
    field.fill("7200")
    field.press("Enter")
    expect(page.locator("#switch-token_life-note")).to_be_empty()
    refused_once(complaints)


def test_switches_are_found_by_name_and_by_help(page: Page) -> None:
    page.get_by_label("Find").fill("old pair dies")
    expect(page.locator(".switches li:visible")).to_have_count(1)
    page.get_by_label("Find").fill("no such thing")
    expect(page.get_by_text("No switch has that")).to_be_visible()


def test_a_fault_is_added_and_cleared(page: Page, api: Api) -> None:
    page.get_by_role("textbox", name="Calls under").fill("/v1/events")
    page.get_by_label("Status", exact=True).fill("503")
    page.get_by_label("Body").select_option("html")
    page.get_by_label("Calls, 0 for all").fill("2")
    page.get_by_role("button", name="Add fault").click()
    cells = row(page, "A call meets", "/v1/events")
    expect(cells).to_have_text(["status 503, body html", "2 of 2"])
    assert api.get("/events").status_code == 503
    expect(cells).to_have_text(["status 503, body html", "1 of 2"])
    page.get_by_role("button", name="Clear all").click()
    expect(page.get_by_text("None: calls are answered")).to_be_visible()
    assert api.get("/events").status_code == 200


def test_a_fault_that_is_none_is_refused_in_words(page: Page, complaints: list[str]) -> None:
    page.get_by_role("button", name="Add fault").click()
    expect(page.locator("#faults-note")).to_have_text("Refused: a fault needs a status, a body or a delay.")
    refused_once(complaints)


def test_webhooks_are_listed_without_their_secrets(page: Page, sandbox: SandboxProcess) -> None:
    expect(page.get_by_role("region", name="Webhooks")).to_be_hidden()
    url = "http://127.0.0.1:9/<b>hook</b>"
    hook = subscribe(sandbox, url)
    expect(row(page, "Subscriptions", "people.registered")).to_have_text([url, "enabled", "none yet"])
    assert hook["secret"] not in page.content()
    remove(sandbox, hook["id"])
    expect(page.get_by_role("region", name="Webhooks")).to_be_hidden()


def subscribe(sandbox: SandboxProcess, url: str) -> dict[str, Any]:
    sandbox.configure(webhook_urls="loopback")
    attributes = {"event": "people.registered", "url": url}
    call_webhooks(sandbox, "POST", "", {"data": {"type": "webhooks", "attributes": attributes}})
    return dict(sandbox.webhooks()["webhooks"][-1])


def remove(sandbox: SandboxProcess, webhook: str) -> None:
    call_webhooks(sandbox, "DELETE", f"/{webhook}")


def call_webhooks(sandbox: SandboxProcess, method: str, path: str, body: Any = None) -> None:
    headers = {"Authorization": f"Bearer {sandbox.grant('webhooks:write webhooks:read')['access_token']}"}
    headers["Content-Type"] = "application/vnd.api+json"
    answer = requests.request(method, f"{sandbox.api_url}/webhooks{path}", json=body, headers=headers, timeout=10)
    assert answer.ok, answer.text
