"""The authorization-code flow against the sandbox, and what is made of each way in which it can end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
import requests_mock

from airflow_provider_livestorm.auth.authorization import LIFE_SECONDS, PendingAuthorization, redeem, start
from airflow_provider_livestorm.auth.oauth import OAuthClient
from airflow_provider_livestorm.exceptions import LivestormAuthorizationError
from airflow_provider_livestorm.sandbox.process import SandboxProcess

REDIRECT_URI = "https://airflow.example/livestorm/callback"
SCOPE = "identity:read events:read"
NOW = 1_790_000_000.0


@pytest.fixture(scope="module")
def livestorm() -> Iterator[SandboxProcess]:
    with SandboxProcess(preset="empty", interval_limit=0, redirect_uris=[REDIRECT_URI]) as sandbox:
        yield sandbox


@pytest.fixture
def oauth(livestorm: SandboxProcess) -> OAuthClient:
    credentials = livestorm.credentials()
    return OAuthClient(
        credentials["client_id"], credentials["client_secret"], token_url=livestorm.token_url,
        authorize_url=livestorm.authorize_url,
    )  # fmt: skip


def begin(oauth: OAuthClient, scope: str = SCOPE) -> tuple[PendingAuthorization, str]:
    return start(oauth, conn_id="conn", redirect_uri=REDIRECT_URI, scope=scope, now=NOW)


def decide(url: str, decision: str = "authorize") -> dict[str, str]:
    """What a person's browser comes back with."""
    asked = dict(parse_qsl(urlsplit(url).query))
    page = requests.get(url, timeout=10, allow_redirects=False)
    if page.is_redirect:
        return dict(parse_qsl(urlsplit(page.headers["Location"]).query))
    answer = requests.post(
        url.partition("?")[0], data={**asked, "decision": decision}, timeout=10, allow_redirects=False
    )
    assert answer.is_redirect, answer.text
    assert answer.headers["Location"].startswith(REDIRECT_URI)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def test_a_person_who_agrees_brings_tokens(oauth: OAuthClient, livestorm: SandboxProcess) -> None:
    pending, url = begin(oauth)
    grant = redeem(oauth, pending, decide(url), now=NOW)
    assert grant.scope == SCOPE
    assert grant.refresh_token == livestorm.newest_refresh_token()


def test_the_url_asks_for_what_was_chosen_with_a_challenge_and_not_its_verifier(oauth: OAuthClient) -> None:
    pending, url = begin(oauth)
    asked = parse_qs(urlsplit(url).query)
    assert asked["scope"] == [SCOPE]
    assert asked["redirect_uri"] == [REDIRECT_URI]
    assert asked["response_type"] == ["code"]
    assert asked["state"] == [pending.state]
    assert asked["code_challenge_method"] == ["S256"]
    assert pending.code_verifier not in url
    assert oauth.client_secret not in url


def test_two_requests_share_neither_state_nor_verifier(oauth: OAuthClient) -> None:
    one, other = begin(oauth)[0], begin(oauth)[0]
    assert one.state != other.state
    assert one.code_verifier != other.code_verifier
    assert min(len(one.state), len(one.code_verifier)) >= 43  # 256 bits; RFC 7636 wants 43 characters at least


def test_a_denial_is_said(oauth: OAuthClient) -> None:
    pending, url = begin(oauth)
    with pytest.raises(LivestormAuthorizationError, match=r"'conn': access was denied at Livestorm \(The resource"):
        redeem(oauth, pending, decide(url, "deny"), now=NOW)


def test_another_state_is_refused_and_its_code_stays_unspent(oauth: OAuthClient) -> None:
    pending, url = begin(oauth)
    answer = decide(url)
    for state in ("", "forged", f"{pending.state}x"):
        with pytest.raises(LivestormAuthorizationError, match="its state is another"):
            redeem(oauth, pending, {**answer, "state": state}, now=NOW)
    with pytest.raises(LivestormAuthorizationError, match="its state is another"):
        redeem(oauth, pending, {"code": answer["code"]}, now=NOW)
    assert redeem(oauth, pending, answer, now=NOW).refresh_token


def test_a_page_that_was_open_too_long_is_said(oauth: OAuthClient) -> None:
    pending, url = begin(oauth)
    with pytest.raises(LivestormAuthorizationError, match="open for more than 15 minutes"):
        redeem(oauth, pending, decide(url), now=NOW + LIFE_SECONDS + 1)


def test_a_code_that_expired_or_was_used_before_is_said(oauth: OAuthClient, livestorm: SandboxProcess) -> None:
    pending, url = begin(oauth)
    used = decide(url)
    redeem(oauth, pending, used, now=NOW)
    with pytest.raises(LivestormAuthorizationError, match=r"has expired, or was used before.*Start again"):
        redeem(oauth, pending, used, now=NOW)
    pending, url = begin(oauth)
    late = decide(url)
    livestorm.advance(601)
    with pytest.raises(LivestormAuthorizationError, match=r"has expired, or was used before.*Start again"):
        redeem(oauth, pending, late, now=NOW)


def test_a_code_is_of_use_to_nobody_without_the_verifier(oauth: OAuthClient) -> None:
    _, url = begin(oauth)
    thief = begin(oauth)[0]
    stolen = {**decide(url), "state": thief.state}
    with pytest.raises(LivestormAuthorizationError, match="did not take the code"):
        redeem(oauth, thief, stolen, now=NOW)


def test_a_wrong_client_secret_is_said(oauth: OAuthClient, livestorm: SandboxProcess) -> None:
    pending, url = begin(oauth)
    wrong = OAuthClient(oauth.client_id, "another secret", token_url=oauth.token_url, authorize_url=oauth.authorize_url)
    with pytest.raises(LivestormAuthorizationError, match=r"refused its client id and secret.*Correct the login"):
        redeem(wrong, pending, decide(url), now=NOW)


def test_a_scope_that_livestorm_does_not_give_is_said(oauth: OAuthClient) -> None:
    pending, url = begin(oauth, "events:read polls:read")
    with pytest.raises(LivestormAuthorizationError, match=r"does not let this application ask for 'events:read polls"):
        redeem(oauth, pending, decide(url), now=NOW)


def test_an_error_of_another_kind_is_told_in_one_plain_line(oauth: OAuthClient) -> None:
    pending, _ = begin(oauth)
    answer = {
        "state": pending.state,
        "error": "temporarily\nunavailable",
        "error_description": "<b>x</b>\x00\x1b[31m" * 99,
    }
    with pytest.raises(LivestormAuthorizationError) as caught:
        redeem(oauth, pending, answer, now=NOW)
    message = str(caught.value)
    assert "temporarily unavailable (<b>x</b>" in message
    assert message.isprintable()
    assert len(message) < 500
    assert REDIRECT_URI in message


def test_an_answer_with_neither_code_nor_error_is_said(oauth: OAuthClient) -> None:
    pending, _ = begin(oauth)
    with pytest.raises(LivestormAuthorizationError, match="neither a code nor an error"):
        redeem(oauth, pending, {"state": pending.state}, now=NOW)


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", '{"error": "'])
def test_a_token_endpoint_that_is_sick_is_said_and_the_code_is_not_sent_again(oauth: OAuthClient, body: str) -> None:
    pending, url = begin(oauth)
    answer = decide(url)
    with requests_mock.Mocker() as wire:
        wire.post(oauth.token_url, status_code=502, text=body)
        with pytest.raises(LivestormAuthorizationError, match=r"could not be exchanged.*HTTP 502.*Start again"):
            redeem(oauth, pending, answer, now=NOW)
        assert wire.call_count == 1


def test_no_message_holds_a_secret(oauth: OAuthClient) -> None:
    pending, url = begin(oauth)
    answer = decide(url)
    secrets = [answer["code"], pending.state, pending.code_verifier, oauth.client_secret]
    with requests_mock.Mocker() as wire:
        wire.post(
            oauth.token_url, status_code=400,
            json={"error": "invalid_grant", "error_description": f"no {' '.join(secrets)}"},
        )  # fmt: skip
        with pytest.raises(LivestormAuthorizationError) as caught:
            redeem(oauth, pending, answer, now=NOW)
    told = f"{caught.value!s} {pending!r} {oauth!r}"
    assert not [secret for secret in (answer["code"], pending.code_verifier, oauth.client_secret) if secret in told]
    assert re.search(r"no \*\*\*", told)
