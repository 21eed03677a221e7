"""The limits as api.md 3 tells them: per workspace, told on every answer, and two kinds of refusal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.facts import NOBODY, Facts, assert_refused, document, person

HEADERS = (
    "RateLimit-Monthly-Limit", "RateLimit-Monthly-Remaining",
    "RateLimit-Interval-Limit", "RateLimit-Interval-Remaining",
)  # fmt: skip
DAY = 86_400


@pytest.fixture
def empty() -> Iterator[SandboxProcess]:
    """A sandbox of its own with Livestorm's limits, for what cannot be taken back."""
    with SandboxProcess(preset="empty") as sandbox:
        yield sandbox


def _burst(facts: Facts, calls: int = 8) -> requests.Response:
    """Calls until one is refused for its haste."""
    answers = [facts.get("/ping") for _ in range(calls)]
    return next(answer for answer in answers if answer.status_code == 429)


def _remaining(answer: requests.Response) -> int:
    return int(answer.headers["RateLimit-Monthly-Remaining"])


def test_the_limits_are_ten_thousand_a_month_and_five_a_second(empty: SandboxProcess) -> None:
    """3: 10,000 calls per 30-day period and 5 requests per second, unless somebody paid."""
    answer = Facts(empty).get("/ping")
    assert [answer.headers[name] for name in HEADERS] == ["10000", "9999", "5", "4"]


def test_every_answer_tells_the_limits(facts: Facts) -> None:
    """3: the four headers come on every answer: successes, refusals, empty ones."""
    facts.sandbox.configure(interval_limit=1000)
    session = facts.new_session()
    path = f"/sessions/{session['id']}/people"
    found = {}
    for method, where, body in (
        ("GET", "/ping", None),
        ("GET", "/events", None),
        ("GET", "/events?page[number]=999", None),
        ("GET", f"/events/{NOBODY}", None),
        ("GET", "/polls", None),
        ("POST", path, person("limits@p.example")),
        ("POST", path, person("limits@p.example")),
        ("POST", f"{path}/bulk", document("jobs", tasks=[{"fields": [{"id": "email", "value": "b@p.example"}]}])),
        ("PATCH", f"/sessions/{session['id']}", document("sessions", name="x")),
        ("DELETE", f"/sessions/{session['id']}", None),
    ):
        answer = facts.call(method, where, body)
        found[answer.status_code] = [name for name in HEADERS if name not in answer.headers]
    assert found == {status: [] for status in (200, 400, 404, 201, 409, 202, 204)}


def test_a_refused_credential_is_told_the_limits(facts: Facts) -> None:
    """3: headers on every answer, so on a 403 and on a 401 of a credential that the workspace knows."""
    facts.sandbox.configure(interval_limit=1000)
    poor = Facts(facts.sandbox, scope="identity:read")
    assert poor.get("/events").status_code == 403
    assert [name for name in HEADERS if name not in poor.get("/events").headers] == []
    facts.sandbox.revoke(poor.authorization.removeprefix("Bearer "))
    answer = poor.get("/events")
    assert answer.status_code == 401
    assert [name for name in HEADERS if name not in answer.headers] == []


def test_a_burst_is_refused_for_a_moment_and_says_so(empty: SandboxProcess) -> None:
    """3: a 429 for haste has a small Retry-After, Interval-Remaining 0, RateLimit-Reset, and no header of the month."""
    answer = _burst(Facts(empty))
    assert_refused(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 2
    assert (answer.headers["RateLimit-Interval-Limit"], answer.headers["RateLimit-Interval-Remaining"]) == ("5", "0")
    assert abs(int(answer.headers["RateLimit-Reset"]) - empty.now() - 30 * DAY) < 60


def test_the_month_is_refused_until_its_end(empty: SandboxProcess) -> None:
    """3: a 429 of the month has a huge Retry-After and a far RateLimit-Reset, and the month's headers are lacking."""
    empty.use_up_the_month()
    empty.advance(10 * DAY)
    answer = Facts(empty).get("/ping")
    assert_refused(answer, 429)
    assert abs(int(answer.headers["Retry-After"]) - 20 * DAY) < 60
    assert abs(int(answer.headers["RateLimit-Reset"]) - empty.now() - 20 * DAY) < 60
    assert "RateLimit-Interval-Limit" in answer.headers
    assert "RateLimit-Interval-Remaining" in answer.headers
    assert not any("month" in name.lower() or "montl" in name.lower() for name in answer.headers)
    empty.advance(int(answer.headers["Retry-After"]) + 1)
    after = Facts(empty).get("/ping")
    assert (after.status_code, _remaining(after)) == (200, 9999)


def test_the_limits_are_the_workspaces_and_shared_by_its_tokens(empty: SandboxProcess) -> None:
    """3: limits count per workspace: two access tokens and a private token draw from one pot, of both kinds."""
    callers = [Facts(empty), Facts(empty), Facts(empty, empty.credentials()["api_token"])]
    left = [_remaining(caller.get("/ping")) for caller in callers]
    assert left == [9999, 9998, 9997]
    answers = [caller.get("/ping") for caller in callers * 3]
    assert 429 in [answer.status_code for answer in answers], "none of them called more than four times"


def test_failed_calls_take_from_the_month_too(facts: Facts) -> None:
    """3: whether failed calls count is unknown, so a client must not reckon that they are free."""
    left = _remaining(facts.get("/ping"))
    for path in ("/events?page[number]=999", f"/events/{NOBODY}", "/events?filter[colour]=blue"):
        facts.get(path)
    assert _remaining(facts.get("/ping")) == left - 4


@pytest.mark.parametrize(("setting", "taken"), [("free", 1), ("counted", 2)])
def test_whether_the_token_endpoint_draws_from_the_pot_is_a_switch(facts: Facts, setting: str, taken: int) -> None:
    """3: whether OAuth calls share the same pot is unsure."""
    sandbox = facts.sandbox
    sandbox.configure(oauth_calls=setting)
    left = _remaining(facts.get("/ping"))
    form = {name: sandbox.credentials()[name] for name in ("client_id", "client_secret")}
    form |= {"grant_type": "refresh_token", "refresh_token": sandbox.grant()["refresh_token"]}
    assert requests.post(sandbox.token_url, data=form, timeout=10).ok
    assert _remaining(facts.get("/ping")) == left - taken
    sandbox.configure(interval_limit=1)
    statuses = [requests.post(sandbox.token_url, data=form, timeout=10).status_code for _ in range(4)]
    assert (429 in statuses) is (setting == "counted")
    assert sandbox.status()["counters"]["refused_by_limit"].get("interval", 0) == statuses.count(429)


def test_the_old_spelling_takes_the_place_of_the_new_one(facts: Facts) -> None:
    """3: in 2021 and 2023 the headers were RateLimit-Montly-*."""
    facts.sandbox.configure(monthly_spelling="old")
    headers = facts.get("/ping").headers
    assert {"ratelimit-montly-limit", "ratelimit-montly-remaining"} <= {name.lower() for name in headers}
    assert not any(name.lower().startswith("ratelimit-monthly") for name in headers)


def test_a_paid_month_is_larger_and_the_second_stays(empty: SandboxProcess) -> None:
    """3: raising is for the month only; a server error page is an answer too and tells the limits."""
    empty.configure(monthly_limit=50_000)
    facts = Facts(empty)
    assert facts.get("/ping").headers["RateLimit-Monthly-Limit"] == "50000"
    empty.add_fault(path_prefix="/v1", body="html")
    page = facts.get("/ping")
    assert page.status_code == 500
    assert [name for name in HEADERS if name not in page.headers] == []
