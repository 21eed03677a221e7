"""How the workspace's records look from outside: JSON:API resources, as api.md 6 describes them."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from airflow_provider_livestorm.sandbox.answers import answers, tracking
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import (
    ChatMessage,
    Event,
    Job,
    Person,
    Question,
    Recording,
    Registration,
    Resource,
    Session,
    Webhook,
)

__all__ = ["Documents", "identifier", "scheduling_status", "tag"]

_BROWSERS = (("Chrome", "131.0"), ("Firefox", "133.0"), ("Safari", "18.1"), (None, None))
_SYSTEMS = (("macOS", "15.1"), ("Windows", "11"), ("Android", "15"), (None, None))
_SCREENS = (("1080", "1920"), ("2160", "3840"), ("844", "390"), (None, None))
_PLACES = (
    ("Paris", "FR", "France"),
    ("Zürich", "CH", "Switzerland"),
    (None, "US", "United States"),
    (None, None, None),
)


def identifier(resource: Resource) -> Resource:
    """The link to a resource."""
    return {"type": resource["type"], "id": resource["id"]}


def tag(title: str) -> Resource:
    """A tag; the same title is the same tag."""
    return {"id": str(uuid.uuid5(uuid.NAMESPACE_OID, title)), "type": "tags", "attributes": {"title": title}}


def scheduling_status(event: Event) -> str:
    """The event's status out of its sessions'; which of them wins is not published, the liveliest does here."""
    if event.attributes["status"] == "draft":
        return "draft"
    if not event.sessions:
        return "not_scheduled"
    found = {session.status for session in event.sessions}
    for status, told in (
        ("live", "live"),
        ("upcoming", "upcoming"),
        ("on_demand", "on_demand"),
        ("past", "ended"),
        ("past_not_started", "not_started"),
        ("draft", "draft"),
    ):
        if status in found:
            return told
    return "cancelled"


@dataclass(frozen=True, slots=True)
class Documents:
    """Writes resources, in the forms that are set."""

    settings: Settings

    def event_updated_at(self, event: Event) -> int:
        """Whether its sessions move it is not known (api.md 8)."""
        own: int = event.attributes["updated_at"]
        return max(own, event.sessions_changed_at) if self.settings.event_updates == "moves" else own

    def session_updated_at(self, session: Session) -> int:
        """Whether its people move it is not known (api.md 8)."""
        if self.settings.session_updates == "moves":
            return max(session.updated_at, session.people_changed_at)
        return session.updated_at

    def event(self, event: Event) -> Resource:
        """An event."""
        derived = {
            "updated_at": self.event_updated_at(event),
            "sessions_count": len(event.sessions),
            "scheduling_status": scheduling_status(event),
        }
        return {"id": event.id, "type": "events", "attributes": event.attributes | derived}

    def session(self, session: Session) -> Resource:
        """A session; 0 is "never" (api.md 2)."""
        return {
            "id": session.id,
            "type": "sessions",
            "attributes": {
                "event_id": session.event.id,
                "status": session.status,
                "timezone": session.timezone,
                "room_link": f"https://app.livestorm.co/p/{session.id}",
                "name": session.name,
                "attendees_count": session.attendees,
                "registrants_count": len(session.people),
                "duration": session.ended_at - session.started_at if session.ended_at else None,
                "estimated_started_at": session.start,
                "started_at": session.started_at,
                "ended_at": session.ended_at,
                "canceled_at": session.canceled_at,
                "created_at": session.created_at,
                "updated_at": self.session_updated_at(session),
                "breakout_room_parent_session_id": session.parent.id if session.parent else None,
                "embed_url": session.embed_url,
            },
        }

    def person(self, person: Person) -> Resource:
        """A contact in the base form."""
        return {"id": person.id, "type": "people", "attributes": _base(person)}

    def event_person(self, registration: Registration) -> Resource:
        """A contact in the event form; the answers are those of their newest registration."""
        attributes = _base(registration.person)
        attributes["registrant_detail"] = {
            "event_id": registration.session.event.id,
            "created_at": registration.created_at,
            "updated_at": registration.updated_at,
            "fields": answers(registration),
        }
        return {"id": registration.person.id, "type": "people", "attributes": attributes}

    def registration(self, registration: Registration) -> Resource:
        """A contact in the session form."""
        person, session, luck = registration.person, registration.session, registration.luck
        team = person.role == "team_member"
        key = hashlib.blake2b(luck.to_bytes(8, "big"), digest_size=20).hexdigest()
        browser, browser_version = _BROWSERS[luck >> 8 & 3]
        system, system_version = _SYSTEMS[luck >> 10 & 3]
        height, width = _SCREENS[luck >> 14 & 3]
        city, country, country_name = _PLACES[luck >> 16 & 3]
        attributes = _base(person)
        attributes["messages_count"] = registration.messages
        attributes["questions_count"] = registration.questions
        attributes["votes_count"] = attributes["up_votes_count"] = 0
        attributes["replay_view_detail"] = None
        attributes["registrant_detail"] = {
            "event_id": session.event.id,
            "session_id": session.id,
            "created_at": registration.created_at,
            "updated_at": registration.updated_at,
            "fields": answers(registration),
            **tracking(registration),
            "browser_version": browser_version,
            "browser_name": browser,
            "os_name": system,
            "os_version": system_version,
            "screen_height": height,
            "screen_width": width,
            "ip_city": city,
            "ip_country_code": country,
            "ip_country_name": country_name,
            "password_key": None if team else key,
            "connection_link": f"https://app.livestorm.co/p/{session.id}/live?s={key}",
            "attended": registration.attended,
            "attendance_rate": registration.attendance_rate,
            "attendance_duration": registration.attendance_duration,
            "has_viewed_replay": registration.has_viewed_replay,
            "registration_type": "API",
            "is_highlighted": False,
            "is_guest_speaker": False,
            "session_role": "host" if team else None,
        }
        return {"id": person.id, "type": "people", "attributes": attributes}

    def chat_message(self, session: Session, message: ChatMessage) -> Resource:
        """A chat message; the type's name is not published (api.md 6.5)."""
        return {
            "id": message.id,
            "type": "chat_messages",
            "attributes": {
                "event_id": session.event.id,
                "session_id": session.id,
                "author_id": message.author.id,
                "text_content": message.text,
                "html_content": "<p>" + message.text.replace("&", "&amp;").replace("<", "&lt;") + "</p>",
                "from_team_member": message.author.role == "team_member",
                "from_guest_speaker": False,
                "created_at": message.created_at,
                "updated_at": message.created_at,
            },
        }

    def question(self, session: Session, question: Question) -> Resource:
        """A question."""
        answered = question.responded_at is not None
        return {
            "id": question.id,
            "type": "questions",
            "attributes": {
                "event_id": session.event.id,
                "session_id": session.id,
                "question": question.text,
                "response": question.response,
                "question_author_id": question.author.id,
                "response_author_id": question.responder.id if question.responder else None,
                "created_at": question.created_at,
                "updated_at": question.updated_at,
                "responded_at": question.responded_at,
                self.settings.question_spelling: question.orally if answered else None,
            },
        }

    def recording(self, recording: Recording, url: str, now: int, expires_in: int) -> Resource:
        """A recording with a signed URL, made anew each time."""
        return {
            "id": recording.id,
            "type": "recordings",
            "attributes": {
                "event_id": recording.session.event.id,
                "session_id": recording.session.id,
                "file_type": "video",
                "mime_type": "mp4",
                "file_size": recording.size,
                "file_name": recording.name,
                "url": url,
                "url_generated_at": now,
                "url_expires_in": expires_in,
            },
        }

    def webhook(self, webhook: Webhook) -> Resource:
        """A webhook; its secret is not told (api.md 7)."""
        told: dict[str, Any] = {"url": webhook.url, "event": webhook.event}
        told |= {"created_at": webhook.created_at, "updated_at": webhook.created_at}
        return {"id": webhook.id, "type": "webhooks", "attributes": told}

    def job(self, job: Job) -> Resource:
        """A job, its counters named as set: the sources conflict (api.md 6.5)."""
        failed = sum("errors" in result["attributes"] for result in job.results)
        counts = (len(job.tasks), len(job.results), failed, len(job.results) - failed)
        names = {
            "items": ("total_items", "total_processed_items", "total_fail", "total_success"),
            "tasks": ("total_tasks", "total_processed_tasks", "total_fail", "total_success"),
            "succeeded": ("total_tasks", "total_processed_tasks", "total_failed", "total_succeeded"),
        }[self.settings.job_counters]
        return {
            "id": job.id,
            "type": "jobs",
            "attributes": {"status": job.status, **dict(zip(names, counts, strict=True))},
        }


def _base(person: Person) -> dict[str, Any]:
    return {
        "role": person.role,
        "created_at": person.created_at,
        "updated_at": person.updated_at,
        "timezone": person.timezone,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "avatar_link": None,
    }
