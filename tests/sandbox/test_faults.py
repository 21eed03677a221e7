"""Faults on demand: each meets the calls that it is for, in order, and no other."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.caller import Api, session_with


def refresh(sandbox: SandboxProcess, refresh_token: str) -> requests.Response:
    credentials = sandbox.credentials()
    form = {name: credentials[name] for name in ("client_id", "client_secret")}
    form |= {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return requests.post(sandbox.token_url, data=form, timeout=10)


def test_a_fault_meets_so_many_calls_of_its_path(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.add_fault(path_prefix="/v1/events", status=503, times=2)
    calls = [api.get(path).status_code for path in ("/events", "/sessions", "/events", "/events")]
    assert calls == [503, 200, 503, 200]


def test_rules_are_met_one_a_call_and_the_oldest_first(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.add_fault(path_prefix="/v1", status=500, when="after")
    sandbox.add_fault(path_prefix="/v1", status=502)
    sandbox.add_fault(path_prefix="/v1", body="invalid-json")
    first, second, third, fourth = (api.get("/events") for _ in range(4))
    assert [first.status_code, second.status_code, third.status_code] == [500, 502, 200]
    with pytest.raises(requests.exceptions.JSONDecodeError):
        third.json()
    assert fourth.json()["data"]


def test_a_server_error_may_be_a_page(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.add_fault(path_prefix="/v1/events", body="html")
    answer = api.get("/events")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_answer_may_break_off(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.add_fault(path_prefix="/v1/events", body="truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.get("/events")
    assert api.get("/events").ok


def test_a_count_may_be_off_and_an_attribute_unknown(api: Api, sandbox: SandboxProcess) -> None:
    count = api.get("/events").json()["meta"]["record_count"]
    sandbox.add_fault(path_prefix="/v1/events", body="record-count-off")
    assert api.get("/events").json()["meta"]["record_count"] == count + 1
    event = api.get("/events").json()["data"][0]["id"]
    for path in ("/events", f"/events/{event}"):
        sandbox.add_fault(path_prefix="/v1/events", body="unknown-attribute")
        data = api.get(path).json()["data"]
        row = data[0] if isinstance(data, list) else data
        assert row["attributes"]["sandbox_unknown_attribute"] == 1


def test_a_body_that_cannot_be_altered_is_left_alone(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.add_fault(path_prefix="/v1", body="record-count-off", times=3)
    event = sandbox.truth("events")[0]["id"]
    assert [api.get(path).status_code for path in ("/ping", f"/events/{event}", "/polls")] == [200, 200, 404]


def test_a_slow_answer_is_slow_once(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.add_fault(path_prefix="/v1/ping", delay=0.2, times=1)
    begun = time.monotonic()
    assert api.get("/ping").ok
    assert 0.2 <= time.monotonic() - begun < 0.39


@pytest.mark.parametrize("body", ["truncate", "reset", "content-length", "invalid-json"])
def test_an_answer_that_is_broken_on_the_wire_is_no_document(api: Api, sandbox: SandboxProcess, body: str) -> None:
    """And the connection carries nothing of it into the next call."""
    sandbox.add_fault(path_prefix="/v1/events", body=body)
    with pytest.raises(requests.exceptions.RequestException):
        api.get("/events").json()
    assert api.get("/events").json()["data"]
    assert sandbox.status()["counters"]["faults_met"] == 1


def test_a_wrong_content_length_is_really_wrong(api: Api, sandbox: SandboxProcess) -> None:
    whole = len(api.get("/events").content)
    sandbox.add_fault(path_prefix="/v1/events", body="content-length")
    answer = api.get("/events")
    assert int(answer.headers["Content-Length"]) == len(answer.content) == whole // 2


def test_an_answer_may_drip(api: Api, sandbox: SandboxProcess) -> None:
    """All of it comes, though no two bytes are far apart."""
    whole = api.get("/ping").content
    sandbox.add_fault(path_prefix="/v1/me", body="drip", delay=0.3)
    me = api.get("/me")
    assert me.json()["data"]["type"] == "users"
    assert me.elapsed.total_seconds() < 0.3, "the head comes at once"
    assert api.get("/ping").content == whole


@pytest.mark.parametrize(("body", "reason"), [("expired-token", "expired"), ("revoked-token", "was revoked")])
def test_a_token_may_be_refused_though_it_is_good(api: Api, sandbox: SandboxProcess, body: str, reason: str) -> None:
    sandbox.add_fault(path_prefix="/v1", body=body)
    refused = api.get("/ping")
    assert (refused.status_code, refused.content) == (401, b"")
    assert f"The access token {reason}" in refused.headers["WWW-Authenticate"]
    assert api.get("/ping").ok


def test_either_limit_may_be_met(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.configure(interval_limit=1000)
    for rule, retry_after in (({"status": 429}, range(1, 2)), ({"body": "monthly-limit"}, range(86_400, 2_592_001))):
        sandbox.add_fault(path_prefix="/v1", **rule)
        refused = api.get("/ping")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) in retry_after
        assert not [name for name in refused.headers if "Monthly" in name]
    assert int(refused.headers["RateLimit-Reset"]) > sandbox.now()


@pytest.mark.parametrize("status", [299, 499, 520, 599])
def test_any_status_can_be_met(api: Api, sandbox: SandboxProcess, status: int) -> None:
    sandbox.add_fault(path_prefix="/v1/ping", status=status)
    answer = api.get("/ping")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, str(status))


def test_a_long_answer_drips_for_as_long_as_told(api: Api, sandbox: SandboxProcess) -> None:
    path = f"/sessions/{session_with(sandbox, 120)}/people"
    sandbox.add_fault(path_prefix="/v1" + path, body="drip", delay=0.5)
    begun = time.monotonic()
    assert len(api.get(path, page__size=50).json()["data"]) == 50
    assert 0.4 < time.monotonic() - begun < 8


@pytest.mark.parametrize(("position", "used"), [("counted", 5), ("free", 0)])
def test_calls_that_fail_count_or_not_as_set(api: Api, sandbox: SandboxProcess, position: str, used: int) -> None:
    sandbox.configure(failed_calls=position)
    before = sandbox.status()["counters"]["used_this_month"]
    sandbox.add_fault(path_prefix="/v1", status=500)
    sandbox.add_fault(path_prefix="/v1", status=502, when="after")
    sandbox.add_fault(path_prefix="/v1", body="reset")
    assert [api.get("/events").status_code for _ in range(2)] == [500, 502]
    with pytest.raises(requests.exceptions.ConnectionError):
        api.get("/events")
    assert [api.get(path).status_code for path in ("/polls", "/events/x")] == [404, 404]
    assert sandbox.status()["counters"]["used_this_month"] == before + used


def test_a_storm_of_retries_meets_the_limit_though_all_fail(api: Api, sandbox: SandboxProcess) -> None:
    sandbox.configure(interval_limit=5)
    sandbox.add_fault(path_prefix="/v1", status=500, times=0)
    assert 429 in [api.get("/ping").status_code for _ in range(30)]


def outcomes(api: Api, sandbox: SandboxProcess, seed: int) -> list[str]:
    """What comes of fifty calls, of which a third meets something drawn from this seed."""
    sandbox.clear_faults()
    sandbox.add_fault(path_prefix="/v1", body="any", times=0, chance=0.33, seed=seed)
    found = []
    for _ in range(50):
        try:
            answer = api.get("/events")
            answer.json()
            found.append(str(answer.status_code))
        except requests.exceptions.RequestException as error:
            found.append(type(error).__name__)
    return found


def test_faults_by_chance_are_the_same_for_the_same_seed(api: Api, sandbox: SandboxProcess) -> None:
    first = outcomes(api, sandbox, 7)
    assert first == outcomes(api, sandbox, 7)
    assert first != outcomes(api, sandbox, 8)
    assert 8 <= sum(one != "200" for one in first) <= 26
    assert len(set(first)) > 4, "of several kinds"


@pytest.mark.parametrize("stream", ["events", "sessions", "people", "session_people"])
@pytest.mark.parametrize("how", ["row-leaves", "row-arrives"])
def test_a_list_may_change_between_two_pages(stream: str, how: str) -> None:
    with SandboxProcess(preset="tiny", interval_limit=0) as sandbox:
        api = Api(sandbox, f"Bearer {sandbox.grant()['access_token']}")
        path = f"/{stream}"
        if stream == "session_people":
            path = f"/sessions/{session_with(sandbox, 51)}/people"
        first = api.get(path, page__size=2).json()
        sandbox.add_fault(path_prefix="/v1" + path, body=how)
        assert api.get(path, page__size=2).json()["data"] == first["data"], "the page itself is as it was"
        second = api.get(path, page__size=2, page__number=1).json()
        shift = -1 if how == "row-leaves" and stream != "people" else 1 if how == "row-arrives" else 0
        assert second["meta"]["record_count"] == first["meta"]["record_count"] + shift
        ids = {row["id"] for row in first["data"]} & {row["id"] for row in second["data"]}
        assert len(ids) == (1 if shift > 0 else 0)
        api.session.close()


def test_a_refresh_that_fails_before_leaves_the_token_alive(sandbox: SandboxProcess) -> None:
    grant = sandbox.grant()
    sandbox.add_fault(path_prefix="/oauth/token", status=500, when="before")
    assert refresh(sandbox, grant["refresh_token"]).status_code == 500
    assert refresh(sandbox, grant["refresh_token"]).ok


@pytest.mark.parametrize(("rotation", "again"), [("strict", 400), ("grace", 200)])
def test_a_refresh_whose_answer_is_lost_has_spent_the_token(sandbox: SandboxProcess, rotation: str, again: int) -> None:
    """Strict rotation loses the grant with the answer; a grace period saves it."""
    sandbox.configure(rotation=rotation)
    grant = sandbox.grant()
    sandbox.add_fault(path_prefix="/oauth/token", status=500, when="after")
    assert refresh(sandbox, grant["refresh_token"]).status_code == 500
    assert refresh(sandbox, grant["refresh_token"]).status_code == again
    assert sandbox.status()["counters"]["reuses_of_spent_tokens"] == (again == 400)


def test_a_caller_who_goes_away_has_spent_the_token_all_the_same(sandbox: SandboxProcess) -> None:
    """A server carries out what has arrived; it does not look whether anybody still waits."""
    grant = sandbox.grant()
    sandbox.add_fault(path_prefix="/oauth/token", delay=0.3)
    form = {name: grant[name] for name in ("client_id", "client_secret", "refresh_token")}
    form["grant_type"] = "refresh_token"
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(sandbox.token_url, data=form, timeout=(5, 0.05))
    give_up = time.monotonic() + 20
    while not sandbox.status()["counters"]["refreshes"]:
        assert time.monotonic() < give_up, "it was forgotten"
    assert refresh(sandbox, grant["refresh_token"]).status_code == 400


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"path_prefix": "/v1"}, "needs a status"),
        ({"path_prefix": "/v1", "body": "soup"}, "soup"),
        ({"path_prefix": "/v1", "status": "500"}, "Expected"),
        ({"path_prefix": "/v1", "status": 99}, "HTTP status"),
        ({"path_prefix": "/v1", "status": 500, "times": -1}, "times"),
        ({"path_prefix": "/v1", "delay": -1}, "delay"),
        ({"path_prefix": "/v1", "status": 500, "colour": "blue"}, "no colour; it has path_prefix, times"),
        ({"status": 500}, "path_prefix"),
    ],
    ids=lambda one: str(one) if isinstance(one, dict) else "",
)
def test_a_rule_that_makes_no_sense_is_refused(sandbox: SandboxProcess, rule: dict[str, Any], reason: str) -> None:
    with pytest.raises(RuntimeError, match=reason):
        sandbox.add_fault(**rule)
