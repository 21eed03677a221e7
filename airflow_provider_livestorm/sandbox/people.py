"""What is read of people: of a session, of an event, of the workspace; and what they said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from airflow_provider_livestorm.sandbox.documents import identifier
from airflow_provider_livestorm.sandbox.errors import ApiError
from airflow_provider_livestorm.sandbox.queries import Query, page
from airflow_provider_livestorm.sandbox.service import Answer, Call, Service, found
from airflow_provider_livestorm.sandbox.world import Event, Person, Question, Recording, Registration, Resource

__all__ = [
    "attributes",
    "chat_messages",
    "event_people",
    "event_person",
    "newest",
    "people",
    "person",
    "questions",
    "recordings",
    "session_people",
    "session_person",
]

ROLES = ("participant", "team_member")
SORTS = ("slug", "name", "placeholder", "created_at", "updated_at")  # of people_attributes
URL_LIFE, URL_LIFE_LEAST, URL_LIFE_MOST = 43_200, 3600, 604_800  # seconds (api.md 5)


# --- in a session -----


def session_people(service: Service, call: Call, session_id: str) -> Answer:
    """The people of one session."""
    query, settings, session = call.query, service.settings, service.session(session_id)
    query.refuse_include(*(("event", "session") if settings.people_includes == "parents" else ("people",)))
    chosen, attended = _chosen(query), query.flag("attended")
    whose = _registration if settings.people_window == "registration" else _person
    created: Callable[[Registration], int] = lambda one: whose(one).created_at  # noqa: E731 - typed so
    updated: Callable[[Registration], int] = lambda one: whose(one).updated_at  # noqa: E731 - likewise
    window = query.window(settings, created, updated)
    rows: Sequence[Registration] = [
        one
        for one in session.people.values()
        if chosen(one.person)
        and (attended is None or one.attended is attended)
        and all(passes(one) for passes in window)
    ]
    document, shown = page(rows, service.documents.registration, query, settings)
    if "people" in query.include:
        for row, one in zip(document["data"], shown, strict=True):
            row["relationships"] = {"people": {"data": [identifier(service.documents.person(one.person))]}}
        document["included"] = [service.documents.person(one.person) for one in shown]
    elif query.include:
        related = {"event": service.documents.event(session.event), "session": service.documents.session(session)}
        wanted = {name: related[name] for name in query.include}
        for row in document["data"]:
            row["relationships"] = {name: {"data": identifier(one)} for name, one in wanted.items()}
        document["included"] = list(wanted.values()) if shown else []
    return Answer(document)


def _registration(one: Registration) -> Registration:
    return one


def _person(one: Registration) -> Person:
    return one.person


def session_person(service: Service, _: Call, session_id: str, person_id: str) -> Answer:
    """One person in one session."""
    return Answer({"data": service.documents.registration(service.registration(session_id, person_id))})


# --- in an event, in the workspace -----


def event_people(service: Service, call: Call, event_id: str) -> Answer:
    """The people of one event, each once, as in the newest of their registrations."""
    chosen = _chosen(call.query)
    rows = [one for one in newest(service.event(event_id)).values() if chosen(one.person)]
    return Answer(page(rows, service.documents.event_person, call.query, service.settings)[0])


def event_person(service: Service, _: Call, event_id: str, person_id: str) -> Answer:
    """One person of one event."""
    return Answer({"data": service.documents.event_person(found(newest(service.event(event_id)), person_id))})


def newest(event: Event) -> dict[str, Registration]:
    """The newest registration of each person of an event, by the person's id."""
    found: dict[str, Registration] = {}
    for session in event.sessions:
        for key, one in session.people.items():
            if key not in found or found[key].created_at < one.created_at:
                found[key] = one
    return found


def people(service: Service, call: Call) -> Answer:
    """The contacts of the workspace."""
    workspace, email, role = service.workspace, call.query.filters.get("email"), call.query.choice("role", ROLES)
    among: Iterable[Person] = workspace.people.values()
    if email is not None:
        known = workspace.person_with(email)
        among = [known] if known else []
    # Tens of thousands: looked through only where something is asked of them.
    if role is not None:
        among = [one for one in among if one.role == role]
    rows = list(among)
    return Answer(page(rows, service.documents.person, call.query, service.settings)[0])


def person(service: Service, _: Call, person_id: str) -> Answer:
    """One contact."""
    return Answer({"data": service.documents.person(found(service.workspace.people, person_id))})


def _chosen(query: Query) -> Callable[[Person], bool]:
    role, email = query.choice("role", ROLES), query.filters.get("email")
    return lambda one: (role is None or one.role == role) and (email is None or one.email == email)


def attributes(service: Service, call: Call) -> Answer:
    """What the workspace may know of a person: filtered whole, sorted by one attribute (api.md 5)."""
    query = call.query
    builtin = query.flag("builtin")
    rows = [
        row
        for row in service.workspace.people_attributes
        if (builtin is None or row["attributes"]["builtin"] is builtin)
        and all(row["attributes"][name] == value for name, value in query.filters.items() if name != "builtin")
    ]
    order = query.others.get("sort")
    if order is not None:
        name = order.removeprefix("-")
        if name not in SORTS:
            raise ApiError(400, "Bad request", f"sort takes {', '.join(SORTS)}, with a minus before it to reverse")
        # Python cannot compare None with text: what is missing comes first.
        rows.sort(
            key=lambda row: (row["attributes"][name] is not None, row["attributes"][name]), reverse=order[:1] == "-"
        )
    return Answer(page(rows, lambda row: row, query, service.settings)[0])


# --- what they said, and what is left of a session -----


def chat_messages(service: Service, call: Call, session_id: str) -> Answer:
    """The chat of one session."""
    session, settings = service.session(session_id), service.settings
    call.query.refuse_include(*(["author"] if settings.chat_include == "author" else []))
    document, shown = page(session.chat, lambda one: service.documents.chat_message(session, one), call.query, settings)
    if call.query.include:
        authors = {one.author.id: service.documents.person(one.author) for one in shown}
        for row, one in zip(document["data"], shown, strict=True):
            row["relationships"] = {"author": {"data": identifier(authors[one.author.id])}}
        document["included"] = list(authors.values())
    return Answer(document)


def questions(service: Service, call: Call, session_id: str) -> Answer:
    """The questions of one session."""
    session = service.session(session_id)
    document, shown = page(
        session.questions, lambda one: service.documents.question(session, one), call.query, service.settings
    )
    if call.query.include:
        included: dict[str, Resource] = {}
        for row, one in zip(document["data"], shown, strict=True):
            row["relationships"] = {}
            for name, who in _whom(one, call.query.include):
                told = service.documents.person(who)
                included[told["id"]] = told
                row["relationships"][name] = {"data": identifier(told)}
        document["included"] = list(included.values())
    return Answer(document)


def _whom(question: Question, include: Sequence[str]) -> list[tuple[str, Person]]:
    both = {"asker": question.author, "responder": question.responder}
    return [(name, who) for name in include if (who := both[name]) is not None]


def recordings(service: Service, call: Call, session_id: str) -> Answer:
    """The recordings of one session, each with a URL that is signed anew."""
    text = call.query.others.get("url_expires_in", str(URL_LIFE))
    life = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - of digits
    if not URL_LIFE_LEAST <= life <= URL_LIFE_MOST:
        raise ApiError(400, "Bad request", f"url_expires_in is {URL_LIFE_LEAST} to {URL_LIFE_MOST} seconds")

    def write(one: Recording) -> Resource:
        url = service.storage.sign(call.base_url, one, call.now + life)
        return service.documents.recording(one, url, call.now, life)

    rows = service.session(session_id).recordings
    return Answer(page(rows, write, call.query, service.settings)[0])
