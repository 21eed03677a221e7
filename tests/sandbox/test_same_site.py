"""Pages of other sites cannot use the controls; programs can."""

from __future__ import annotations

import pytest
import requests
from starlette.routing import Route

from airflow_provider_livestorm.sandbox.app import create_app
from airflow_provider_livestorm.sandbox.connections import Connections
from airflow_provider_livestorm.sandbox.generate import EPOCH
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.same_site import names_of, refusal
from airflow_provider_livestorm.sandbox.settings import Settings
from tests.sandbox.caller import Api

OTHER_SITE = "a page of another site may not use the controls"
LOCAL = names_of("127.0.0.1", "127.0.0.1")
EVERYTHING = [
    ("GET", ""), ("GET", "assets/main.js"), ("GET", "status"), ("GET", "credentials"), ("GET", "secrets"),
    ("GET", "settings"), ("PATCH", "settings"), ("PATCH", "names"), ("POST", "clock"), ("POST", "grants"),
    ("POST", "connections"), ("POST", "api-tokens"), ("POST", "revoke"), ("POST", "expire"), ("GET", "faults"),
    ("POST", "faults"), ("DELETE", "faults"), ("GET", "webhooks"), ("POST", "reset-counters"),
    ("POST", "use-up-the-month"), ("GET", "truth"), ("GET", "truth/people"), ("GET", "nothing-yet"),
    ("OPTIONS", "clock"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"sec-fetch-site": ["same-origin"]}, False),
        ({"sec-fetch-site": ["none"]}, False),
        ({"sec-fetch-site": ["same-site"]}, True),  # another port of this machine
        ({"sec-fetch-site": ["cross-site"]}, True),
        ({"sec-fetch-site": ["same-origin", "cross-site"]}, True),
        ({"sec-fetch-site": [""]}, True),
        ({"origin": ["http://127.0.0.1:8765"]}, False),
        ({"origin": ["http://127.0.0.1:8766"]}, True),
        ({"origin": ["https://127.0.0.1:8765"]}, True),
        ({"origin": ["http://localhost:8765"]}, True),
        ({"origin": ["null"]}, True),  # a sandboxed frame, a file
        ({"origin": ["http://127.0.0.1:8765"], "sec-fetch-site": ["cross-site"]}, True),
    ],
)
def test_what_the_headers_say_of_the_caller(headers: dict[str, list[str]], refused: bool) -> None:
    assert refusal({"host": ["127.0.0.1:8765"], **headers}, "http", LOCAL) == (OTHER_SITE if refused else None)


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:8765", "[::1]:8765", "[::1]", "127.0.0.1"])
def test_names_of_this_machine_are_taken(host: str) -> None:
    assert refusal({"host": [host]}, "http", LOCAL) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.nip.io", ""]
)
def test_on_loopback_no_other_name_is_taken(host: str) -> None:
    assert "the controls answer to 127.0.0.1, ::1, localhost; not to" in str(refusal({"host": [host]}, "http", LOCAL))


def test_the_name_that_it_was_told_to_listen_on_is_taken() -> None:
    assert refusal({"host": ["Mine.local:1"]}, "http", names_of("mine.local", "127.0.1.1")) is None
    assert refusal({"host": ["127.0.1.1:1"]}, "http", names_of("mine.local", "127.0.1.1")) is None


def test_where_other_machines_reach_it_any_name_is_taken_but_no_other_origin() -> None:
    names = names_of("0.0.0.0", "0.0.0.0")  # noqa: S104
    assert refusal({"host": ["sandbox.office:8765"]}, "http", names) is None
    other = {"host": ["sandbox.office:8765"], "origin": ["http://elsewhere.office"]}
    assert refusal(other, "http", names) == OTHER_SITE


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_everything_under_the_controls_is_closed_to_other_sites(
    sandbox: SandboxProcess, method: str, path: str
) -> None:
    for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        answer = requests.request(method, f"{sandbox.url}/_sandbox/{path}", headers=header, timeout=10)
        assert (answer.status_code, answer.json()) == (403, {"error": OTHER_SITE})
    rebound = requests.request(method, f"{sandbox.url}/_sandbox/{path}", headers={"Host": "evil.example"}, timeout=10)
    assert rebound.status_code == 403


def test_no_route_of_the_controls_is_missing_from_the_list_above() -> None:
    app = create_app(preset="empty", seed=1, epoch=EPOCH, settings=Settings(), connections=Connections())
    routes = [route for route in app.routes if isinstance(route, Route) and route.path.startswith("/_sandbox")]
    there = {(method, route.path) for route in routes for method in route.methods or () if method != "HEAD"}
    listed = {(method, f"/_sandbox/{path}") for method, path in EVERYTHING}
    named = {
        "/_sandbox/truth/{stream}": "/_sandbox/truth/people",
        "/_sandbox/assets/{name}": "/_sandbox/assets/main.js",
    }
    assert {(method, named.get(path, path)) for method, path in there} <= listed


def test_a_refused_call_changes_nothing(sandbox: SandboxProcess) -> None:
    before = sandbox.now()
    header = {"Sec-Fetch-Site": "cross-site"}
    requests.post(f"{sandbox.url}/_sandbox/clock", json={"advance": 86_400}, headers=header, timeout=10)
    assert sandbox.now() < before + 3600


def test_a_program_that_says_its_own_origin_is_answered(sandbox: SandboxProcess) -> None:
    answer = requests.get(f"{sandbox.url}/_sandbox/status", headers={"Origin": sandbox.url}, timeout=10)
    assert answer.status_code == 200


def test_the_api_itself_is_not_guarded(api: Api) -> None:
    api.session.headers.update({"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert api.get("/ping").status_code == 200
