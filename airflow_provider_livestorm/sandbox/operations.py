"""Every operation of openapi.yaml: its path, whom it is for, what it takes, and what answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_livestorm.sandbox import bodies, people, reading, registering, team, writing
from airflow_provider_livestorm.sandbox.bodies import Document
from airflow_provider_livestorm.sandbox.service import Answer

__all__ = ["OPERATIONS", "Operation"]

_WINDOW = ("created_since", "created_until", "updated_since", "updated_until")
_SESSION_FILTERS = (*_WINDOW, "status", "date_from", "date_to", "include_breakout_rooms")
_ATTRIBUTE_FILTERS = ("builtin", "description", "name", "placeholder", "slug", "type", "user_id")


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: its operationId.
        path: below `/v1`, in Starlette's notation.
        scopes: of which the credential needs one; none for any live credential. Write includes read.
        takes: type and shape of the document that is sent; None for none.
        act: what answers; called with the ids of the path.
        others: parameters that are neither paging, filter nor include.
    """

    name: str
    method: str
    path: str
    scopes: tuple[str, ...]
    act: Callable[..., Answer]
    takes: tuple[str, type[Document[Any, Any]]] | None = None
    paged: bool = False
    filters: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


Act = Callable[..., Answer]


def _get(name: str, path: str, scope: str, act: Act, **more: Any) -> Operation:
    entity = scope.partition(":")[0]
    return Operation(name, "GET", path, (scope, f"{entity}:write") if scope else (), act, **more)


def _list(name: str, path: str, scope: str, act: Act, **more: Any) -> Operation:
    return _get(name, path, scope, act, paged=True, **more)


def _write(name: str, method: str, path: str, act: Act, kind: str = "", shape: Any = None, **more: Any) -> Operation:
    entity = {"users": "admin", "webhooks": "webhooks"}.get(path.split("/")[1], "events")
    return Operation(name, method, path, (f"{entity}:write",), act, (kind, shape) if kind else None, **more)


_EVENT, _SESSION = "/events/{event_id}", "/sessions/{session_id}"
_PERSON = _SESSION + "/people/{person_id}"
_NEW_EVENT = Document[bodies.EventIn, bodies.SessionsRelationships]
_EVENT_IN, _SESSION_IN = Document[bodies.EventIn, Any], Document[bodies.SessionIn, Any]
_NEW_SESSION = Document[bodies.SessionIn, bodies.SessionRelationships]
_TAG_IN, _PERSON_IN = Document[bodies.TagIn, Any], Document[bodies.PersonIn, Any]

OPERATIONS: tuple[Operation, ...] = (
    _get("ping", "/ping", "", reading.ping),
    _get("getMe", "/me", "identity:read", reading.me, includes=("organization",)),
    Operation(
        "getOrganization", "GET", "/organization", ("identity:read", "identity:write", "admin:read", "admin:write"),
        reading.organization, includes=("organization",),
    ),
    _list(
        "listEvents", "/events", "events:read", reading.events,
        filters=(*_WINDOW, "title", "everyone_can_speak", "scheduling_status", "tag"), includes=("sessions", "tags"),
    ),
    _write("createEvent", "POST", "/events", writing.create_event, "events", _NEW_EVENT),
    _get("getEvent", _EVENT, "events:read", reading.event, includes=("sessions", "tags")),
    _write("updateEvent", "PATCH", _EVENT, writing.update_event, "events", _EVENT_IN),
    _write("replaceEvent", "PUT", _EVENT, writing.update_event, "events", _EVENT_IN),
    _write("deleteEvent", "DELETE", _EVENT, writing.delete_event),
    _write("assignEventTag", "POST", _EVENT + "/tags", writing.assign_tag, "tags", _TAG_IN),
    _write("removeEventTag", "DELETE", _EVENT + "/tags", writing.remove_tag, "tags", _TAG_IN),
    _list("listEventPeople", _EVENT + "/people", "events:read", people.event_people, filters=("role", "email")),
    _get("getEventPerson", _EVENT + "/people/{person_id}", "events:read", people.event_person),
    _list(
        "listEventSessions", _EVENT + "/sessions", "events:read", reading.event_sessions,
        filters=_SESSION_FILTERS, includes=("event", "people"),
    ),
    _write("createEventSession", "POST", _EVENT + "/sessions", writing.create_session, "sessions", _NEW_SESSION),
    _list("listSessions", "/sessions", "events:read", reading.sessions, filters=_SESSION_FILTERS),
    _get("getSession", _SESSION, "events:read", reading.session, includes=("people", "event")),
    _write("updateSession", "PATCH", _SESSION, writing.update_session, "sessions", _SESSION_IN),
    _write("replaceSession", "PUT", _SESSION, writing.update_session, "sessions", _SESSION_IN),
    _write("deleteSession", "DELETE", _SESSION, writing.delete_session),
    _list(
        "listSessionPeople", _SESSION + "/people", "events:read", people.session_people,
        filters=(*_WINDOW, "role", "attended", "email"), includes=("event", "session", "people"),
    ),
    _write("registerSessionPerson", "POST", _SESSION + "/people", registering.register, "people", _PERSON_IN),
    _write(
        "unregisterSessionPersonByEmail", "DELETE", _SESSION + "/people", registering.unregister_by_email,
        filters=("email",),
    ),
    _get("getSessionPerson", _PERSON, "events:read", people.session_person),
    _write("updateSessionPerson", "PATCH", _PERSON, registering.update, "people", _PERSON_IN),
    _write("unregisterSessionPerson", "DELETE", _PERSON, registering.unregister),
    _write(
        "bulkRegisterSessionPeople", "POST", _SESSION + "/people/bulk", registering.bulk, "jobs",
        Document[bodies.JobIn, Any],
    ),
    _list(
        "listSessionChatMessages", _SESSION + "/chat_messages", "events:read", people.chat_messages,
        includes=("author",),
    ),
    _list(
        "listSessionQuestions", _SESSION + "/questions", "events:read", people.questions,
        includes=("asker", "responder"),
    ),
    _list(
        "listSessionRecordings", _SESSION + "/recordings", "events:read", people.recordings,
        others=("url_expires_in",),
    ),
    _list("listPeople", "/people", "events:read", people.people, filters=("role", "email")),
    _get("getPerson", "/people/{person_id}", "events:read", people.person),
    _list(
        "listPeopleAttributes", "/people_attributes", "events:read", people.attributes,
        filters=_ATTRIBUTE_FILTERS, others=("sort",),
    ),
    _get("getJob", "/jobs/{job_id}", "events:read", registering.job),
    # Not paged: any parameter of paging breaks it (api.md 9), and `job_tasks` is told of them.
    _get(
        "listJobTasks", "/jobs/{job_id}/tasks", "events:read", registering.job_tasks,
        others=("page[number]", "page[size]"),
    ),
    _list("listUsers", "/users", "admin:read", team.users, filters=("pending_invite", "role", "email")),
    _write("inviteUser", "POST", "/users", team.invite_user, "users", Document[bodies.UserIn, Any]),
    _write("deleteUser", "DELETE", "/users/{user_id}", team.delete_user),
    _list("listWebhooks", "/webhooks", "webhooks:read", team.webhooks, filters=("event",)),
    _write("createWebhook", "POST", "/webhooks", team.create_webhook, "webhooks", Document[bodies.WebhookIn, Any]),
    _write("deleteWebhook", "DELETE", "/webhooks/{webhook_id}", team.delete_webhook),
)  # fmt: skip
