"""Every operation asks for its scope, of both kinds of credentials (docs/livestorm/api.md 1.3)."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_livestorm.sandbox.doorkeeper import SCOPES
from airflow_provider_livestorm.sandbox.operations import OPERATIONS, Operation
from airflow_provider_livestorm.sandbox.process import SandboxProcess

UUID = "00000000-0000-4000-8000-000000000000"
SCOPED = [one for one in OPERATIONS if one.scopes]


def call(sandbox: SandboxProcess, operation: Operation, authorization: str) -> requests.Response:
    """About a record that does not exist, and with no document: whoever has the scope gets as far as 400 or 404."""
    path = operation.path.format(
        **dict.fromkeys(("event_id", "session_id", "person_id", "job_id", "user_id", "webhook_id"), UUID)
    )
    return requests.request(
        operation.method, f"{sandbox.api_url}{path}", headers={"Authorization": authorization}, timeout=10
    )


def all_but(scopes: tuple[str, ...]) -> str:
    """All scopes but these, and but those that include them."""
    entities = {scope.partition(":")[0] for scope in scopes}
    if all(scope.endswith(":write") for scope in scopes):  # reading alone is too little
        return " ".join(scope for scope in SCOPES if scope not in scopes)
    return " ".join(scope for scope in SCOPES if scope.partition(":")[0] not in entities)


@pytest.mark.parametrize("operation", SCOPED, ids=lambda one: one.name)
def test_an_access_token_without_the_scope_is_refused_by_name(sandbox: SandboxProcess, operation: Operation) -> None:
    lacking = sandbox.grant(all_but(operation.scopes))["access_token"]
    answer = call(sandbox, operation, f"Bearer {lacking}")
    assert answer.status_code == 403
    assert answer.content == b""
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert operation.scopes[0] in challenge
    sandbox.configure(missing_scope=401)
    assert call(sandbox, operation, f"Bearer {lacking}").status_code == 401


@pytest.mark.parametrize("operation", SCOPED, ids=lambda one: one.name)
def test_a_private_token_without_the_scope_is_refused_without_a_word(
    sandbox: SandboxProcess, operation: Operation
) -> None:
    answer = call(sandbox, operation, sandbox.make_api_token(all_but(operation.scopes)))
    assert (answer.status_code, answer.content) == (403, b"")
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("operation", SCOPED, ids=lambda one: one.name)
def test_each_scope_that_covers_it_is_enough_alone(sandbox: SandboxProcess, operation: Operation) -> None:
    for scope in operation.scopes:
        for authorization in (f"Bearer {sandbox.grant(scope)['access_token']}", sandbox.make_api_token(scope)):
            assert call(sandbox, operation, authorization).status_code in (200, 400, 404), scope


def test_writing_includes_reading_and_reading_no_writing() -> None:
    for one in SCOPED:
        entities = {scope.partition(":")[0] for scope in one.scopes}
        wanted = {f"{entity}:write" for entity in entities}
        if one.method == "GET":
            wanted |= {f"{entity}:read" for entity in entities}
        assert set(one.scopes) == wanted, one.name


def test_ping_wants_a_live_token_and_nothing_more(sandbox: SandboxProcess) -> None:
    for scope in SCOPES:
        token = sandbox.grant(scope)["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{sandbox.api_url}/ping", headers=headers, timeout=10).ok
    assert requests.get(f"{sandbox.api_url}/ping", timeout=10).status_code == 401
