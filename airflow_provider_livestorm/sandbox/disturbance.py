"""A list that changes while somebody reads it: a row leaves or arrives at its head, and the later pages shift."""

from __future__ import annotations

from airflow_provider_livestorm.sandbox.service import Service

__all__ = ["disturb"]


def disturb(service: Service, path: str, how: str) -> None:
    """Change the list of events, sessions, people, or people of a session at `path`; other paths stay as they are."""
    workspace, maker, now = service.workspace, service.maker, int(service.clock.now())
    match path.removeprefix("/v1/").split("/"):
        case ["events"] if workspace.events:
            first = next(iter(workspace.events.values()))
            if how == "row-leaves":
                workspace.remove_event(first, now)
            else:
                event = maker.event(1, now, list(workspace.users.values()))
                event.by_caller = True
                workspace.events = {event.id: event, **workspace.events}
        case ["sessions"] if workspace.sessions:
            session = next(iter(workspace.sessions.values()))
            if how == "row-leaves":
                workspace.remove_session(session, now)
            else:
                made = maker.session(session.event, now + 86_400, now, "upcoming")
                made.by_caller = True
                workspace.add_session(made)
                workspace.sessions = {made.id: made, **workspace.sessions}
        case ["people"]:
            person = maker.stranger(None, now)
            if how == "row-arrives":
                workspace.add_person(person, first=True)
        case ["sessions", session_id, "people"] if workspace.sessions[session_id].people:
            session = workspace.sessions[session_id]
            if how == "row-leaves":
                workspace.unregister(next(iter(session.people.values())), now)
            else:
                person = maker.stranger(None, now)
                workspace.add_person(person)
                workspace.register(maker.registration(session, person, now))
                session.people = {person.id: session.people.pop(person.id), **session.people}
