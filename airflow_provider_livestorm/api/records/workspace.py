"""The workspace itself: who it is, its team, its webhooks, its jobs."""

from __future__ import annotations

from typing import Annotated

from airflow_provider_livestorm.api.records.base import Boolean, Integer, Record, Source, Text, Timestamp

__all__ = ["Job", "Organization", "User", "Webhook"]


class Organization(Record, frozen=True, kw_only=True):
    """The workspace (api.md 6.5)."""

    id: Annotated[str, Source("id")]
    name: Text = None
    slug: Text = None
    parent_id: Text = None


class User(Record, frozen=True, kw_only=True):
    """A member of the team (api.md 6.4)."""

    id: Annotated[str, Source("id")]
    organization_id: Annotated[Text, Source("relationships.organization.data.id")] = None
    role: Text = None
    email: Text = None
    first_name: Text = None
    last_name: Text = None
    locale: Text = None
    pending_invite: Boolean = None
    avatar_link: Text = None
    website_link: Text = None
    linkedin_link: Text = None
    facebook_link: Text = None
    twitter_handle: Text = None
    created_at: Timestamp = None
    updated_at: Timestamp = None


class Webhook(Record, frozen=True, kw_only=True):
    """A subscription of one kind of happening (api.md 7)."""

    id: Annotated[str, Source("id")]
    url: Text = None
    event: Text = None
    created_at: Timestamp = None
    updated_at: Timestamp = None


class Job(Record, frozen=True, kw_only=True):
    """A bulk registration. Sources name its counters differently (api.md 6.5)."""

    id: Annotated[str, Source("id")]
    organization_id: Text = None
    source: Text = None
    status: Text = None
    total: Annotated[Integer, Source("attributes.total_items", "attributes.total_tasks")] = None
    processed: Annotated[Integer, Source("attributes.total_processed_items", "attributes.total_processed_tasks")] = None
    succeeded: Annotated[Integer, Source("attributes.total_success", "attributes.total_succeeded")] = None
    failed: Annotated[Integer, Source("attributes.total_fail", "attributes.total_failed")] = None
