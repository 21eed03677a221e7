"""The OAuth protocol with the sandbox, and with servers that misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import requests_mock

from airflow_provider_livestorm.auth.oauth import TOKEN_URL, GrantRefusedError, OAuthClient
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormTokenError
from airflow_provider_livestorm.sandbox.process import SandboxProcess

SECRET = "the-client-secret"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123"


@pytest.fixture
def oauth(sandbox: SandboxProcess) -> OAuthClient:
    known = sandbox.credentials()
    return OAuthClient(known["client_id"], known["client_secret"], known["token_url"], known["authorize_url"])


def agree(url: str, redirect_uri: str) -> dict[str, str]:
    """What a browser does when a person clicks Authorize; the query that comes back."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    with requests.Session() as browser:
        assert browser.get(url, timeout=10).ok
        answer = browser.post(
            url.partition("?")[0], data=asked | {"decision": "authorize"}, allow_redirects=False, timeout=10
        )
    assert answer.headers["Location"].startswith(redirect_uri)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


@pytest.mark.parametrize(("pkce", "verifier"), [("checked", None), ("checked", VERIFIER), ("ignored", VERIFIER)])
def test_authorize_exchange_refresh_revoke(
    oauth: OAuthClient, sandbox: SandboxProcess, pkce: str, verifier: str | None
) -> None:
    sandbox.configure(pkce=pkce)
    uri = sandbox.credentials()["redirect_uris"][0]
    url = oauth.authorization_url(
        redirect_uri=uri, scope="identity:read events:read", state="s", code_verifier=verifier
    )
    assert ("code_challenge=" in url) is (verifier is not None)
    assert not verifier or verifier not in url
    back = agree(url, uri)
    assert back["state"] == "s"
    first = oauth.exchange(back["code"], redirect_uri=uri, code_verifier=verifier)
    assert first.refresh_token is not None
    second = oauth.refresh(first.refresh_token, within=30)
    assert second.refresh_token not in (None, first.refresh_token)
    assert (second.expires_in, second.scope) == (7200, "identity:read events:read")
    with pytest.raises(GrantRefusedError, match="invalid_grant"):
        oauth.refresh(first.refresh_token, within=30)
    sandbox.configure(extra_routes="absent")
    with pytest.raises(LivestormTokenError, match="HTTP 404"):  # no document names the route
        oauth.revoke(second.refresh_token or "")
    sandbox.configure(extra_routes="present")
    oauth.revoke(second.refresh_token or "")
    with pytest.raises(GrantRefusedError, match="invalid_grant"):
        oauth.refresh(second.refresh_token or "", within=30)


def test_a_wrong_client_secret_is_an_invalid_client(sandbox: SandboxProcess) -> None:
    known = sandbox.credentials()
    with pytest.raises(GrantRefusedError) as caught:
        OAuthClient(known["client_id"], "wrong", known["token_url"]).refresh("x", within=30)
    assert caught.value.error == "invalid_client"


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


PAIR = {
    "json": {"access_token": "new-access", "refresh_token": "new-refresh", "token_type": "Bearer", "expires_in": 60}
}
AMBIGUOUS: list[dict[str, Any]] = [
    {"status_code": 500, "text": "<html>"},
    {"status_code": 429},
    {"status_code": 200, "text": "<html>maintenance</html>"},
    {"status_code": 200, "json": ["not", "an", "object"]},
    {"status_code": 200, "text": "[" * 100_000},
    {"status_code": 200, "text": '{"expires_in": ' + "9" * 5000 + "}"},
    {"exc": requests.exceptions.ReadTimeout},
    {"exc": requests.exceptions.ConnectionError},
]


@pytest.mark.parametrize("answer", AMBIGUOUS, ids=lambda answer: str(answer)[:60])
def test_an_ambiguous_answer_is_followed_by_the_same_refresh_token_again(
    wire: requests_mock.Mocker, answer: dict[str, Any]
) -> None:
    time = Time()
    wire.post(TOKEN_URL, [answer, PAIR])
    grant = OAuthClient("client", SECRET, sleep=time.sleep, monotonic=time).refresh("old-refresh", within=30)
    assert grant.access_token == "new-access"
    assert [parse_qs(request.text)["refresh_token"] for request in wire.request_history] == [["old-refresh"]] * 2


@pytest.mark.parametrize("answer", AMBIGUOUS, ids=lambda answer: str(answer)[:60])
def test_it_gives_up_in_time_and_names_no_secret(wire: requests_mock.Mocker, answer: dict[str, Any]) -> None:
    time = Time()
    wire.post(TOKEN_URL, [answer])
    with pytest.raises(LivestormTokenError) as caught:
        OAuthClient("client", SECRET, sleep=time.sleep, monotonic=time).refresh("old-refresh", within=30)
    assert caught.value.retryable
    assert time.now + 15 <= 30, "a try that begins later could outlive the lease"
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in str(error)
        assert "old-refresh" not in str(error)
        error = error.__cause__


def test_a_redirect_of_the_token_endpoint_is_not_followed(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, status_code=307, headers={"Location": "https://elsewhere.example/token"})
    elsewhere = wire.post("https://elsewhere.example/token", **PAIR)
    with pytest.raises(LivestormTokenError, match="no OAuth document"):
        OAuthClient("client", SECRET).refresh("old-refresh", within=0)
    assert not elsewhere.called


def test_the_client_authenticates_in_the_body_and_nowhere_else(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, **PAIR)
    OAuthClient("client", SECRET).refresh("old-refresh", within=30)
    sent = wire.last_request
    assert parse_qs(sent.text) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["old-refresh"],
        "client_id": ["client"],
        "client_secret": [SECRET],
    }
    assert "Authorization" not in sent.headers
    assert SECRET not in sent.url


def test_a_server_that_sends_no_refresh_token_keeps_the_old_one(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, json={"access_token": "new", "token_type": "Bearer"})
    grant = OAuthClient("client", SECRET).refresh("old-refresh", within=30)
    assert grant.refresh_token in (None, "old-refresh")
    assert grant.expires_in is None


@pytest.mark.parametrize(
    "url", ["https://user:pass@[::1", "https://[x", "https://a.example:port/", "//[", 5, {"a": 1}, b"x"]
)
def test_what_is_no_url_is_told_in_a_sentence(url: Any) -> None:
    with pytest.raises(LivestormConfigurationError, match=r"^The token URL is no URL\.$"):
        OAuthClient("client", SECRET, url)


@pytest.mark.parametrize("url", ["http://app.livestorm.co/oauth/token", "ftp://app.livestorm.co", "app.livestorm.co"])
def test_a_secret_goes_to_https_or_loopback_only(url: str) -> None:
    with pytest.raises(LivestormConfigurationError, match="token URL must be https"):
        OAuthClient("client", SECRET, url)
    assert SECRET not in repr(OAuthClient("client", SECRET))


def test_a_refusal_is_final_and_not_asked_about_again(wire: requests_mock.Mocker) -> None:
    wire.post(TOKEN_URL, status_code=400, json={"error": "invalid_grant", "error_description": "revoked"})
    with pytest.raises(GrantRefusedError, match=r"invalid_grant \(revoked\)"):
        OAuthClient("client", SECRET).refresh("old-refresh", within=30)
    assert wire.call_count == 1
