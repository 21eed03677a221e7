"""Odd answers of a token endpoint that has spent the refresh token: what it gave must not be lost for a detail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import requests_mock

from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.oauth import AUTHORIZE_URL, TOKEN_URL, GrantRefusedError, OAuthClient
from airflow_provider_livestorm.exceptions import LivestormReconnectRequiredError, LivestormTokenError
from tests.auth.rotation import Clock, MemoryStore

PAIR = {"access_token": "new-access", "refresh_token": "new-refresh", "token_type": "Bearer", "expires_in": 60}
SECRET = "a secret & with=signs+of%20all é kinds"


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


def client(clock: Clock | None = None) -> OAuthClient:
    clock = clock or Clock()
    return OAuthClient("client", SECRET, sleep=clock.sleep, monotonic=clock)


@pytest.mark.parametrize("odd", ["soon", "7200.0", "", None, [1], {}, "1e3"], ids=repr)
def test_a_pair_with_an_odd_expiry_is_kept(wire: requests_mock.Mocker, odd: Any) -> None:
    """The refresh token is spent by now; whatever stops us here loses the connection."""
    wire.post(TOKEN_URL, json=PAIR | {"expires_in": odd})
    clock, store = Clock(), MemoryStore()
    token = TokenLease("conn", store, client(clock), mask=lambda _: None, clock=clock, sleep=clock.sleep).get()
    assert token.access_token == "new-access"
    assert store.record.refresh_token == "new-refresh"
    assert store.record.lease is None


@pytest.mark.parametrize("member", ["expires_in", "expires_at"])
@pytest.mark.parametrize("odd", ["Infinity", "1e999", "-Infinity", "NaN", "[[]]"])
def test_a_pair_that_the_library_stumbles_over_is_kept(wire: requests_mock.Mocker, member: str, odd: str) -> None:
    wire.post(TOKEN_URL, text=json.dumps(PAIR | {member: "here"}).replace('"here"', odd))
    assert client().refresh("old", within=0).refresh_token == "new-refresh"


@pytest.mark.parametrize("odd", [0, -1, "0", -0.0], ids=repr)
def test_a_token_that_would_be_dead_on_arrival_counts_as_one_of_unknown_life(
    wire: requests_mock.Mocker, odd: Any
) -> None:
    """Else each call of the API would cost a refresh, and each refresh may count as a call of the month."""
    wire.post(TOKEN_URL, json=PAIR | {"expires_in": odd})
    clock, store = Clock(), MemoryStore()
    lease = TokenLease("conn", store, client(clock), mask=lambda _: None, clock=clock, sleep=clock.sleep)
    assert {lease.get().access_token for _ in range(50)} == {"new-access"}
    assert wire.call_count == 1


@pytest.mark.parametrize("odd", [None, "", 7, ["a"]], ids=repr)
def test_an_answer_without_a_usable_access_token_is_not_taken_for_one(wire: requests_mock.Mocker, odd: Any) -> None:
    wire.post(TOKEN_URL, json=PAIR | {"access_token": odd})
    with pytest.raises(LivestormTokenError):
        client().refresh("old", within=0)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("odd", [None, "none", {}, "invalid_grant", ["warning"]], ids=repr)
def test_a_pair_beside_an_error_is_kept(wire: requests_mock.Mocker, odd: Any, status: int) -> None:
    """The refresh token is spent by now, whatever else was said."""
    wire.post(TOKEN_URL, status_code=status, json=PAIR | {"error": odd})
    grant = client().refresh("old", within=0)
    assert (grant.access_token, grant.refresh_token) == ("new-access", "new-refresh")


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (403, {"error": "Forbidden"}),
        (403, {"error": "invalid_client"}),
        (404, {"status": 404, "error": "Not Found"}),
        (408, {"error": "timeout"}),
        (400, {"error": "temporarily_unavailable"}),
        (400, {"error": {"code": "invalid_grant"}}),
        (400, {"error": ["invalid_grant"]}),
        (401, {"error": "Unauthorized"}),
        (400, PAIR),
        (302, {"error": "invalid_grant"}),
    ],
    ids=str,
)
def test_an_error_that_is_no_verdict_of_oauth_may_be_over_soon(
    wire: requests_mock.Mocker, status: int, document: dict[str, Any]
) -> None:
    """A firewall's, a proxy's, a router's: it says nothing of the refresh token, and is asked again."""
    wire.post(TOKEN_URL, [{"status_code": status, "json": document}] * 5 + [{"json": PAIR}])
    clock, store = Clock(), MemoryStore()
    lease = TokenLease("conn", store, client(clock), mask=lambda _: None, clock=clock, sleep=clock.sleep)
    with pytest.raises(LivestormTokenError, match=f"HTTP {status}") as caught:
        lease.get()
    assert caught.value.retryable
    assert store.record.refusal is not None
    assert store.record.refusal.times == 1
    clock.now += 5
    assert lease.get().access_token == "new-access"


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("error", [
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope",
])  # fmt: skip
def test_an_oauth_error_is_told_by_its_code_and_not_tried_again(
    wire: requests_mock.Mocker, status: int, error: str
) -> None:
    wire.post(TOKEN_URL, status_code=status, json={"error": error, "error_description": "the server's words"})
    with pytest.raises(GrantRefusedError) as caught:
        client().refresh("old", within=30)
    assert (caught.value.error, caught.value.description) == (error, "the server's words")
    assert not caught.value.retryable
    assert wire.call_count == 1


@pytest.mark.parametrize("status", [403, 404, 410, 422])
def test_a_dead_refresh_token_is_believed_with_any_refusal(wire: requests_mock.Mocker, status: int) -> None:
    """Nobody but an OAuth server says so, and to ask for good about a dead token would use up the month."""
    wire.post(TOKEN_URL, status_code=status, json={"error": "invalid_grant"})
    with pytest.raises(GrantRefusedError, match="invalid_grant"):
        client().refresh("old", within=30)
    assert wire.call_count == 1


def test_an_oauth_error_with_a_server_fault_is_not_believed(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, [{"status_code": 503, "json": {"error": "invalid_grant"}}, {"json": PAIR}])
    assert client().refresh("old", within=30).access_token == "new-access"


def test_tries_are_spaced_and_end_in_time(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, status_code=500)
    clock = Clock()
    with pytest.raises(LivestormTokenError):
        client(clock).refresh("old", within=30)
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("asked", "slept"),
    [("1", [1.0, 1.0, 2.0, 4.0]), ("7", [7.0, 7.0]), ("2592000", []), ("inf", []), ("nan", [0.5, 1, 2, 4])],
)
def test_a_429_is_waited_for_as_long_as_it_asks_or_not_at_all(
    wire: requests_mock.Mocker, asked: str, slept: list[float]
) -> None:
    wire.post(TOKEN_URL, status_code=429, headers={"Retry-After": asked})
    clock = Clock()
    with pytest.raises(LivestormTokenError, match="HTTP 429") as caught:
        client(clock).refresh("old", within=30)
    assert clock.slept == slept
    assert ("monthly limit" in str(caught.value)) is (not slept)


@pytest.mark.parametrize(("asked", "slept"), [("7", [7.0, 7.0]), ("1800", [])])
def test_a_503_is_waited_for_too_if_it_says_how_long(
    wire: requests_mock.Mocker, asked: str, slept: list[float]
) -> None:
    wire.post(TOKEN_URL, status_code=503, headers={"Retry-After": asked})
    clock = Clock()
    with pytest.raises(LivestormTokenError, match=r"HTTP 503\); try again") as caught:
        client(clock).refresh("old", within=30)
    assert clock.slept == slept
    assert "limit" not in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        ("3600", [0, 3600, 7200]),
        ("40", [0, 40, 80]),
        ("86400", [0, 86_400]),
        ("2592000", [0, 86_400]),
        ("inf", [0, 86_400]),
    ],
)
def test_nobody_asks_again_before_the_time_that_a_429_asked_for(
    wire: requests_mock.Mocker, asked: str, calls: list[float]
) -> None:
    """Each process tells it from the row; once a day somebody looks whether it still holds."""
    wire.post(TOKEN_URL, status_code=429, headers={"Retry-After": asked})
    clock, store = Clock(), MemoryStore()
    began, asked_at = clock.now, list[float]()
    while len(asked_at) < len(calls):
        before = wire.call_count
        with pytest.raises(LivestormTokenError, match="HTTP 429"):
            TokenLease("conn", store, client(clock), mask=lambda _: None, clock=clock, sleep=clock.sleep).get()
        if wire.call_count > before:
            asked_at.append(clock.now - began)
        clock.now += 10
    assert asked_at == calls


def test_the_servers_words_are_kept_to_one_line_of_a_fit_length(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, status_code=400, json={"error": "invalid_grant", "error_description": "b\r\n\u2028c " * 9000})
    with pytest.raises(GrantRefusedError) as caught:
        client().refresh("old", within=0)
    assert len(caught.value.description) <= 300
    assert caught.value.description.startswith("b c b c")
    assert len(str(caught.value).splitlines()) == 1


def test_certificates_that_are_not_there_are_told_and_hold_no_lease(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """requests raises a bare OSError for it, before it connects."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    clock, store = Clock(), MemoryStore()
    oauth = OAuthClient("client", SECRET, "https://127.0.0.1:9/oauth/token", sleep=clock.sleep, monotonic=clock)
    with pytest.raises(LivestormTokenError, match=r"CA certificate bundle.*none\.pem"):
        TokenLease("conn", store, oauth, mask=lambda _: None, clock=clock, sleep=clock.sleep).get()
    assert store.record.lease is None
    with pytest.raises(LivestormTokenError, match=r"to revoke .*none\.pem"):
        oauth.revoke("the-token")


def test_words_that_no_row_can_hold_are_kept_as_far_as_they_can_be(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, status_code=400, text=r'{"error": "invalid_grant", "error_description": "dead \ud800 token"}')
    clock, store = Clock(), MemoryStore()
    lease = TokenLease("conn", store, client(clock), mask=lambda _: None, clock=clock, sleep=clock.sleep)
    with pytest.raises(LivestormReconnectRequiredError, match=r"dead \? token"):
        lease.get()
    assert store.record.lease is None


def test_a_code_is_exchanged_once_with_its_verifier(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, exc=requests.exceptions.ReadTimeout)
    with pytest.raises(LivestormTokenError):
        client().exchange("the-code", redirect_uri="https://airflow.example/cb", code_verifier="v" * 43)
    assert wire.call_count == 1, "a code is single-use"
    assert parse_qs(wire.last_request.text) == {
        "grant_type": ["authorization_code"], "code": ["the-code"], "redirect_uri": ["https://airflow.example/cb"],
        "code_verifier": ["v" * 43], "client_id": ["client"], "client_secret": [SECRET],
    }  # fmt: skip


@pytest.mark.parametrize("answer", [{"status_code": 307, "headers": {"Location": "https://evil.example/"}}, {
    "status_code": 503}, {"exc": requests.exceptions.ConnectTimeout}], ids=str)  # fmt: skip
def test_a_revocation_that_was_not_said_to_be_done_is_an_error(
    wire: requests_mock.Mocker, answer: dict[str, Any]
) -> None:
    wire.post(TOKEN_URL.removesuffix("token") + "revoke", **answer)
    elsewhere = wire.post("https://evil.example/")
    with pytest.raises(LivestormTokenError, match="revoke") as caught:
        client().revoke("the-token")
    assert "the-token" not in str(caught.value)
    assert not elsewhere.called


def test_an_authorize_url_holds_what_it_must_and_no_secret() -> None:
    url = client().authorization_url(redirect_uri="https://a.example/cb", scope="identity:read events:read", state="s")
    assert url.startswith(AUTHORIZE_URL + "?")
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"], "client_id": ["client"], "redirect_uri": ["https://a.example/cb"],
        "scope": ["identity:read events:read"], "state": ["s"],
    }  # fmt: skip


class Dripping(BaseHTTPRequestHandler):
    """Answers a byte at a time: each comes well within the read time-out, the whole of them does not."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(40):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return
            if self.server.over.wait(0.05):  # type: ignore[attr-defined]
                return

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""
