"""The records that people read: one frozen Struct a resource, its members in the order of the columns.

These classes are the catalogue's single source: a member's name is the column, its annotation the column's type, and
`Source` says where in the JSON:API resource it is found if not at `attributes.<name>`. Members are typed `| None`
throughout: Livestorm leaves members out as it likes, and a row is worth more than a crash. Timestamps are aware UTC
datetimes; Livestorm's 0 ("never") is None.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

__all__ = ["Event", "Record", "Session", "SessionPerson", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a column's value lies in the resource: a dotted path from its root, or `parent` for the list's parent."""

    path: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records.

    Attributes:
        extra: attributes that the catalogue does not know, or whose value was not of the known type; column `_extra`.
    """

    extra: Annotated[dict[str, Any] | None, Source("_extra")] = msgspec.field(name="_extra", default=None)


Text = str | None
Integer = int | None
Number = float | None
Boolean = bool | None
Timestamp = dt.datetime | None
Json = Any


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


class SessionPerson(Record, frozen=True, kw_only=True):
    """One person in one session: registration, attendance, engagement. The key is (session_id, id) (api.md 6.3).

    Attributes:
        attendance_rate: percent, 0 to 100.
        attendance_duration: seconds.
        registered_at: when they registered for this session; `created_at` is the person's own.
        registration_updated_at: when that registration last changed.
        fields: the answers of the registration form: id, type, value (text, list of texts, or null).
    """

    session_id: Annotated[str, Source("parent")]
    id: Annotated[str, Source("id")]
    event_id: Annotated[Text, Source("attributes.registrant_detail.event_id")] = None
    role: Text = None
    email: Text = None
    first_name: Text = None
    last_name: Text = None
    timezone: Text = None
    avatar_link: Text = None
    created_at: Timestamp = None
    updated_at: Timestamp = None
    messages_count: Integer = None
    questions_count: Integer = None
    votes_count: Integer = None
    up_votes_count: Integer = None
    replay_view_detail: Json = None
    registered_at: Annotated[Timestamp, Source("attributes.registrant_detail.created_at")] = None
    registration_updated_at: Annotated[Timestamp, Source("attributes.registrant_detail.updated_at")] = None
    registration_type: Annotated[Text, Source("attributes.registrant_detail.registration_type")] = None
    session_role: Annotated[Text, Source("attributes.registrant_detail.session_role")] = None
    is_highlighted: Annotated[Boolean, Source("attributes.registrant_detail.is_highlighted")] = None
    is_guest_speaker: Annotated[Boolean, Source("attributes.registrant_detail.is_guest_speaker")] = None
    attended: Annotated[Boolean, Source("attributes.registrant_detail.attended")] = None
    attendance_rate: Annotated[Number, Source("attributes.registrant_detail.attendance_rate")] = None
    attendance_duration: Annotated[Integer, Source("attributes.registrant_detail.attendance_duration")] = None
    has_viewed_replay: Annotated[Boolean, Source("attributes.registrant_detail.has_viewed_replay")] = None
    referrer: Annotated[Text, Source("attributes.registrant_detail.referrer")] = None
    utm_source: Annotated[Text, Source("attributes.registrant_detail.utm_source")] = None
    utm_medium: Annotated[Text, Source("attributes.registrant_detail.utm_medium")] = None
    utm_term: Annotated[Text, Source("attributes.registrant_detail.utm_term")] = None
    utm_content: Annotated[Text, Source("attributes.registrant_detail.utm_content")] = None
    utm_campaign: Annotated[Text, Source("attributes.registrant_detail.utm_campaign")] = None
    browser_name: Annotated[Text, Source("attributes.registrant_detail.browser_name")] = None
    browser_version: Annotated[Text, Source("attributes.registrant_detail.browser_version")] = None
    os_name: Annotated[Text, Source("attributes.registrant_detail.os_name")] = None
    os_version: Annotated[Text, Source("attributes.registrant_detail.os_version")] = None
    screen_width: Annotated[Text, Source("attributes.registrant_detail.screen_width")] = None
    screen_height: Annotated[Text, Source("attributes.registrant_detail.screen_height")] = None
    ip_city: Annotated[Text, Source("attributes.registrant_detail.ip_city")] = None
    ip_country_code: Annotated[Text, Source("attributes.registrant_detail.ip_country_code")] = None
    ip_country_name: Annotated[Text, Source("attributes.registrant_detail.ip_country_name")] = None
    fields: Annotated[Json, Source("attributes.registrant_detail.fields")] = None
