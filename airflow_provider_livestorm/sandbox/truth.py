"""The truth of any stream, as JSON Lines: what a complete and correct extraction must end with.

Records are as the API tells them, with the ids of their parents where they have parents. A recording's signed URL is
made anew at each reading, so it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_provider_livestorm.sandbox.documents import tag
from airflow_provider_livestorm.sandbox.people import newest
from airflow_provider_livestorm.sandbox.service import Service
from airflow_provider_livestorm.sandbox.world import Resource

__all__ = ["STREAMS", "rows"]

Rows = Iterator[Resource]


def rows(service: Service, stream: str) -> Rows:
    """The records of a stream; KeyError for one that does not exist."""
    return STREAMS[stream](service)


def _organization(service: Service) -> Rows:
    yield service.workspace.organization


def _users(service: Service) -> Rows:
    for user in service.workspace.users.values():
        yield service.documents.user(user, service.workspace.organization)


def _events(service: Service) -> Rows:
    return map(service.documents.event, service.workspace.events.values())


def _event_tags(service: Service) -> Rows:
    for event in service.workspace.events.values():
        for title in event.tags:
            yield {"event_id": event.id, **tag(title)}


def _event_people(service: Service) -> Rows:
    for event in service.workspace.events.values():
        for one in newest(event).values():
            yield {"event_id": event.id, **service.documents.event_person(one)}


def _sessions(service: Service) -> Rows:
    return map(service.documents.session, service.workspace.sessions.values())


def _session_people(service: Service) -> Rows:
    for one in service.workspace.registrations():
        yield {"session_id": one.session.id, **service.documents.registration(one)}


def _people(service: Service) -> Rows:
    return map(service.documents.person, service.workspace.people.values())


def _people_attributes(service: Service) -> Rows:
    return iter(service.workspace.people_attributes)


def _chat_messages(service: Service) -> Rows:
    for session in service.workspace.sessions.values():
        for message in session.chat:
            yield {"session_id": session.id, **service.documents.chat_message(session, message)}


def _questions(service: Service) -> Rows:
    for session in service.workspace.sessions.values():
        for question in session.questions:
            yield {"session_id": session.id, **service.documents.question(session, question)}


def _recordings(service: Service) -> Rows:
    for session in service.workspace.sessions.values():
        for recording in session.recordings:
            row = {"session_id": session.id, **service.documents.recording(recording, "", 0, 0)}
            for name in ("url", "url_generated_at", "url_expires_in"):
                del row["attributes"][name]
            yield row


def _webhooks(service: Service) -> Rows:
    return map(service.documents.webhook, service.workspace.webhooks.values())


def _jobs(service: Service) -> Rows:
    return map(service.documents.job, service.workspace.jobs.values())


STREAMS: dict[str, Callable[[Service], Rows]] = {
    "organization": _organization,
    "users": _users,
    "events": _events,
    "event_tags": _event_tags,
    "event_people": _event_people,
    "sessions": _sessions,
    "session_people": _session_people,
    "people": _people,
    "people_attributes": _people_attributes,
    "chat_messages": _chat_messages,
    "questions": _questions,
    "recordings": _recordings,
    "webhooks": _webhooks,
    "jobs": _jobs,
}
