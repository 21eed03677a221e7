"""The sandbox's answers, held against docs/livestorm/openapi.yaml by schemathesis.

Every operation that the sandbox has is called with made-up parameters, good and bad; each answer must have a status,
headers and a body that the description knows, and bad parameters must be refused.
"""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.failures import Failure

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.resources import OPERATIONS

DESCRIPTION = pathlib.Path(__file__).parents[2] / "docs" / "livestorm" / "openapi.yaml"
schema = schemathesis.openapi.from_path(str(DESCRIPTION)).include(operation_id=[one.name for one in OPERATIONS])


BEYOND_THE_SCHEMA = [
    # A page past the last is valid by the schema, and refused with 400 by the facts (api.md 2.1).
    schemathesis.checks.CHECKS.get_one("positive_data_acceptance"),
    # Rails has no route for another method and says 404; the facts do not tell.
    schemathesis.checks.CHECKS.get_one("unsupported_method"),
]


@pytest.fixture(scope="module")
def sandbox() -> Any:
    """Without limits: schemathesis is in a hurry."""
    with SandboxProcess(preset="tiny", interval_limit=0, monthly_limit=0) as process:
        process.bearer = f"Bearer {process.grant()['access_token']}"
        yield process


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_every_operation_of_the_sandbox_is_in_the_description(operation: Any) -> None:
    described = {one.ok().definition.raw["operationId"] for one in schema.get_all_operations()}
    assert operation.name in described


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_answers_fit_the_description(case: Any, sandbox: SandboxProcess) -> None:
    answer = case.call(base_url=sandbox.api_url, headers={"Authorization": sandbox.bearer})  # type: ignore[attr-defined]
    case.validate_response(answer, excluded_checks=BEYOND_THE_SCHEMA)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_answers_about_records_that_exist_fit_the_description(operation: Any, sandbox: SandboxProcess) -> None:
    """Made-up ids find nothing; here each operation answers 200, with every include that it has."""
    person = sandbox.truth("session_people")[0]
    event = sandbox.truth("events")[0]["id"]
    path = operation.path.format(event_id=event, session_id=person["session_id"], person_id=person["id"])
    described = next(
        one.ok() for one in schema.get_all_operations() if one.ok().definition.raw["operationId"] == operation.name
    )
    for include in ("", *operation.includes, ",".join(operation.includes)):
        answer = requests.get(
            f"{sandbox.api_url}{path}",
            params={"include": include} if include else None,
            headers={"Authorization": sandbox.bearer},  # type: ignore[attr-defined]
            timeout=10,
        )
        assert answer.status_code == 200, f"{path} {include}: {answer.text}"
        described.validate_response(answer)


def test_broken_answers_would_be_caught(sandbox: SandboxProcess) -> None:
    described = next(
        one.ok() for one in schema.get_all_operations() if one.ok().definition.raw["operationId"] == "listEvents"
    )
    headers = {"Authorization": sandbox.bearer}  # type: ignore[attr-defined]

    def get() -> requests.Response:
        return requests.get(f"{sandbox.api_url}/events", headers=headers, timeout=10)

    whole = get()
    described.validate_response(whole)
    for right, wrong in (
        ('"sessions_count":2', '"sessions_count":"two"'),
        ('"record_count":6,', ""),
        ('"meta"', '"mate"'),
    ):
        answer = get()
        answer._content = whole.text.replace(right, wrong).encode()
        assert answer.content != whole.content, right
        with pytest.raises(Failure):
            described.validate_response(answer)
    sandbox.add_fault(path_prefix="/v1/events", body="invalid-json")
    with pytest.raises(Failure):
        described.validate_response(get())


def test_the_token_endpoints_answers_fit_the_description(sandbox: SandboxProcess) -> None:
    oauth = schemathesis.openapi.from_path(str(DESCRIPTION)).include(operation_id="oauthToken")
    described = next(one.ok() for one in oauth.get_all_operations())
    grant = sandbox.grant()
    client = {name: grant[name] for name in ("client_id", "client_secret")}
    good = client | {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]}
    for form, status in ((good, 200), (good, 400), (good | {"client_secret": "wrong"}, 401)):
        answer = requests.post(sandbox.token_url, data=form, timeout=10)
        assert answer.status_code == status
        described.validate_response(answer)
