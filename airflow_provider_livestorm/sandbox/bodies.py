"""The documents that callers send, read strictly: a member of the wrong type is refused, an unknown one ignored.

Rails ignores unknown attributes (api.md 9: field ids at the top level); wrong types are what openapi.yaml forbids.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import uuid
import zoneinfo
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from airflow_provider_livestorm.sandbox.errors import ApiError

__all__ = [
    "Data",
    "Document",
    "EventIn",
    "JobIn",
    "PersonIn",
    "SessionIn",
    "SessionRelationships",
    "SessionsRelationships",
    "TagIn",
    "UserIn",
    "WebhookIn",
    "local_time",
    "read",
    "sent",
]

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_TYPES = ("application/vnd.api+json", "application/json")  # both work (api.md 2)
WEBHOOK_EVENTS = (
    "event.created", "event.published", "session.created", "session.started", "session.ended", "people.registered",
    "people.attended", "people.not_attended", "people.watched_replay", "job.ended",
)  # fmt: skip  # api.md 7

Attributes = TypeVar("Attributes")
Relationships = TypeVar("Relationships")
_Read = TypeVar("_Read")
_Text = str | UnsetType
_Flag = bool | UnsetType


class Data(Struct, Generic[Attributes, Relationships]):
    """`data` of a document."""

    type: str
    attributes: Attributes | UnsetType = UNSET
    relationships: Relationships | UnsetType = UNSET


class EventIn(Struct):
    """Attributes of an event (api.md 5)."""

    copy_from_event_id: uuid.UUID | UnsetType = UNSET
    owner_id: uuid.UUID | UnsetType = UNSET
    title: _Text = UNSET
    slug: _Text = UNSET
    status: Literal["draft", "published"] | UnsetType = UNSET
    description: _Text = UNSET
    everyone_can_speak: _Flag = UNSET
    detailed_registration_page_enabled: _Flag = UNSET
    light_registration_page_enabled: _Flag = UNSET
    recording_enabled: _Flag = UNSET
    recording_public: _Flag = UNSET
    show_in_company_page: _Flag = UNSET
    chat_enabled: _Flag = UNSET
    questions_enabled: _Flag = UNSET
    polls_enabled: _Flag = UNSET


class SessionIn(Struct):
    """Attributes of a session."""

    estimated_started_at: _Text = UNSET
    timezone: _Text = UNSET
    name: _Text = UNSET
    embed_url: _Text = UNSET


class NewSession(Struct):
    """A session within a new event."""

    type: _Text = UNSET
    attributes: SessionIn | UnsetType = UNSET


class SessionsRelationships(Struct):
    """Relationships of a new event."""

    sessions: list[NewSession] | UnsetType = UNSET


class PersonLink(Struct):
    """Who is to be in a session."""

    type: str
    id: uuid.UUID
    role: Literal["participant", "team_member"] | UnsetType = UNSET


class PersonLinkData(Struct):
    """As JSON:API wraps it."""

    data: PersonLink | UnsetType = UNSET


class SessionRelationships(Struct):
    """Relationships of a new session."""

    people: list[PersonLinkData] | UnsetType = UNSET


class FieldIn(Struct):
    """An answer to a field of the form."""

    id: str
    value: str | list[str]


class PersonIn(Struct):
    """A registration."""

    fields: list[FieldIn]
    referrer: _Text = UNSET
    utm_source: _Text = UNSET
    utm_medium: _Text = UNSET
    utm_term: _Text = UNSET
    utm_content: _Text = UNSET
    utm_campaign: _Text = UNSET


class JobIn(Struct):
    """A bulk registration; how a task looks is a switch, so it is read later."""

    tasks: list[dict[str, Any]]


class TagIn(Struct):
    """A tag."""

    title: str


class UserIn(Struct):
    """An invitation."""

    email: str
    role: Literal["host", "moderator"] | UnsetType = UNSET


class WebhookIn(Struct):
    """A subscription."""

    url: str
    event: str


class Document(Struct, Generic[Attributes, Relationships]):
    """What is sent."""

    data: Data[Attributes, Relationships]


def read(raw: bytes, content_type: str | None, kind: str, shape: type[Document[Any, Any]]) -> Data[Any, Any]:
    """`data` of a document that must be of this type and shape; ApiError 400 says what is wrong with it."""
    if (content_type or "").partition(";")[0].strip().lower() not in _TYPES:
        raise ApiError(400, "Bad request", f"The content type must be {' or '.join(_TYPES)}")
    data = convert(raw, shape).data
    if data.type != kind:
        raise ApiError(400, "Bad request", f"data.type must be {kind}")
    return data


def convert(raw: bytes, shape: type[_Read]) -> _Read:
    """JSON of this shape; ApiError 400."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "Bad request", f"The document could not be read: {error}") from None


def sent(attributes: Struct | UnsetType) -> dict[str, Any]:
    """The attributes that were really sent."""
    if isinstance(attributes, UnsetType):
        return {}
    return {name: value for name, value in msgspec.structs.asdict(attributes).items() if value is not UNSET}


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - {"localtime", "Factory", "posixrules"})


def local_time(text: str, zone: str) -> int:
    """`2025-01-12 00:00:00` in an IANA zone as UTC unix seconds (api.md 2); ApiError 422."""
    try:
        if not _TIME.fullmatch(text) or zone not in _zones():
            raise ValueError
        local = dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zoneinfo.ZoneInfo(zone))
        moment = int(local.timestamp())
    except (ValueError, OSError, OverflowError, zoneinfo.ZoneInfoNotFoundError):
        raise ApiError(
            422,
            "Unprocessable entity",
            "estimated_started_at is a time such as 2025-01-12 00:00:00, timezone an IANA zone",
        ) from None
    if moment < 0:
        raise ApiError(422, "Unprocessable entity", "estimated_started_at lies before 1970")
    return moment
