"""The sandbox's answers, held against docs/livestorm/openapi.yaml by schemathesis.

Every operation of the description is called with made-up parameters and documents, good and bad, about records that
exist and about such as do not; each answer must have a status, headers and a body that the description knows, and what
the description forbids must be refused.
"""

from __future__ import annotations

import pathlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.failures import Failure

from airflow_provider_livestorm.sandbox.doorkeeper import SCOPES
from airflow_provider_livestorm.sandbox.operations import OPERATIONS
from airflow_provider_livestorm.sandbox.process import SandboxProcess

DESCRIPTION = pathlib.Path(__file__).parents[2] / "docs" / "livestorm" / "openapi.yaml"
schema = schemathesis.openapi.from_path(str(DESCRIPTION)).exclude(operation_id=["oauthToken", "oauthAuthorize"])
DESCRIBED = {one.ok().definition.raw["operationId"]: one.ok() for one in schema.get_all_operations()}

BEYOND_THE_SCHEMA = [
    # Valid by the schema and refused by the facts: a page past the last, a title that is blank, a person who is
    # registered already (api.md 2.1, 4).
    schemathesis.checks.CHECKS.get_one("positive_data_acceptance"),
    # Rails has no route for another method and says 404; the facts do not tell.
    schemathesis.checks.CHECKS.get_one("unsupported_method"),
]
Ids = dict[str, str]


class World:
    """A sandbox without limits (schemathesis is in a hurry), and the ids of what is in it."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        grant = sandbox.grant(scope=" ".join(SCOPES))
        self.headers = {"Authorization": f"Bearer {grant['access_token']}"}
        person = sandbox.truth("session_people")[0]
        upcoming = next(one for one in sandbox.truth("sessions") if one["attributes"]["status"] == "upcoming")
        job = {
            "data": {"type": "jobs", "attributes": {"tasks": [{"fields": [{"id": "email", "value": "a@b.example"}]}]}}
        }
        webhook = {"data": {"type": "webhooks", "attributes": {"url": "https://a.example/", "event": "event.created"}}}
        self.ids: Ids = {
            "session_id": person["session_id"],
            "person_id": person["id"],
            "event_id": person["attributes"]["registrant_detail"]["event_id"],
            "user_id": sandbox.truth("users")[-1]["id"],
            "job_id": self.call("POST", f"/sessions/{upcoming['id']}/people/bulk", job).json()["data"]["id"],
            "webhook_id": self.call("POST", "/webhooks", webhook).json()["data"]["id"],
        }
        self.upcoming = upcoming
        sandbox.advance(1)  # the job is done

    def call(self, method: str, path: str, document: Any = None, **params: Any) -> requests.Response:
        return requests.request(
            method, f"{self.sandbox.api_url}{path}", json=document, params=params, headers=self.headers, timeout=10
        )

    def known(self, path: str) -> Ids:
        """The ids that a path of the description wants."""
        own = {"/events": "event_id", "/sessions": "session_id", "/people": "person_id", "/users": "user_id"}
        own |= {"/jobs": "job_id", "/webhooks": "webhook_id"}
        first = next(name for prefix, name in own.items() if path.startswith(prefix))
        return {"id": self.ids[first], **self.ids}


def made() -> SandboxProcess:
    return SandboxProcess(preset="tiny", interval_limit=0, monthly_limit=0, person_update_delay=0)


@pytest.fixture(scope="module")
def unchanged() -> Iterator[World]:
    """The one that all reads share."""
    with made() as sandbox:
        yield World(sandbox)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world of the test's own where its operation writes: some delete."""
    operation = getattr(request.node, "operation_label", None)  # of schemathesis, as `GET /events`
    if operation is None and hasattr(request.node, "callspec"):
        operation = request.node.callspec.params["operation"].method
    if operation is not None and operation.startswith("GET"):
        yield request.getfixturevalue("unchanged")
        return
    with made() as sandbox:
        yield World(sandbox)


def test_the_sandbox_has_every_operation_of_the_description_and_no_other() -> None:
    assert sorted(one.name for one in OPERATIONS) == sorted(DESCRIBED)
    assert len(OPERATIONS) == 41
    for one in OPERATIONS:
        described = DESCRIBED[one.name]
        assert one.method == described.method.upper(), one.name
        assert one.path.count("{") == described.path.count("{"), one.name
        (scopes,) = (entry["oauth2"] for entry in described.definition.raw["security"] if "oauth2" in entry)
        assert list(one.scopes[:1]) == scopes, one.name


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_answers_fit_the_description(case: Any, world: World) -> None:
    if case.path_parameters and case.meta.generation.mode == schemathesis.GenerationMode.POSITIVE:
        # Made-up ids find nothing: every other case is about something that exists.
        known = world.known(case.operation.path)
        if zlib.crc32(f"{case.query}{case.body}".encode()) % 2:
            case.path_parameters = {name: known[name] for name in case.path_parameters}
    answer = case.call(base_url=world.sandbox.api_url, headers=world.headers)
    case.validate_response(answer, excluded_checks=BEYOND_THE_SCHEMA)


def document(kind: str, **attributes: Any) -> Any:
    return {"data": {"type": kind, "attributes": attributes}}


WRITES: dict[str, tuple[Callable[[World], Any], int]] = {
    "createEvent": (
        lambda _: {
            "data": {
                "type": "events",
                "attributes": {"title": "New"},
                "relationships": {
                    "sessions": [
                        {
                            "type": "sessions",
                            "attributes": {"estimated_started_at": "2027-01-12 10:00:00", "timezone": "Europe/Paris"},
                        }
                    ]
                },
            }
        },
        201,
    ),
    "updateEvent": (lambda _: document("events", title="Other"), 200),
    "replaceEvent": (lambda _: document("events", title="Other"), 200),
    "deleteEvent": (lambda _: None, 204),
    "assignEventTag": (lambda _: document("tags", title="fresh"), 201),
    "removeEventTag": (
        lambda world: document("tags", title=next(
            one["attributes"]["title"] for one in world.sandbox.truth("event_tags")
            if one["event_id"] == world.ids["event_id"]
        )),
        204,
    ),
    "createEventSession": (
        lambda world: {
            "data": {
                "type": "sessions",
                "attributes": {"estimated_started_at": "2027-01-12 10:00:00", "timezone": "Europe/Paris"},
                "relationships": {"people": [{"data": {"type": "people", "id": world.ids["person_id"]}}]},
            }
        },
        201,
    ),
    "updateSession": (lambda _: document("sessions", name="Other"), 200),
    "replaceSession": (lambda _: document("sessions", name="Other"), 200),
    "deleteSession": (lambda _: None, 204),
    "registerSessionPerson": (lambda _: document("people", fields=[{"id": "email", "value": "new@p.example"}]), 201),
    "updateSessionPerson": (lambda _: document("people", fields=[{"id": "first_name", "value": "Ada"}]), 200),
    "unregisterSessionPerson": (lambda _: None, 204),
    "unregisterSessionPersonByEmail": (lambda _: None, 204),
    "bulkRegisterSessionPeople": (
        lambda _: document("jobs", tasks=[{"fields": [{"id": "email", "value": "bulk@p.example"}]}]), 202,
    ),
    "inviteUser": (lambda _: document("users", email="colleague@sandbox.example", role="moderator"), 201),
    "deleteUser": (lambda _: None, 204),
    "createWebhook": (lambda _: document("webhooks", url="https://a.example/hook", event="session.ended"), 201),
    "deleteWebhook": (lambda _: None, 204),
}  # fmt: skip


# What must be set for an include that only some sources know.
SWITCHES = {
    ("listSessionPeople", "people"): {"people_includes": "people"},
    ("listSessionChatMessages", "author"): {"chat_include": "author"},
}
BEYOND = {
    ("listSessionPeople", "event,session,people"),  # no position takes them together
    ("getOrganization", "organization"),  # the `users` form, which api.md 6.6 tells of and openapi.yaml does not
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_answers_about_records_that_exist_fit_the_description(operation: Any, world: World) -> None:
    """Each operation succeeds, with every include that it has."""
    write, status = WRITES.get(operation.name, (lambda _: None, 200))
    path = operation.path.format(**world.ids)
    if operation.name == "registerSessionPerson":
        path = f"/sessions/{world.upcoming['id']}/people"
    params = {}
    if operation.name == "unregisterSessionPersonByEmail":
        person = next(one for one in world.sandbox.truth("people") if one["id"] == world.ids["person_id"])
        params = {"filter[email]": person["attributes"]["email"]}
    for include in ("", *operation.includes, *[",".join(operation.includes)][: len(operation.includes)]):
        if (operation.name, include) in BEYOND:
            continue
        world.sandbox.configure(**SWITCHES.get((operation.name, include), {"people_includes": "parents"}))
        answer = world.call(operation.method, path, write(world), **params, **({"include": include} if include else {}))
        assert answer.status_code == status, f"{path} {include}: {answer.text}"
        DESCRIBED[operation.name].validate_response(answer)
        assert (status == 204) == (answer.content == b"") or operation.name == "ping"


def test_broken_answers_would_be_caught(world: World) -> None:
    described = DESCRIBED["listEvents"]
    whole = world.call("GET", "/events")
    described.validate_response(whole)
    for right, wrong in (
        ('"sessions_count":2', '"sessions_count":"two"'),
        ('"record_count":6,', ""),
        ('"meta"', '"mate"'),
    ):
        answer = world.call("GET", "/events")
        answer._content = whole.text.replace(right, wrong).encode()
        assert answer.content != whole.content, right
        with pytest.raises(Failure):
            described.validate_response(answer)
    world.sandbox.add_fault(path_prefix="/v1/events", body="invalid-json")
    with pytest.raises(Failure):
        described.validate_response(world.call("GET", "/events"))


def test_the_token_endpoints_answers_fit_the_description(world: World) -> None:
    oauth = schemathesis.openapi.from_path(str(DESCRIPTION)).include(operation_id="oauthToken")
    described = next(one.ok() for one in oauth.get_all_operations())
    sandbox = world.sandbox
    grant = sandbox.grant()
    client = {name: grant[name] for name in ("client_id", "client_secret")}
    good = client | {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]}
    for form, status in ((good, 200), (good, 400), (good | {"client_secret": "wrong"}, 401)):
        answer = requests.post(sandbox.token_url, data=form, timeout=10)
        assert answer.status_code == status
        described.validate_response(answer)
