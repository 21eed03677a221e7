"""The wire's corners: retries, 429s, 401s, redirects, broken answers."""

from __future__ import annotations

import pathlib
import socket
import threading
import traceback
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
import requests
import requests_mock

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.exceptions import (
    LivestormApiError,
    LivestormAuthenticationError,
    LivestormConfigurationError,
    LivestormConnectionError,
    LivestormForbiddenError,
    LivestormListChangedError,
    LivestormQuotaExceededError,
    LivestormRateLimitError,
    LivestormResponseError,
    LivestormServerError,
    LivestormTokenError,
)

URL = "https://api.livestorm.co/v1"
TOKEN = "aaaa.bbbb.cccc"
EMAIL = "jane@corp.example"
NOW = 1_770_000_000.0
SCOPE_CHALLENGE = (
    'Bearer error="insufficient_scope", error_description="Access to this resource requires scope \\"events:read\\"."'
)
EMPTY: dict[str, Any] = {"data": [], "meta": {"record_count": 0, "page_count": 0, "next_page": None}}


class Waits(list[float]):
    """Remembers what it was asked to sleep."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


@pytest.fixture
def client(waits: Waits) -> Iterator[LivestormClient]:
    with LivestormClient(ApiToken(TOKEN), pacer=Pacer(sleep=lambda _: None), sleep=waits, clock=lambda: NOW) as client:
        yield client


# --- limits -----


def test_a_burst_429_waits_at_least_as_long_as_it_is_told(
    client: LivestormClient, wire: requests_mock.Mocker, waits: Waits
) -> None:
    wire.get(f"{URL}/events", [{"status_code": 429, "headers": {"Retry-After": "3"}}, {"json": EMPTY}])
    client.request("GET", "/events")
    assert len(waits) == 1
    assert 3.0 <= waits[0] <= 3.5


def test_burst_429s_do_not_use_up_the_tries(client: LivestormClient, wire: requests_mock.Mocker, waits: Waits) -> None:
    burst = {"status_code": 429, "headers": {"Retry-After": "1"}}
    wire.get(f"{URL}/events", [*[burst] * 12, {"json": EMPTY}])
    client.request("GET", "/events")
    assert len(waits) == 12
    wire.get(f"{URL}/events", [*[burst] * 12, {"status_code": 502}, {"json": EMPTY}])
    client.request("GET", "/events")
    assert len(waits) == 25


def test_a_write_is_repeated_after_a_burst_429_and_after_nothing_else(
    client: LivestormClient, wire: requests_mock.Mocker
) -> None:
    """A 429 was not carried out; a 500 may have been."""
    burst = {"status_code": 429, "headers": {"Retry-After": "1"}}
    wire.post(f"{URL}/events", [burst, {"status_code": 500}, {"json": {"data": {"id": "1", "type": "events"}}}])
    with pytest.raises(LivestormServerError):
        client.request("POST", "/events", json={"data": {}})
    assert wire.call_count == 2
    client.request("POST", "/events", json={"data": {}})


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": str(20 * 86_400)},
        {"RateLimit-Reset": str(int(NOW) + 20 * 86_400)},
        {"RateLimit-Monthly-Remaining": "0", "Retry-After": "1"},
        {"RateLimit-Montly-Remaining": "0"},
        {"ratelimit-monthly-remaining": "-3"},
    ],
    ids=str,
)
def test_a_monthly_429_is_never_slept_on(
    client: LivestormClient, wire: requests_mock.Mocker, waits: Waits, headers: dict[str, str]
) -> None:
    wire.get(f"{URL}/events", status_code=429, headers=headers)
    with pytest.raises(LivestormQuotaExceededError, match="monthly quota of calls is used up"):
        client.request("GET", "/events")
    assert waits == []
    assert wire.call_count == 1


def test_a_retry_after_may_be_a_date(client: LivestormClient, wire: requests_mock.Mocker, waits: Waits) -> None:
    """A proxy's, as RFC 9110 has it; only in whole seconds."""
    asked = formatdate(NOW + 7, usegmt=True)
    wire.get(f"{URL}/events", [{"status_code": 429, "headers": {"Retry-After": asked}}, {"json": EMPTY}])
    client.request("GET", "/events")
    assert 7.0 <= waits[0] <= 7.5


@pytest.mark.parametrize("asked", ["inf", "1e300", formatdate(NOW + 9e9)])
def test_a_429_that_asks_for_more_than_a_month_is_the_monthly_one(
    client: LivestormClient, wire: requests_mock.Mocker, asked: str
) -> None:
    wire.get(f"{URL}/events", status_code=429, headers={"Retry-After": asked})
    with pytest.raises(LivestormQuotaExceededError, match="A new period starts at 2026-03-"):
        client.request("GET", "/events")


@pytest.mark.parametrize("asked", ["nan", "soon", "Mon, 99 Foo 2026"])
def test_a_retry_after_that_says_nothing_is_a_second(
    client: LivestormClient, wire: requests_mock.Mocker, waits: Waits, asked: str
) -> None:
    wire.get(f"{URL}/events", [{"status_code": 429, "headers": {"Retry-After": asked}}, {"json": EMPTY}])
    client.request("GET", "/events")
    assert 1.0 <= waits[0] <= 1.5


def test_a_503_is_asked_again_when_it_said_and_not_in_this_task_if_that_is_far_away(
    client: LivestormClient, wire: requests_mock.Mocker, waits: Waits
) -> None:
    wire.get(f"{URL}/events", [{"status_code": 503, "headers": {"Retry-After": "20"}}, {"json": EMPTY}])
    client.request("GET", "/events")
    assert 20.0 <= waits[0] <= 20.5
    wire.get(f"{URL}/events", status_code=503, headers={"Retry-After": "1800"})
    with pytest.raises(LivestormServerError) as caught:
        client.request("GET", "/events")
    assert caught.value.retry_after == 1800
    assert caught.value.retryable, "by Airflow"
    assert len(waits) == 1


def test_429s_that_do_not_end_do_end(wire: requests_mock.Mocker) -> None:
    wire.get(f"{URL}/events", status_code=429, headers={"Retry-After": "1"})
    token = ApiToken(TOKEN)
    with (
        LivestormClient(token, pacer=Pacer(sleep=lambda _: None), sleep=lambda _: None, deadline=0.05) as client,
        pytest.raises(LivestormRateLimitError, match="too many requests in this second"),
    ):
        client.request("GET", "/events")


def test_the_reserve_is_kept_before_the_call(wire: requests_mock.Mocker) -> None:
    wire.get(f"{URL}/ping", [{"headers": {"RateLimit-Monthly-Remaining": str(left)}} for left in (102, 101, 100, 99)])
    pacer = Pacer(min_quota_remaining=100, sleep=lambda _: None)
    with LivestormClient(ApiToken(TOKEN), pacer=pacer) as client:
        for _ in range(3):
            client.request("GET", "/ping")
        with pytest.raises(LivestormQuotaExceededError, match="fewer than 100 calls"):
            client.request("GET", "/ping")
    assert wire.call_count == 3


def test_the_quota_outlives_an_answer_that_does_not_tell_it(
    client: LivestormClient, wire: requests_mock.Mocker
) -> None:
    told = {"RateLimit-Montly-Limit": "10000", "RateLimit-Montly-Remaining": "77", "RateLimit-Interval-Limit": "5"}
    wire.get(f"{URL}/ping", [{"headers": told}, {}])
    client.request("GET", "/ping")
    client.request("GET", "/ping")
    assert (client.quota.monthly_limit, client.quota.monthly_remaining) == (10_000, 77)


# --- faults -----


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 500, "text": "<html>We're sorry</html>", "headers": {"Content-Type": "text/html"}},
        {"status_code": 503},
        {"text": "<html>maintenance</html>"},
        {"text": '{"data": [{"id": 1}]}'},
        {"exc": requests.exceptions.ConnectTimeout},
        {"exc": requests.exceptions.ChunkedEncodingError},
    ],
    ids=str,
)
def test_a_passing_fault_of_a_read_is_outlived_and_a_lasting_one_said(
    client: LivestormClient, wire: requests_mock.Mocker, waits: Waits, answer: dict[str, Any]
) -> None:
    wire.get(f"{URL}/events", [*[answer] * 4, {"json": EMPTY}])
    client.request("GET", "/events")
    assert len(waits) == 4
    assert [0.5 <= waits[0] <= 1, 1 <= waits[1] <= 2, 2 <= waits[2] <= 4, 4 <= waits[3] <= 8] == [True] * 4
    wire.get(f"{URL}/events", [answer])
    with pytest.raises((LivestormServerError, LivestormResponseError, LivestormConnectionError)) as caught:
        client.request("GET", "/events", params={"filter[email]": EMAIL})
    assert caught.value.retryable
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told
    assert EMAIL not in told.replace("%40", "@"), "an e-mail address of the query"


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (
            {"status_code": 400, "json": {"errors": [{"detail": "The field 'x' doesn't exist"}]}},
            LivestormApiError,
            "'x'",
        ),
        ({"status_code": 403}, LivestormForbiddenError, "no reason given"),
        (
            {"status_code": 403, "headers": {"WWW-Authenticate": SCOPE_CHALLENGE}},
            LivestormForbiddenError,
            'requires scope "events:read"',
        ),
        (
            {"status_code": 403, "headers": {"WWW-Authenticate": SCOPE_CHALLENGE.replace("\\", "")}},
            LivestormForbiddenError,
            'requires scope "events:read"',
        ),
        ({"status_code": 402}, LivestormApiError, "active contacts"),
        (
            {"status_code": 401, "json": {"errors": [{"status": "unauthorized", "title": None}]}},
            LivestormAuthenticationError,
            "unauthorized",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value),
)
def test_a_refusal_is_not_repeated_and_says_why(
    client: LivestormClient, wire: requests_mock.Mocker, answer: dict[str, Any], error: type[Exception], said: str
) -> None:
    wire.get(f"{URL}/events", [answer])
    with pytest.raises(error) as caught:
        client.request("GET", "/events")
    assert said in str(caught.value)
    assert wire.call_count == 1


def test_certificates_that_are_not_there_are_said_at_once(
    waits: Waits, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with (
        LivestormClient(ApiToken(TOKEN), sleep=waits) as client,
        pytest.raises(LivestormConfigurationError, match=r"GET .*/events: not sent\. .*none\.pem"),
    ):
        client.request("GET", "/events")
    assert waits == []


def test_a_redirect_is_not_followed_and_the_token_stays_here(
    client: LivestormClient, wire: requests_mock.Mocker
) -> None:
    wire.get(f"{URL}/events", status_code=302, headers={"Location": "https://elsewhere.example/"})
    elsewhere = wire.get("https://elsewhere.example/", json=EMPTY)
    with pytest.raises(LivestormApiError, match="a redirect, which is not followed"):
        client.request("GET", "/events")
    assert not elsewhere.called


def test_a_netrc_entry_does_not_replace_the_credential(
    client: LivestormClient, wire: requests_mock.Mocker, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine api.livestorm.co login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    wire.get(f"{URL}/ping")
    client.request("GET", "/ping")
    assert wire.last_request.headers["Authorization"] == TOKEN


@pytest.mark.parametrize("cut", ["mid-body", "short"])
def test_an_answer_cut_short_is_a_connection_error(cut: str) -> None:
    """A real socket: what requests makes of a body shorter than announced."""
    body = b'{"data": [], "meta": {}}'

    def serve() -> None:
        for _ in range(2):
            peer, _ = server.accept()
            with peer:
                peer.recv(65_536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + (body if cut == "short" else body[:9]))

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        with (
            LivestormClient(ApiToken(TOKEN), base_url=url, max_attempts=2, sleep=lambda _: None) as client,
            pytest.raises(LivestormConnectionError, match="no complete answer"),
        ):
            client.request("GET", "/events")
        thread.join(10)
        assert not thread.is_alive()


# --- 401 -----


class Renewable:
    """A credential whose first header is refused."""

    def __init__(self) -> None:
        self.generation = 0
        self.refused: list[str] = []

    def authorization(self) -> str:
        return f"Bearer token-{self.generation}"

    def renew(self, refused: str) -> bool:
        self.refused.append(refused)
        self.generation += 1
        return True


def test_a_401_is_answered_with_another_token_once(wire: requests_mock.Mocker) -> None:
    wire.get(f"{URL}/ping", [{"status_code": 401}, {}])
    credential = Renewable()
    with LivestormClient(credential) as client:
        client.request("GET", "/ping")
        assert credential.refused == ["Bearer token-0"]
        assert wire.last_request.headers["Authorization"] == "Bearer token-1"
        wire.get(f"{URL}/ping", status_code=401)
        with pytest.raises(LivestormAuthenticationError):
            client.request("GET", "/ping")
    assert wire.call_count == 4, "one more try for each call, and no third"


def test_the_token_is_looked_at_again_after_a_long_wait(wire: requests_mock.Mocker) -> None:
    """It may have expired while the pacer held the call back."""

    class SlowPacer(Pacer):
        def acquire(self) -> float:
            if credential.generation == 0:
                credential.generation = 1
            return super().acquire()

    wire.get(f"{URL}/ping", [{"status_code": 401}, {}])
    credential = Renewable()
    with LivestormClient(credential, pacer=SlowPacer()) as client:
        client.request("GET", "/ping")
    sent = [request.headers["Authorization"] for request in wire.request_history]
    assert sent == ["Bearer token-1", "Bearer token-2"]
    assert credential.refused == ["Bearer token-1"], "the one that was sent, not the one from before the wait"


def test_a_credential_that_fails_gives_its_place_back(wire: requests_mock.Mocker) -> None:
    class Broken(Renewable):
        def authorization(self) -> str:
            raise LivestormTokenError("no token now")

    wire.get(f"{URL}/ping", headers={"RateLimit-Monthly-Remaining": "102"})
    pacer = Pacer(min_quota_remaining=100, sleep=lambda _: None)
    with LivestormClient(Renewable(), pacer=pacer) as client:
        client.request("GET", "/ping")
    for _ in range(5):
        with LivestormClient(Broken(), pacer=pacer) as client, pytest.raises(LivestormTokenError):
            client.request("GET", "/ping")
    with LivestormClient(Renewable(), pacer=pacer) as client:
        client.request("GET", "/ping")


# --- pages -----


def pages(*metas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"json": {"data": [{"id": str(number), "type": "events"}], "meta": meta}} for number, meta in enumerate(metas)
    ]


@pytest.mark.parametrize(
    "metas",
    [
        [{"next_page": 1, "page_count": 3}, {"next_page": 2, "page_count": 3}, {"next_page": None, "page_count": 3}],
        [{"page_count": 3}, {"page_count": 3}, {"page_count": 3}],  # the older form
        [{"page_count": 3, "items_per_page": 1}] * 3,  # a row count in place of the page size
    ],
)
def test_pages_are_followed_to_the_end_in_either_form_of_meta(
    client: LivestormClient, wire: requests_mock.Mocker, metas: list[dict[str, Any]]
) -> None:
    wire.get(f"{URL}/events", pages(*metas))
    assert [page.number for page in client.paginate("/events", params={"filter[everyone_can_speak]": True})] == [
        0,
        1,
        2,
    ]
    first = wire.request_history[0].qs
    assert first == {"page[number]": ["0"], "page[size]": ["50"], "filter[everyone_can_speak]": ["true"]}


@pytest.mark.parametrize("page_count", [0, 1])
def test_an_empty_list_is_one_call(client: LivestormClient, wire: requests_mock.Mocker, page_count: int) -> None:
    wire.get(f"{URL}/events", json={"data": [], "meta": {"page_count": page_count, "record_count": 0}})
    assert [page.resources for page in client.paginate("/events")] == [[]]
    assert wire.call_count == 1


def test_a_page_that_was_announced_and_is_gone_is_a_list_that_changed(
    client: LivestormClient, wire: requests_mock.Mocker
) -> None:
    wire.get(f"{URL}/events", [*pages({"next_page": 1, "page_count": 2}), {"status_code": 400}])
    with pytest.raises(LivestormListChangedError, match="page 1 was announced and is gone"):
        list(client.paginate("/events"))


def test_paging_that_would_not_end_is_refused(client: LivestormClient, wire: requests_mock.Mocker) -> None:
    wire.get(f"{URL}/events", pages({"next_page": 0, "page_count": 2}))
    with pytest.raises(LivestormListChangedError, match="paging would not end"):
        list(client.paginate("/events"))


@pytest.mark.parametrize("size", [0, 51])
def test_a_page_size_that_livestorm_does_not_know_is_refused(client: LivestormClient, size: int) -> None:
    with pytest.raises(LivestormConfigurationError, match="page_size is 1 to 50"):
        list(client.paginate("/events", page_size=size))


def test_a_path_may_hold_a_query_already() -> None:
    with requests_mock.Mocker() as wire, LivestormClient(ApiToken(TOKEN)) as client:
        wire.get(f"{URL}/events", json=EMPTY)
        client.request("GET", "/events?filter[title]=Launch", params={"page[number]": 0})
    assert wire.request_history[0].qs == {"filter[title]": ["launch"], "page[number]": ["0"]}


@pytest.mark.parametrize("url", ["https://*.livestorm.co/v1", "https://.livestorm.co/v1"])
def test_a_url_that_no_call_can_be_sent_to_is_told_before_the_first(url: str) -> None:
    with pytest.raises(LivestormConfigurationError, match="API URL"):
        LivestormClient(ApiToken(TOKEN), base_url=url)
