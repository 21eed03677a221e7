"""How the workspace's records look from outside: JSON:API resources, as api.md 6 describes them."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_livestorm.sandbox.answers import answers, is_guest, registrant_detail, votes
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

__all__ = ["USER_ROLES", "Documents", "identifier", "named", "scheduling_status", "tag"]

USER_ROLES = ("host", "moderator")  # api.md 5


def identifier(resource: Resource) -> Resource:
    """The link to a resource."""
    return {"type": resource["type"], "id": resource["id"]}


def tag(title: str) -> Resource:
    """A tag; the same title is the same tag."""
    return {"id": named(title), "type": "tags", "attributes": {"title": title}}


def named(text: str) -> str:
    """A UUID that looks like any other (api.md 2: version 4), always the same for the same text."""
    return str(uuid.UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest(), version=4))


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
        embedded = {"embed_url": session.embed_url} if self.settings.embed_url == "returned" else {}
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
                **embedded,
            },
        }

    def user(self, user: Resource, organization: Resource) -> Resource:
        """A member of the team, of the workspace."""
        attributes = user["attributes"]
        if self.settings.user_roles == "documented" and attributes["role"] not in USER_ROLES:
            attributes = attributes | {"role": "host"}
        belongs = {"organization": {"data": identifier(organization)}}
        return user | {"attributes": attributes, "relationships": belongs}

    def person(self, person: Person) -> Resource:
        """A contact in the base form."""
        return {"id": person.id, "type": "people", "attributes": self._base(person)}

    def event_person(self, registration: Registration) -> Resource:
        """A contact in the event form; the answers are those of their newest registration."""
        attributes = self._base(registration.person)
        if not self._complete(registration):
            return {"id": registration.person.id, "type": "people", "attributes": attributes}
        attributes["registrant_detail"] = {
            "event_id": registration.session.event.id,
            "created_at": registration.created_at,
            "updated_at": registration.updated_at,
            "fields": answers(registration),
        }
        return {"id": registration.person.id, "type": "people", "attributes": attributes}

    def registration(self, registration: Registration) -> Resource:
        """A contact in the session form."""
        attributes = self._base(registration.person)
        attributes["messages_count"] = registration.messages
        attributes["questions_count"] = registration.questions
        attributes["votes_count"], attributes["up_votes_count"] = votes(registration)
        # Its shape is not known (api.md 6.3): nobody may lean on this one.
        attributes["replay_view_detail"] = {"shape": "unknown"} if registration.has_viewed_replay else None
        if self._complete(registration):
            attributes["registrant_detail"] = registrant_detail(registration)
        return {"id": registration.person.id, "type": "people", "attributes": attributes}

    def chat_message(self, session: Session, message: ChatMessage) -> Resource:
        """A chat message; the type's name is not published (api.md 6.5)."""
        more: Resource = {}
        if self.settings.chat_members == "all":
            more = {"event_id": session.event.id, "session_id": session.id, "updated_at": message.created_at}
        author = session.people.get(message.author.id)
        return {
            "id": message.id,
            "type": self.settings.chat_type,
            "attributes": {
                **more,
                "author_id": message.author.id,
                "text_content": message.text,
                "html_content": "<p>" + message.text.replace("&", "&amp;").replace("<", "&lt;") + "</p>",
                "from_team_member": message.author.role == "team_member",
                "from_guest_speaker": author is not None and is_guest(author),
                "created_at": message.created_at,
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
        attributes: Resource = {"status": job.status, **dict(zip(names, counts, strict=True))}
        if self.settings.job_counters == "tasks":  # the source that names these also tells (api.md 6.5)
            sent = [msgspec.to_builtins(task) for task in job.tasks]
            attributes |= {"organization_id": job.organization_id, "source": "api", "input": sent}
        return {"id": job.id, "type": "jobs", "attributes": attributes}

    def _complete(self, registration: Registration) -> bool:
        """Users saw rows without `registrant_detail` or e-mail address (api.md 9): one in 128 here."""
        return self.settings.incomplete_people == "none" or registration.luck >> 45 & 127 != 0

    def _base(self, person: Person) -> dict[str, Any]:
        lottery = int(person.id[:4], 16)
        attributes: dict[str, Any] = {
            "role": person.role,
            "created_at": person.created_at,
            "updated_at": person.updated_at,
            "timezone": person.timezone,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "avatar_link": None if lottery & 7 else f"https://files.sandbox.example/{person.id}.png",
        }
        if self.settings.incomplete_people == "some" and person.role == "participant" and lottery >> 8 & 127 == 0:
            del attributes["email"]
        return attributes
