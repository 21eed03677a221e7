"""Users and webhooks of the workspace."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

from msgspec import UnsetType

from airflow_provider_livestorm.sandbox.bodies import WEBHOOK_EVENTS, UserIn, WebhookIn
from airflow_provider_livestorm.sandbox.documents import USER_ROLES
from airflow_provider_livestorm.sandbox.errors import ApiError, broken, not_found
from airflow_provider_livestorm.sandbox.makers import host_of
from airflow_provider_livestorm.sandbox.queries import page
from airflow_provider_livestorm.sandbox.registering import EMAIL
from airflow_provider_livestorm.sandbox.service import Answer, Call, Service, found
from airflow_provider_livestorm.sandbox.world import Resource, Webhook

__all__ = ["LOOPBACK", "create_webhook", "delete_user", "delete_webhook", "invite_user", "users", "webhooks"]

_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.?|[0-9a-f:]+", re.ASCII)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def users(service: Service, call: Call) -> Answer:
    """The team."""
    query = call.query
    pending, email = query.flag("pending_invite"), query.filters.get("email")
    role = query.filters.get("role")
    roles = set(role.split(",")) if role is not None else None  # one or several (api.md 5)
    if roles is not None and not roles <= set(USER_ROLES):
        raise ApiError(400, "Bad request", f"The filter 'role' does not take '{role}'")
    rows = [
        one
        for one in service.workspace.users.values()
        if (pending is None or one["attributes"]["pending_invite"] is pending)
        and (email is None or one["attributes"]["email"].lower() == email.lower())
        and (roles is None or _told(service, one)["attributes"]["role"] in roles)
    ]
    return Answer(page(rows, lambda one: _told(service, one), query, service.settings)[0])


def invite_user(service: Service, call: Call) -> Answer:
    """Invite somebody into the team."""
    attributes: UserIn | UnsetType = call.body.attributes
    if isinstance(attributes, UnsetType):
        raise ApiError(400, "Bad request", "attributes are missing")
    if not EMAIL.fullmatch(attributes.email):
        raise broken("Email is invalid")
    workspace, email = service.workspace, attributes.email
    if any(one["attributes"]["email"].lower() == email.lower() for one in workspace.users.values()):
        raise ApiError(409, "Conflict", "The user exists already")
    known = workspace.person_with(email)
    user: Resource = {
        "id": known.id if known else service.maker.id(),
        "type": "users",
        "attributes": {
            "role": attributes.role or "moderator",
            "created_at": call.now, "updated_at": call.now, "first_name": None, "last_name": None, "email": email,
            "avatar_link": None, "locale": "en", "pending_invite": True, "website_link": None, "linkedin_link": None,
            "facebook_link": None, "twitter_handle": None,
        },
    }  # fmt: skip
    workspace.add_user(user, known or host_of(user))
    return Answer({"data": _told(service, user)}, 201)


def delete_user(service: Service, _: Call, user_id: str) -> Answer:
    """Remove somebody from the team."""
    user = found(service.workspace.users, user_id)
    if user["attributes"]["role"] == "owner":
        raise broken("The owner can't be removed")
    service.workspace.remove_user(user_id)
    return Answer(None, 204)


def _told(service: Service, user: Resource) -> Resource:
    return service.documents.user(user, service.workspace.organization)


def webhooks(service: Service, call: Call) -> Answer:
    """The webhooks."""
    event = call.query.choice("event", WEBHOOK_EVENTS)
    rows = [one for one in service.workspace.webhooks.values() if event is None or one.event == event]
    return Answer(page(rows, service.documents.webhook, call.query, service.settings)[0])


def create_webhook(service: Service, call: Call) -> Answer:
    """Subscribe to what happens in the whole workspace."""
    attributes: WebhookIn | UnsetType = call.body.attributes
    if isinstance(attributes, UnsetType):
        raise ApiError(400, "Bad request", "attributes are missing")
    if attributes.event not in WEBHOOK_EVENTS:
        raise broken(f"Event is not one of {', '.join(WEBHOOK_EVENTS)}")
    try:
        url = urlsplit(attributes.url)
        host, _ = url.hostname, url.port  # the port is read for its error
    except ValueError:
        raise broken("Url is invalid") from None
    if host and not _HOST.fullmatch(host):
        raise broken("Url is invalid")
    local = service.settings.webhook_urls == "loopback" and url.scheme == "http" and host in LOOPBACK
    if not host or not (url.scheme == "https" or local):
        raise broken("Url must be https")
    # Where Livestorm tells the secret is not known (api.md 7); the sandbox's controls do.
    webhook = Webhook(service.maker.id(), attributes.url, attributes.event, secrets.token_hex(24), call.now)
    service.workspace.webhooks[webhook.id] = webhook
    return Answer({"data": service.documents.webhook(webhook)}, 201)


def delete_webhook(service: Service, _: Call, webhook_id: str) -> Answer:
    """End a subscription."""
    if service.workspace.webhooks.pop(webhook_id, None) is None:
        raise not_found()
    return Answer(None, 204)
