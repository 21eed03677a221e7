"""What is read of the workspace itself, its events and its sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_livestorm.sandbox.documents import identifier, scheduling_status, tag
from airflow_provider_livestorm.sandbox.queries import bound, moment, page
from airflow_provider_livestorm.sandbox.service import Answer, Call, Service
from airflow_provider_livestorm.sandbox.world import Event, Registration, Resource, Session

__all__ = ["event", "event_document", "event_sessions", "events", "me", "organization", "ping", "session", "sessions"]

SESSION_STATUSES = ("upcoming", "live", "on_demand", "past", "past_not_started", "canceled", "draft")
SCHEDULING_STATUSES = (
    "live", "upcoming", "on_demand", "ended", "not_started", "draft", "cancelled", "not_scheduled",
)  # fmt: skip
_INCLUDED_PEOPLE = 50  # where include=people is cut


def ping(_: Service, __: Call) -> Answer:
    """Nothing: an empty body."""
    return Answer(None)


def me(service: Service, call: Call) -> Answer:
    """`users` for OAuth, `organizations` for an API token (api.md 6.6)."""
    whole = service.workspace.organization
    if call.user is None:
        return Answer({"data": whole})
    document: Resource = {"data": service.documents.user(call.user, whole)}
    if "organization" in call.query.include:
        document["included"] = [whole]
    return Answer(document)


def organization(service: Service, call: Call) -> Answer:
    """The workspace; one source got the form of /me from it (api.md 6.6)."""
    if call.user is not None and service.settings.organization_form == "users":
        return me(service, call)
    call.query.refuse_include()
    return Answer({"data": service.workspace.organization})


# --- events -----


def events(service: Service, call: Call) -> Answer:
    """The list of events."""
    query, documents = call.query, service.documents
    title, wanted = query.filters.get("title"), query.filters.get("tag")
    speak, status = query.flag("everyone_can_speak"), query.choice("scheduling_status", SCHEDULING_STATUSES)
    tags = {name.strip().lower() for name in wanted.split(",")} if wanted is not None else None
    window = query.window(service.settings, _created_at, documents.event_updated_at)
    found = [
        one
        for one in service.workspace.events.values()
        if (title is None or title.lower() in one.attributes["title"].lower())
        and (tags is None or tags & {name.lower() for name in one.tags})
        and (speak is None or one.attributes["everyone_can_speak"] is speak)
        and (status is None or scheduling_status(one) == status)
        and all(passes(one) for passes in window)
    ]
    document, shown = page(found, documents.event, query, service.settings)
    _include_in_events(service, document, document["data"], shown, query.include)
    return Answer(document)


def event(service: Service, call: Call, event_id: str) -> Answer:
    """One event."""
    return Answer(event_document(service, service.event(event_id), call.query.include))


def event_document(service: Service, one: Event, include: Sequence[str] = ()) -> Resource:
    """An event's document with what is included."""
    document: Resource = {"data": service.documents.event(one)}
    _include_in_events(service, document, [document["data"]], [one], include)
    return document


def _created_at(one: Event) -> int:
    created: int = one.attributes["created_at"]
    return created


def _include_in_events(
    service: Service, document: Resource, rows: list[Resource], shown: Sequence[Event], include: Sequence[str]
) -> None:
    if not include:
        return
    included: dict[str, Resource] = {}
    for row, one in zip(rows, shown, strict=True):
        related: dict[str, list[Resource]] = {}
        if "sessions" in include:
            related["sessions"] = [service.documents.session(each) for each in one.sessions]
        if "tags" in include:
            related["tags"] = [tag(title) for title in one.tags]
        row["relationships"] = {name: {"data": [identifier(each) for each in many]} for name, many in related.items()}
        included |= {each["id"]: each for many in related.values() for each in many}
    document["included"] = list(included.values())


# --- sessions -----


def sessions(service: Service, call: Call) -> Answer:
    """The list of all sessions."""
    document, _ = _session_page(service, call, service.workspace.sessions.values())
    return Answer(document)


def event_sessions(service: Service, call: Call, event_id: str) -> Answer:
    """The sessions of one event."""
    document, shown = _session_page(service, call, service.event(event_id).sessions)
    _include_in_sessions(service, document, document["data"], shown, call.query.include)
    return Answer(document)


def session(service: Service, call: Call, session_id: str) -> Answer:
    """One session."""
    one = service.session(session_id)
    document: Resource = {"data": service.documents.session(one)}
    _include_in_sessions(service, document, [document["data"]], [one], call.query.include)
    return Answer(document)


def _session_page(service: Service, call: Call, among: Iterable[Session]) -> tuple[Resource, Sequence[Session]]:
    query, settings = call.query, service.settings
    status, rooms = query.choice("status", SESSION_STATUSES), query.flag("include_breakout_rooms")
    if rooms is None:
        rooms = settings.breakout_rooms == "shown"
    passing = query.window(settings, lambda one: one.created_at, service.documents.session_updated_at)
    for name, sign in (("date_from", 1), ("date_to", -1)):
        if name in query.filters:
            limit = moment(name, query.filters[name])
            passing.append(bound(lambda one: one.start, sign, limit, settings))
    found = [
        one
        for one in among
        if (rooms or one.parent is None)
        and (status is None or one.status == status)
        and all(passes(one) for passes in passing)
    ]
    return page(found, service.documents.session, query, settings)


def _include_in_sessions(
    service: Service, document: Resource, rows: list[Resource], shown: Sequence[Session], include: Sequence[str]
) -> None:
    if not include:
        return
    included: dict[tuple[str, str], Resource] = {}
    for row, one in zip(rows, shown, strict=True):
        row["relationships"] = {}
        if "event" in include:
            parent = service.documents.event(one.event)
            included["events", parent["id"]] = parent
            row["relationships"]["event"] = {"data": identifier(parent)}
        if "people" in include:
            people = [service.documents.registration(each) for each in _told(service, one)]
            # JSON:API has one resource for one type and id; so a person of two sessions comes once.
            included |= {("people", person["id"]): person for person in people}
            row["relationships"]["people"] = {"data": [identifier(person) for person in people]}
    document["included"] = list(included.values())


def _told(service: Service, one: Session) -> list[Registration]:
    """Whether a session brings all its people is not known (api.md 8)."""
    people = list(one.people.values())
    return people if service.settings.included_people == "complete" else people[:_INCLUDED_PEOPLE]
