"""People: in a session, in an event, in the workspace, and what they answered when they registered."""

from __future__ import annotations

from typing import Annotated

from airflow_provider_livestorm.api.records.base import (
    Boolean,
    Integer,
    Json,
    Number,
    Record,
    Source,
    Text,
    Timestamp,
)

__all__ = ["EventPerson", "Person", "PersonAttribute", "RegistrationAnswer", "SessionPerson"]


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


class RegistrationAnswer(Record, frozen=True, kw_only=True):
    """One answer of a registration form, in a row of its own. The key is (session_id, person_id, field_id).

    Attributes:
        value: a text, a list of texts, or null.
    """

    session_id: Annotated[str, Source("parent")]
    person_id: Annotated[str, Source("person")]
    field_id: Annotated[str, Source("id")]
    event_id: Text = None
    type: Text = None
    value: Json = None


class EventPerson(Record, frozen=True, kw_only=True):
    """One person in one event, whatever the sessions. The key is (event_id, id) (api.md 6.3).

    Attributes:
        registered_at: when they registered for the event; `created_at` is the person's own.
        registration_updated_at: when that registration last changed.
        fields: the answers of the registration form, as in a session.
    """

    event_id: Annotated[str, Source("parent")]
    id: Annotated[str, Source("id")]
    role: Text = None
    email: Text = None
    first_name: Text = None
    last_name: Text = None
    timezone: Text = None
    avatar_link: Text = None
    created_at: Timestamp = None
    updated_at: Timestamp = None
    registered_at: Annotated[Timestamp, Source("attributes.registrant_detail.created_at")] = None
    registration_updated_at: Annotated[Timestamp, Source("attributes.registrant_detail.updated_at")] = None
    fields: Annotated[Json, Source("attributes.registrant_detail.fields")] = None


class Person(Record, frozen=True, kw_only=True):
    """A contact of the workspace, in the base form (api.md 6.3)."""

    id: Annotated[str, Source("id")]
    role: Text = None
    email: Text = None
    first_name: Text = None
    last_name: Text = None
    timezone: Text = None
    avatar_link: Text = None
    created_at: Timestamp = None
    updated_at: Timestamp = None


class PersonAttribute(Record, frozen=True, kw_only=True):
    """Something that the workspace may know of a person (api.md 6.5).

    Attributes:
        options: label, value and position of each choice.
    """

    id: Annotated[str, Source("id")]
    slug: Text = None
    name: Text = None
    type: Text = None
    builtin: Boolean = None
    description: Text = None
    placeholder: Text = None
    options: Json = None
    user_id: Text = None
    created_at: Timestamp = None
    updated_at: Timestamp = None
