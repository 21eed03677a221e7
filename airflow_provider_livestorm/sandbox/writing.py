"""What callers change of events and sessions."""

from __future__ import annotations

import copy
import re
from typing import Any

from msgspec import UnsetType

from airflow_provider_livestorm.sandbox.bodies import (
    Data,
    EventIn,
    NewSession,
    PersonLink,
    SessionIn,
    SessionRelationships,
    SessionsRelationships,
    TagIn,
    local_time,
    sent,
)
from airflow_provider_livestorm.sandbox.documents import identifier, tag
from airflow_provider_livestorm.sandbox.errors import ApiError, broken, not_found
from airflow_provider_livestorm.sandbox.makers import owner_of
from airflow_provider_livestorm.sandbox.reading import event_document
from airflow_provider_livestorm.sandbox.registering import refuse_more_contacts
from airflow_provider_livestorm.sandbox.service import Answer, Call, Service
from airflow_provider_livestorm.sandbox.world import Event, Person, Resource, Session

__all__ = [
    "assign_tag",
    "create_event",
    "create_session",
    "delete_event",
    "delete_session",
    "remove_tag",
    "update_event",
    "update_session",
]


# --- events -----


def create_event(service: Service, call: Call) -> Answer:
    """A new event, a copy of another or not, with its first sessions."""
    data: Data[EventIn, SessionsRelationships] = call.body
    told, workspace = sent(data.attributes), service.workspace
    template = told.pop("copy_from_event_id", None)
    source = workspace.events.get(str(template)) if template is not None else None
    if template is not None and source is None:
        raise broken("The event to copy from could not be found")
    if source is None and not told.get("title"):
        raise broken("Title can't be blank")
    owner = call.user or next(iter(workspace.users.values()))
    event = service.maker.event(1, call.now, [owner], draft=True)  # the plainest form: its fields cannot be sent
    event.by_caller = True
    own = {"status", "published_at", "created_at", "updated_at", "slug", "registration_link"}
    if source is not None:
        event.attributes |= {name: copy.deepcopy(v) for name, v in source.attributes.items() if name not in own}
        event.tags = list(source.tags)
    else:
        event.attributes |= {"title": told["title"], "description": None}
        event.tags = []
    slug = re.sub(r"[^a-z0-9]+", "-", (told.get("title") or event.attributes["title"]).lower()).strip("-")
    told.setdefault("slug", f"{slug}-{event.id[:8]}")
    event.attributes["published_at"] = 0
    event.sessions_changed_at = call.now
    changes = _event_changes(service, event, told)
    sessions = [] if isinstance(data.relationships, UnsetType) else data.relationships.sessions
    planned = [] if isinstance(sessions, UnsetType) else [_new_session(service, call, event, one) for one in sessions]
    workspace.add_event(event)
    _apply(service, event, changes, call.now)
    event.attributes["updated_at"] = call.now
    for session in planned:
        _open(service, session)
    return Answer(event_document(service, event, ("sessions",)), 201)


def update_event(service: Service, call: Call, event_id: str) -> Answer:
    """Change some attributes; PUT has the same fields and is told to be full, but which it requires is not."""
    event = service.event(event_id)
    told = sent(call.body.attributes)
    told.pop("copy_from_event_id", None)
    _apply(service, event, _event_changes(service, event, told), call.now)
    return Answer(event_document(service, event))


def delete_event(service: Service, call: Call, event_id: str) -> Answer:
    """Gone, with its sessions."""
    service.workspace.remove_event(service.event(event_id), call.now)
    return Answer(None, 204)


def _event_changes(service: Service, event: Event, told: dict[str, Any]) -> dict[str, Any]:
    """What the sent attributes change, checked; nothing is changed yet."""
    workspace, changes = service.workspace, dict(told)
    owner = changes.pop("owner_id", None)
    if owner is not None:
        if str(owner) not in workspace.users:
            raise broken("Team member not found")
        changes["owner"] = owner_of(workspace.users[str(owner)])
    if "title" in changes and not changes["title"].strip():
        raise broken("Title can't be blank")
    if "slug" in changes:
        slug = changes["slug"]
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
            raise broken("Slug takes small letters, digits and hyphens")
        taken = any(one is not event and one.attributes["slug"] == slug for one in workspace.events.values())
        if taken:
            raise broken("Slug has already been taken")
        changes["registration_link"] = f"https://app.livestorm.co/sandbox/{slug}"
    return changes


def _apply(service: Service, event: Event, changes: dict[str, Any], now: int) -> None:
    before = event.attributes["status"]
    event.attributes |= changes
    after = event.attributes["status"]
    if not changes:
        return
    event.attributes["updated_at"] = now
    if (before, after) == ("draft", "published"):
        event.attributes["published_at"] = now
        for session in event.sessions:
            if session.status == "draft":
                service.workspace.touch_session(session, now)
                _plan(service, session, now)
        service.workspace.heard("event.published", event, now)
    elif (before, after) == ("published", "draft"):
        event.attributes["published_at"] = 0
        for session in event.sessions:
            if session.status == "upcoming":
                session.status = "draft"
                service.workspace.touch_session(session, now)


def _plan(service: Service, session: Session, now: int) -> None:
    """Let a session be held at its time; one whose time had passed when it was made, nobody held."""
    session.status = "upcoming" if session.start > now else "past_not_started"
    if session.start > now:
        service.life.expect(session)


# --- tags -----


def assign_tag(service: Service, call: Call, event_id: str) -> Answer:
    """Give an event a tag; one that it has stays."""
    event, title = service.event(event_id), _title(call)
    if title.lower() not in (one.lower() for one in event.tags):
        event.tags.append(title)
    return Answer({"data": tag(title)}, 201)


def remove_tag(service: Service, call: Call, event_id: str) -> Answer:
    """Take a tag from an event; the tag stays in the workspace."""
    event, title = service.event(event_id), _title(call)
    left = [one for one in event.tags if one.lower() != title.lower()]
    if len(left) == len(event.tags):
        raise not_found()
    event.tags[:] = left
    return Answer(None, 204)


def _title(call: Call) -> str:
    attributes: TagIn | UnsetType = call.body.attributes
    title = "" if isinstance(attributes, UnsetType) else attributes.title.strip()
    if not title:
        raise ApiError(400, "Bad request", "title is missing")
    return title


# --- sessions -----


def create_session(service: Service, call: Call, event_id: str) -> Answer:
    """A new session of an event, with people in it from the start."""
    data: Data[SessionIn, SessionRelationships] = call.body
    event = service.event(event_id)
    links = [] if isinstance(data.relationships, UnsetType) else data.relationships.people
    wanted = [] if isinstance(links, UnsetType) else [one.data for one in links]
    people = [_linked(service, one) for one in wanted if not isinstance(one, UnsetType)]
    session = _new_session(service, call, event, NewSession("sessions", data.attributes))
    _open(service, session)
    for person in people:
        if person.id not in session.people:
            refuse_more_contacts(service, person, call.now)
            service.workspace.register(service.maker.registration(session, person, call.now))
    document: Resource = {"data": service.documents.session(session)}
    told = [service.documents.registration(one) for one in session.people.values()]
    document["data"]["relationships"] = {"people": {"data": [identifier(one) for one in told]}}
    document["included"] = told
    return Answer(document, 201)


def update_session(service: Service, call: Call, session_id: str) -> Answer:
    """Change when it is, its name, its embedded page."""
    session, told = service.session(session_id), sent(call.body.attributes)
    zone = told.get("timezone", session.timezone)
    if "estimated_started_at" in told or "timezone" in told:
        start = local_time(told.get("estimated_started_at", "2000-01-01 00:00:00"), zone)  # the zone is checked as well
        if "estimated_started_at" in told:
            if session.status not in ("upcoming", "draft", "on_demand"):
                raise broken("The session has started or was canceled")
            if session.status == "upcoming" and start <= call.now:
                raise broken("estimated_started_at must be in the future")
            service.life.move(session, start, call.now)
    session.timezone = zone
    session.name = told.get("name", session.name)
    session.embed_url = told.get("embed_url", session.embed_url)
    if told:
        service.workspace.touch_session(session, call.now)
    return Answer({"data": service.documents.session(session)})


def delete_session(service: Service, call: Call, session_id: str) -> Answer:
    """Gone, with its registrations."""
    service.workspace.remove_session(service.session(session_id), call.now)
    return Answer(None, 204)


def _new_session(service: Service, call: Call, event: Event, wanted: NewSession) -> Session:
    told = sent(wanted.attributes)
    if "estimated_started_at" not in told or "timezone" not in told:
        raise broken("estimated_started_at and timezone can't be blank")
    if not isinstance(wanted.type, UnsetType) and wanted.type != "sessions":
        raise ApiError(400, "Bad request", "type must be sessions")
    start = local_time(told["estimated_started_at"], told["timezone"])
    status = "draft" if event.attributes["status"] == "draft" else "upcoming"
    session = service.maker.session(event, start, call.now, status)
    session.by_caller = True
    session.timezone, session.name, session.embed_url = told["timezone"], told.get("name"), told.get("embed_url")
    return session


def _open(service: Service, session: Session) -> None:
    service.workspace.add_session(session)
    if session.event.attributes["status"] == "published":
        _plan(service, session, session.created_at)


def _linked(service: Service, link: PersonLink) -> Person:
    person = service.workspace.people.get(str(link.id))
    if link.type != "people":
        raise ApiError(400, "Bad request", "type must be people")
    if person is None or (link.role == "team_member" and person.role != "team_member"):
        raise broken("Team member not found" if link.role == "team_member" else "The person could not be found")
    return person
