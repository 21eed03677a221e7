"""Webinars: events, their tags and sessions, and what is left of a session."""

from __future__ import annotations

from typing import Annotated

from airflow_provider_livestorm.api.records.base import (
    Boolean,
    Integer,
    Json,
    Record,
    Source,
    Text,
    Timestamp,
)

__all__ = ["ChatMessage", "Event", "EventTag", "Question", "Recording", "Session"]


class Event(Record, frozen=True, kw_only=True):
    """An event: what people call the webinar. It has no date of its own; its sessions have (api.md 6.1).

    Attributes:
        estimated_duration: minutes.
        description: HTML.
        fields: the registration form: id, type, order, required, options.
    """

    id: Annotated[str, Source("id")]
    title: Text = None
    slug: Text = None
    status: Text = None
    scheduling_status: Text = None
    language: Text = None
    description: Text = None
    estimated_duration: Integer = None
    registration_link: Text = None
    sessions_count: Integer = None
    everyone_can_speak: Boolean = None
    registration_page_enabled: Boolean = None
    light_registration_page_enabled: Boolean = None
    detailed_registration_page_enabled: Boolean = None
    recording_enabled: Boolean = None
    recording_public: Boolean = None
    show_in_company_page: Boolean = None
    chat_enabled: Boolean = None
    polls_enabled: Boolean = None
    questions_enabled: Boolean = None
    published_at: Timestamp = None
    created_at: Timestamp = None
    updated_at: Timestamp = None
    owner_id: Annotated[Text, Source("attributes.owner.id")] = None
    owner_email: Annotated[Text, Source("attributes.owner.attributes.email")] = None
    owner_first_name: Annotated[Text, Source("attributes.owner.attributes.first_name")] = None
    owner_last_name: Annotated[Text, Source("attributes.owner.attributes.last_name")] = None
    fields: Json = None


class Session(Record, frozen=True, kw_only=True):
    """One session of an event: a date, a room, its people (api.md 6.2).

    Attributes:
        duration: seconds.
    """

    id: Annotated[str, Source("id")]
    event_id: Text = None
    name: Text = None
    status: Text = None
    timezone: Text = None
    room_link: Text = None
    embed_url: Text = None
    attendees_count: Integer = None
    registrants_count: Integer = None
    duration: Integer = None
    estimated_started_at: Timestamp = None
    started_at: Timestamp = None
    ended_at: Timestamp = None
    canceled_at: Timestamp = None
    created_at: Timestamp = None
    updated_at: Timestamp = None
    breakout_room_parent_session_id: Text = None


class EventTag(Record, frozen=True, kw_only=True):
    """A tag of an event. The key is (event_id, id): the same tag comes with several events (api.md 5)."""

    event_id: Annotated[str, Source("parent")]
    id: Annotated[str, Source("id")]
    title: Text = None


class ChatMessage(Record, frozen=True, kw_only=True):
    """A line of a session's chat (api.md 6.5).

    Attributes:
        html_content: HTML.
    """

    session_id: Annotated[str, Source("parent")]
    id: Annotated[str, Source("id")]
    event_id: Text = None
    author_id: Text = None
    text_content: Text = None
    html_content: Text = None
    from_team_member: Boolean = None
    from_guest_speaker: Boolean = None
    created_at: Timestamp = None
    updated_at: Timestamp = None


class Question(Record, frozen=True, kw_only=True):
    """A question of a session, answered or not (api.md 6.5)."""

    session_id: Annotated[str, Source("parent")]
    id: Annotated[str, Source("id")]
    event_id: Text = None
    question: Text = None
    response: Text = None
    question_author_id: Text = None
    response_author_id: Text = None
    created_at: Timestamp = None
    updated_at: Timestamp = None
    responded_at: Timestamp = None
    responded_orally: Annotated[Boolean, Source("attributes.responded_orally", "attributes.response_orally")] = None


class Recording(Record, frozen=True, kw_only=True):
    """A session's recording, without the signed URL that opens it (api.md 6.5).

    Attributes:
        file_size: bytes.
        mime_type: as Livestorm writes it: `mp4`, not a MIME type.
    """

    session_id: Annotated[str, Source("parent")]
    id: Annotated[str, Source("id")]
    event_id: Text = None
    file_type: Text = None
    mime_type: Text = None
    file_size: Integer = None
    file_name: Text = None
