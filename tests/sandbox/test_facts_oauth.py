"""The OAuth server where test_oauth.py does not hold it to api.md 1.2: odd requests, refusals, lives, races."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.facts import ALL_SCOPES, Row

DAY = 86_400


@pytest.fixture
def web() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def _client(sandbox: SandboxProcess) -> dict[str, str]:
    credentials = sandbox.credentials()
    return {name: credentials[name] for name in ("client_id", "client_secret")}


def _asked(sandbox: SandboxProcess, **changes: str | None) -> dict[str, str]:
    credentials = sandbox.credentials()
    asked: dict[str, str | None] = {
        "response_type": "code", "client_id": credentials["client_id"], "redirect_uri": credentials["redirect_uris"][0],
        "scope": "identity:read events:read", "state": "st&te=1 ü",
    }  # fmt: skip
    return {name: value for name, value in (asked | changes).items() if value is not None}


def _back(answer: requests.Response) -> dict[str, str]:
    """The query with which a browser is sent back."""
    assert answer.status_code in (302, 303), answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def _consent(web: requests.Session, sandbox: SandboxProcess, decision: str, **changes: str | None) -> dict[str, str]:
    form = _asked(sandbox, **changes) | {"decision": decision}
    return _back(web.post(sandbox.authorize_url, data=form, allow_redirects=False, timeout=10))


def _token(web: requests.Session, sandbox: SandboxProcess, **form: Any) -> requests.Response:
    return web.post(sandbox.token_url, data=_client(sandbox) | form, timeout=10)


def _refresh(web: requests.Session, sandbox: SandboxProcess, token: str) -> requests.Response:
    return _token(web, sandbox, grant_type="refresh_token", refresh_token=token)


def _assert_refused(answer: requests.Response, error: str, status: int = 400) -> Row:
    body: Row = answer.json()
    assert (answer.status_code, body["error"]) == (status, error)
    assert set(body) == {"error", "error_description"}
    assert body["error_description"]
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.headers["WWW-Authenticate"]
    assert 'Bearer realm="Doorkeeper"' in told
    assert f'error="{error}"' in told
    assert "error_description=" in told
    return body


# --- the consent -----


def test_the_state_comes_back_as_it_was_sent(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.2: state is echoed back, whatever is in it; a code comes with it and nothing else."""
    back = _consent(web, sandbox, "authorize")
    assert set(back) == {"code", "state"}
    assert back["state"] == "st&te=1 ü"
    assert "state" not in _consent(web, sandbox, "authorize", state=None)


def test_a_denial_says_so(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.2: denial returns ?error=access_denied&error_description=...&state=..."""
    back = _consent(web, sandbox, "deny")
    assert (back["error"], back["state"]) == ("access_denied", "st&te=1 ü")
    assert back["error_description"]
    assert "code" not in back


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"response_type": "token"}, {"unsupported_response_type", "unauthorized_client"}),
        ({"response_type": None}, {"invalid_request"}),
        ({"scope": "events:everything"}, {"invalid_scope"}),
        ({"scope": "identity:read,events:read"}, {"invalid_scope"}),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
def test_a_wrong_question_is_sent_back_with_its_error(
    web: requests.Session, sandbox: SandboxProcess, changes: dict[str, str | None], errors: set[str]
) -> None:
    """1.2: response_type=code (implicit: no sign of it), scopes by name and space separated."""
    answer = web.get(sandbox.authorize_url, params=_asked(sandbox, **changes), allow_redirects=False, timeout=10)
    back = _back(answer)
    assert back["error"] in errors
    assert back["state"] == "st&te=1 ü"
    assert "code" not in back


@pytest.mark.parametrize("uri", ["{}/more", "{}?x=1", "https://evil.example/callback", "{}#x", "", None])
def test_a_redirect_uri_is_fixed(web: requests.Session, sandbox: SandboxProcess, uri: str | None) -> None:
    """1.2: Livestorm knows the redirect URL (fixed): to no other one is a browser sent."""
    known = sandbox.credentials()["redirect_uris"][0]
    params = _asked(sandbox, redirect_uri=None if uri is None else uri.format(known))
    answer = web.get(sandbox.authorize_url, params=params, allow_redirects=False, timeout=10)
    assert answer.status_code in (400, 401, 403, 422)
    assert "Location" not in answer.headers


# --- the token endpoint -----


def test_a_pair_has_the_documented_members(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.2: access_token, token_type, expires_in, refresh_token, scope, created_at (unix int); both grants."""
    uri = sandbox.credentials()["redirect_uris"][0]
    code = _consent(web, sandbox, "authorize")["code"]
    first = _token(web, sandbox, grant_type="authorization_code", code=code, redirect_uri=uri)
    second = _refresh(web, sandbox, first.json()["refresh_token"])
    for answer in (first, second):
        assert answer.status_code == 200
        assert {name: type(value) for name, value in answer.json().items()} == {
            "access_token": str, "token_type": str, "expires_in": int, "refresh_token": str, "scope": str,
            "created_at": int,
        }  # fmt: skip
        assert answer.json()["scope"] == "identity:read events:read"
        assert abs(answer.json()["created_at"] - sandbox.now()) < 60
    for name in ("access_token", "refresh_token"):
        assert first.json()[name] != second.json()[name]


@pytest.mark.parametrize("everything", [False, True])
def test_the_client_may_stand_in_the_query(web: requests.Session, sandbox: SandboxProcess, everything: bool) -> None:
    """1.2: client authentication by query string on the POST also works, be it alone or with all else there."""
    grant = {"grant_type": "refresh_token", "refresh_token": sandbox.grant()["refresh_token"]}
    query, form = (_client(sandbox) | grant, {}) if everything else (_client(sandbox), grant)
    assert web.post(sandbox.token_url, params=query, data=form, timeout=10).status_code == 200


@pytest.mark.parametrize("missing", ["grant_type", "code", "redirect_uri"])
def test_what_is_missing_is_named(web: requests.Session, sandbox: SandboxProcess, missing: str) -> None:
    """1.2: invalid_request with «Missing required parameter: X.»"""
    form = {
        "grant_type": "authorization_code", "code": _consent(web, sandbox, "authorize")["code"],
        "redirect_uri": sandbox.credentials()["redirect_uris"][0],
    }  # fmt: skip
    del form[missing]
    body = _assert_refused(_token(web, sandbox, **form), "invalid_request")
    assert f"Missing required parameter: {missing}." in body["error_description"]


@pytest.mark.parametrize(
    ("form", "error", "status"),
    [
        ({"grant_type": "client_credentials"}, {"unsupported_grant_type", "unauthorized_client"}, {400}),
        ({"grant_type": "implicit"}, {"unsupported_grant_type"}, {400}),
        ({"grant_type": "authorization_code", "code": "none", "redirect_uri": "{uri}"}, {"invalid_grant"}, {400}),
        ({"grant_type": "refresh_token", "refresh_token": "{access}"}, {"invalid_grant"}, {400}),
        ({"client_secret": "", "grant_type": "refresh_token", "refresh_token": "{refresh}"}, {"invalid_client"}, {401}),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
def test_the_token_endpoint_refuses(
    web: requests.Session, sandbox: SandboxProcess, form: dict[str, str], error: set[str], status: set[int]
) -> None:
    """1.2: the errors of the table; 400, but 401 for invalid_client; no password, implicit or client_credentials."""
    grant = sandbox.grant()
    known = {"uri": sandbox.credentials()["redirect_uris"][0]}
    known |= {"access": grant["access_token"], "refresh": grant["refresh_token"]}
    answer = _token(web, sandbox, **{name: value.format(**known) for name, value in form.items()})
    assert answer.status_code in status
    assert answer.json()["error"] in error
    _assert_refused(answer, answer.json()["error"], answer.status_code)


def test_the_token_endpoint_is_asked_by_post(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.2: the token URL takes POST, and a GET spends nothing."""
    refresh_token = sandbox.grant()["refresh_token"]
    params = _client(sandbox) | {"grant_type": "refresh_token", "refresh_token": refresh_token}
    assert web.get(sandbox.token_url, params=params, timeout=10).status_code in (404, 405)
    assert _refresh(web, sandbox, refresh_token).status_code == 200


# --- lives -----


def test_an_access_token_lives_as_long_as_expires_in_says(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.2: the lifetime is unknown, so always read expires_in; the token lives until then and no longer."""
    sandbox.configure(token_life=100)
    pair = _refresh(web, sandbox, sandbox.grant()["refresh_token"]).json()
    assert pair["expires_in"] == 100
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    found = []
    for seconds in (90, 20):
        sandbox.advance(seconds)
        found.append(web.get(f"{sandbox.api_url}/ping", headers=headers, timeout=10).status_code)
    assert found == [200, 401]


def test_a_refresh_token_has_no_expiry_of_its_own(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.2: Doorkeeper refresh tokens have no expiry: one that lay for more than a year is taken."""
    refresh_token = sandbox.grant()["refresh_token"]
    sandbox.advance(400 * DAY)
    assert _refresh(web, sandbox, refresh_token).status_code == 200


def test_a_private_token_outlives_every_access_token(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.1: an API token is no OAuth token: revoking and expiring those leaves it alone; it cannot refresh."""
    token = sandbox.credentials()["api_token"]
    sandbox.expire()
    sandbox.revoke()
    headers = {"Authorization": token}
    assert web.get(f"{sandbox.api_url}/ping", headers=headers, timeout=10).status_code == 200
    _assert_refused(_refresh(web, sandbox, token), "invalid_grant")


@pytest.mark.parametrize(("rotation", "wins"), [("strict", 1), ("grace", 4)])
def test_refreshing_at_once_is_serialised(sandbox: SandboxProcess, rotation: str, wins: int) -> None:
    """1.2: (a) the old refresh token is revoked at once, under a row lock; (b) it stays until the new one is used."""
    sandbox.configure(rotation=rotation)
    refresh_token, answers = sandbox.grant()["refresh_token"], []
    barrier = threading.Barrier(4)
    form = _client(sandbox) | {"grant_type": "refresh_token", "refresh_token": refresh_token}

    def ask() -> None:
        barrier.wait()
        answers.append(requests.post(sandbox.token_url, data=form, timeout=10))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] * wins + [400] * (4 - wins)
    assert {answer.json().get("error") for answer in answers if not answer.ok} <= {"invalid_grant"}


def test_a_pair_keeps_its_scope(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.2, 1.3: a refresh gives the scope that was consented to, and a wider one is invalid_scope."""
    narrow = sandbox.grant(scope="events:read")
    _assert_refused(
        _token(
            web, sandbox, grant_type="refresh_token", refresh_token=narrow["refresh_token"], scope=ALL_SCOPES
        ),
        "invalid_scope",
    )  # fmt: skip
    assert _refresh(web, sandbox, narrow["refresh_token"]).json()["scope"] == "events:read"


def test_a_strangers_revocation_ends_nothing(web: requests.Session, sandbox: SandboxProcess) -> None:
    """1.2: POST /oauth/revoke would be Doorkeeper's: no token is revoked for somebody with a wrong secret."""
    grant = sandbox.grant()
    form = _client(sandbox) | {"client_secret": "wrong", "token": grant["refresh_token"]}
    web.post(f"{sandbox.url}/oauth/revoke", data=form, timeout=10)
    assert _refresh(web, sandbox, grant["refresh_token"]).status_code == 200
