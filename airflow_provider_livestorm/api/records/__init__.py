"""The records that people read: one frozen Struct a resource, its members in the order of the columns.

These classes are the catalogue's single source of columns; `base.py` says how to read them.
"""

from __future__ import annotations

from airflow_provider_livestorm.api.records.base import Record, Source
from airflow_provider_livestorm.api.records.people import (
    EventPerson,
    Person,
    PersonAttribute,
    RegistrationAnswer,
    SessionPerson,
)
from airflow_provider_livestorm.api.records.webinars import (
    ChatMessage,
    Event,
    EventTag,
    Question,
    Recording,
    Session,
)
from airflow_provider_livestorm.api.records.workspace import Job, Organization, User, Webhook

__all__ = [
    "ChatMessage",
    "Event",
    "EventPerson",
    "EventTag",
    "Job",
    "Organization",
    "Person",
    "PersonAttribute",
    "Question",
    "Record",
    "Recording",
    "RegistrationAnswer",
    "Session",
    "SessionPerson",
    "Source",
    "User",
    "Webhook",
]
