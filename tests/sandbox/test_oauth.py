"""The OAuth server behaves as Doorkeeper does (docs/livestorm/api.md, 1.2)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess

STATE = "a-state-of-the-client"


@pytest.fixture
def web() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture(autouse=True)
def strict_again(sandbox: SandboxProcess) -> None:
    sandbox.configure(rotation="strict", token_life=7200)
    sandbox.reset_counters()


def client_of(sandbox: SandboxProcess) -> dict[str, str]:
    credentials = sandbox.credentials()
    return {name: credentials[name] for name in ("client_id", "client_secret")}


def token(web: requests.Session, sandbox: SandboxProcess, **form: Any) -> requests.Response:
    return web.post(sandbox.token_url, data=client_of(sandbox) | form, timeout=10)


def refresh(web: requests.Session, sandbox: SandboxProcess, refresh_token: str) -> requests.Response:
    return token(web, sandbox, grant_type="refresh_token", refresh_token=refresh_token)


def ping(web: requests.Session, sandbox: SandboxProcess, access_token: str) -> requests.Response:
    return web.get(f"{sandbox.api_url}/ping", headers={"Authorization": f"Bearer {access_token}"}, timeout=10)


def consent(web: requests.Session, sandbox: SandboxProcess, decision: str = "authorize", **changes: str) -> Any:
    """Decide on the consent page; where the browser is sent to, as its query."""
    credentials = sandbox.credentials()
    asked = {
        "response_type": "code",
        "client_id": credentials["client_id"],
        "redirect_uri": credentials["redirect_uris"][0],
        "scope": "identity:read events:read",
        "state": STATE,
    } | changes
    page = web.get(sandbox.authorize_url, params=asked, timeout=10, allow_redirects=False)
    if page.status_code != 200:
        return page
    answer = web.post(sandbox.authorize_url, data=asked | {"decision": decision}, timeout=10, allow_redirects=False)
    assert answer.status_code == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def exchange(web: requests.Session, sandbox: SandboxProcess, code: str, **changes: str) -> requests.Response:
    uri = sandbox.credentials()["redirect_uris"][0]
    return token(web, sandbox, **{"grant_type": "authorization_code", "code": code, "redirect_uri": uri} | changes)


def assert_refused(answer: requests.Response, error: str, status: int = 400) -> None:
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.headers["Cache-Control"] == "no-store"
    assert f'error="{error}"' in answer.headers["WWW-Authenticate"]


def test_an_https_address_may_be_registered_and_only_it_is_taken(web: requests.Session) -> None:
    uri = "https://airflow.example/prefix/livestorm/callback"
    with SandboxProcess(preset="empty", redirect_uris=[uri]) as sandbox:
        for other in (uri + "/", uri + "?x=1", uri.replace("https", "http"), uri.replace("airflow", "Airflow")):
            assert consent(web, sandbox, redirect_uri=other).status_code == 401, other
        asked = {"response_type": "code", "client_id": client_of(sandbox)["client_id"], "scope": "events:read"}
        asked |= {"redirect_uri": uri, "state": STATE, "decision": "authorize"}
        answer = web.post(sandbox.authorize_url, data=asked, timeout=10, allow_redirects=False)
        address, _, query = answer.headers["Location"].partition("?")
        assert address == uri
        assert exchange(web, sandbox, parse_qs(query)["code"][0]).ok


def test_a_consent_gives_a_code_that_gives_a_pair_that_works(web: requests.Session, sandbox: SandboxProcess) -> None:
    back = consent(web, sandbox)
    assert back["state"] == STATE
    pair = exchange(web, sandbox, back["code"]).json()
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 7200
    assert pair["scope"] == "identity:read events:read"
    assert ping(web, sandbox, pair["access_token"]).status_code == 200


def test_a_code_works_once(web: requests.Session, sandbox: SandboxProcess) -> None:
    code = consent(web, sandbox)["code"]
    assert exchange(web, sandbox, code).ok
    assert_refused(exchange(web, sandbox, code), "invalid_grant")


def test_a_code_expires_after_ten_minutes(web: requests.Session, sandbox: SandboxProcess) -> None:
    code = consent(web, sandbox)["code"]
    sandbox.advance(601)
    assert_refused(exchange(web, sandbox, code), "invalid_grant")


def test_a_code_is_bound_to_its_redirect_uri(web: requests.Session, sandbox: SandboxProcess) -> None:
    code = consent(web, sandbox)["code"]
    other = sandbox.credentials()["redirect_uris"][1]
    assert_refused(exchange(web, sandbox, code, redirect_uri=other), "invalid_grant")


def test_pkce_binds_the_code_to_its_verifier(web: requests.Session, sandbox: SandboxProcess) -> None:
    verifier = "a-verifier-of-at-least-forty-three-characters-0123"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
    assert exchange(web, sandbox, consent(web, sandbox, **pkce)["code"], code_verifier=verifier).ok
    assert_refused(
        exchange(web, sandbox, consent(web, sandbox, **pkce)["code"], code_verifier="x" * 43), "invalid_grant"
    )
    assert_refused(exchange(web, sandbox, consent(web, sandbox, **pkce)["code"]), "invalid_grant")


def test_a_verifier_without_a_challenge_is_refused(web: requests.Session, sandbox: SandboxProcess) -> None:
    assert_refused(exchange(web, sandbox, consent(web, sandbox)["code"], code_verifier="x" * 43), "invalid_grant")


def test_a_server_that_does_not_know_pkce_ignores_its_parameters(
    web: requests.Session, sandbox: SandboxProcess
) -> None:
    sandbox.configure(pkce="ignored")
    pkce = {"code_challenge": "x", "code_challenge_method": "rot13"}
    assert exchange(web, sandbox, consent(web, sandbox, **pkce)["code"], code_verifier="y").ok
    assert exchange(web, sandbox, consent(web, sandbox)["code"], code_verifier="y").ok


def test_a_person_may_grant_less_than_is_asked_for(web: requests.Session, sandbox: SandboxProcess) -> None:
    asked = "events:write events:read identity:write"
    assert exchange(web, sandbox, consent(web, sandbox, scope=asked)["code"]).json()["scope"] == asked
    sandbox.configure(consent="read_only")
    pair = exchange(web, sandbox, consent(web, sandbox, scope=asked)["code"]).json()
    assert pair["scope"] == "events:read identity:read"
    again = refresh(web, sandbox, pair["refresh_token"]).json()
    assert again["scope"] == pair["scope"], "it does not come back with a refresh"
    write = {"data": {"type": "events", "attributes": {}}}
    headers = {"Authorization": f"Bearer {again['access_token']}"}
    assert web.post(f"{sandbox.api_url}/events", json=write, headers=headers, timeout=10).status_code == 403


def test_a_denial_goes_back_with_the_state(web: requests.Session, sandbox: SandboxProcess) -> None:
    back = consent(web, sandbox, "deny")
    assert back["error"] == "access_denied"
    assert back["state"] == STATE


@pytest.mark.parametrize(
    "changes", [{"redirect_uri": "http://127.0.0.1:8080/livestorm/callback/"}, {"client_id": "nobody"}], ids=str
)
def test_a_wrong_client_or_address_is_shown_and_never_redirected(
    web: requests.Session, sandbox: SandboxProcess, changes: dict[str, str]
) -> None:
    page = consent(web, sandbox, **changes)
    assert page.status_code == 401
    assert "Location" not in page.headers


def test_strict_rotation_ends_the_old_pair_at_once(web: requests.Session, sandbox: SandboxProcess) -> None:
    old = sandbox.grant()
    new = refresh(web, sandbox, old["refresh_token"]).json()
    gone = ping(web, sandbox, old["access_token"])
    assert gone.status_code == 401
    assert "The access token was revoked" in gone.headers["WWW-Authenticate"]
    assert ping(web, sandbox, new["access_token"]).ok
    assert_refused(refresh(web, sandbox, old["refresh_token"]), "invalid_grant")
    counters = sandbox.status()["counters"]
    assert (counters["refreshes"], counters["reuses_of_spent_tokens"], counters["refused_refreshes"]) == (1, 1, 1)


def test_grace_keeps_the_old_pair_until_the_new_one_is_used(web: requests.Session, sandbox: SandboxProcess) -> None:
    sandbox.configure(rotation="grace")
    old = sandbox.grant()
    new = refresh(web, sandbox, old["refresh_token"]).json()
    assert ping(web, sandbox, old["access_token"]).ok
    assert ping(web, sandbox, new["access_token"]).ok
    assert ping(web, sandbox, old["access_token"]).status_code == 401
    assert_refused(refresh(web, sandbox, old["refresh_token"]), "invalid_grant")


def test_an_access_token_expires_on_the_sandboxes_clock_and_its_refresh_token_does_not(
    web: requests.Session, sandbox: SandboxProcess
) -> None:
    grant = sandbox.grant()
    sandbox.advance(7201)
    gone = ping(web, sandbox, grant["access_token"])
    assert gone.status_code == 401
    assert gone.content == b""
    assert "The access token expired" in gone.headers["WWW-Authenticate"]
    assert refresh(web, sandbox, grant["refresh_token"]).ok


@pytest.mark.parametrize(
    ("form", "error", "status"),
    [
        ({"client_secret": "wrong", "grant_type": "refresh_token", "refresh_token": "x"}, "invalid_client", 401),
        ({"client_id": "nobody", "grant_type": "refresh_token", "refresh_token": "x"}, "invalid_client", 401),
        ({"grant_type": "refresh_token", "refresh_token": "never-issued"}, "invalid_grant", 400),
        ({"grant_type": "refresh_token"}, "invalid_request", 400),
        ({"refresh_token": "x"}, "invalid_request", 400),
        ({"grant_type": "password"}, "unsupported_grant_type", 400),
    ],
    ids=str,
)
def test_the_token_endpoint_refuses_in_doorkeepers_words(
    web: requests.Session, sandbox: SandboxProcess, form: dict[str, str], error: str, status: int
) -> None:
    assert_refused(token(web, sandbox, **form), error, status)


def test_the_client_may_use_basic_but_not_both_ways_at_once(web: requests.Session, sandbox: SandboxProcess) -> None:
    sandbox.configure(basic_client="accepted")
    client = client_of(sandbox)
    basic = (client["client_id"], client["client_secret"])

    def ask(**extra: str) -> requests.Response:
        form = {"grant_type": "refresh_token", "refresh_token": sandbox.grant()["refresh_token"], **extra}
        return web.post(sandbox.token_url, data=form, auth=basic, timeout=10)

    assert ask().ok
    assert_refused(ask(**client), "invalid_request")


def test_json_is_no_form(web: requests.Session, sandbox: SandboxProcess) -> None:
    form = client_of(sandbox) | {"grant_type": "refresh_token", "refresh_token": sandbox.grant()["refresh_token"]}
    assert_refused(web.post(sandbox.token_url, json=form, timeout=10), "invalid_request")


def test_a_revoked_token_is_dead_and_an_unknown_one_no_error(web: requests.Session, sandbox: SandboxProcess) -> None:
    sandbox.configure(extra_routes="present")
    grant = sandbox.grant()
    for one in (grant["refresh_token"], "unknown"):
        form = client_of(sandbox) | {"token": one}
        assert web.post(f"{sandbox.url}/oauth/revoke", data=form, timeout=10).ok
    assert ping(web, sandbox, grant["access_token"]).status_code == 401
    assert_refused(refresh(web, sandbox, grant["refresh_token"]), "invalid_grant")


def test_in_grace_an_old_token_redeemed_twice_gives_two_pairs(web: requests.Session, sandbox: SandboxProcess) -> None:
    """As Doorkeeper: the first use of either new pair ends the old one, and leaves the other new pair alone."""
    sandbox.configure(rotation="grace")
    old = sandbox.grant()
    one, two = (refresh(web, sandbox, old["refresh_token"]).json() for _ in range(2))
    assert ping(web, sandbox, one["access_token"]).ok
    assert_refused(refresh(web, sandbox, old["refresh_token"]), "invalid_grant")
    assert ping(web, sandbox, two["access_token"]).ok


def test_in_grace_the_old_pair_ends_also_where_the_new_token_is_used_too_late(
    web: requests.Session, sandbox: SandboxProcess
) -> None:
    """Doorkeeper ends it when it finds the new token, before it looks whether that has expired."""
    sandbox.configure(rotation="grace")
    old = sandbox.grant()
    new = refresh(web, sandbox, old["refresh_token"]).json()
    sandbox.advance(7201)
    assert ping(web, sandbox, new["access_token"]).status_code == 401
    assert_refused(refresh(web, sandbox, old["refresh_token"]), "invalid_grant")


def test_plain_pkce_is_refused(web: requests.Session, sandbox: SandboxProcess) -> None:
    """S256 is the one method that is documented: who leans on another must hear of it here."""
    for method in ({}, {"code_challenge_method": "plain"}):
        answer = consent(web, sandbox, code_challenge="a-verifier-of-at-least-forty-three-characters-0123", **method)
        assert answer.status_code == 302
        assert parse_qs(urlsplit(answer.headers["Location"]).query)["error"] == ["invalid_code_challenge_method"]


def test_another_scheme_of_authorization_is_no_client_authentication(
    web: requests.Session, sandbox: SandboxProcess
) -> None:
    form = client_of(sandbox) | {"grant_type": "refresh_token", "refresh_token": sandbox.grant()["refresh_token"]}
    assert web.post(sandbox.token_url, data=form, headers={"Authorization": "Bearer x"}, timeout=10).ok
