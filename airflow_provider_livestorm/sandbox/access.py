"""The controls of who may call: the OAuth application, tokens and grants, and the connection file made of them.

`control.py` serves them under `/_sandbox` with the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from airflow_provider_livestorm.sandbox.answers import registrant_detail
from airflow_provider_livestorm.sandbox.credentials import api_token
from airflow_provider_livestorm.sandbox.doorkeeper import DEFAULT_SCOPE, SCOPES, Doorkeeper
from airflow_provider_livestorm.sandbox.world import Resource, Workspace

__all__ = ["AccessControls"]


@dataclass
class AccessControls:
    """Gives out credentials, and takes them back.

    Attributes:
        api_token: the one that reads, made at the start.
        api_tokens: all of them and their scopes.
    """

    workspace: Workspace
    doorkeeper: Doorkeeper
    api_token: str
    api_tokens: dict[str, frozenset[str]]

    def credentials(self, request: Request, __: dict[str, Any]) -> Resource:
        """What an application or a workspace owner has, and where it is used."""
        application, base = self.doorkeeper.application, str(request.base_url).rstrip("/")
        return {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "redirect_uris": list(application.redirect_uris),
            "api_token": self.api_token,
            "api_url": f"{base}/v1",
            "authorize_url": f"{base}/oauth/authorize",
            "token_url": f"{base}/oauth/token",
            "newest_refresh_token": self.doorkeeper.newest_refresh_token,
        }

    def secrets(self, _: Request, __: dict[str, Any]) -> list[str]:
        """Every secret there is: to look for them where they must not be."""
        found = [self.doorkeeper.application.client_secret, *self.api_tokens, *self.doorkeeper.issued]
        found += [webhook.secret for webhook in self.workspace.webhooks.values()]
        for one in self.workspace.registrations():
            detail = registrant_detail(one)
            found += [detail[name] for name in ("password_key", "connection_link") if detail[name]]
        return found

    def grant(self, _: Request, body: dict[str, Any]) -> Resource:
        """A fresh pair, as if a person had just agreed."""
        pair, application = self.doorkeeper.issue(_scope(body)), self.doorkeeper.application
        return {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "expires_at": pair.created_at + pair.expires_in,
            "scope": pair.scope,
        }

    def connection(self, request: Request, body: dict[str, Any]) -> Resource:
        """An Airflow connection with a fresh grant, as `airflow connections import` reads it from a file."""
        grant, urls = self.grant(request, body), self.credentials(request, body)
        extra = {name: grant[name] for name in ("refresh_token", "scope")}
        extra |= {name: urls[name] for name in ("token_url", "authorize_url")}
        connection = {
            "conn_type": "livestorm", "host": urls["api_url"],
            "port": 0,  # the Test button of Airflow 3.3's list sends 0 for none, and is refused for the difference
            "login": grant["client_id"], "password": grant["client_secret"], "extra": extra,
        }  # fmt: skip
        return {str(body.get("conn_id", "livestorm_default")): connection}

    def make_api_token(self, _: Request, body: dict[str, Any]) -> Resource:
        """One more private API token, as an owner makes them."""
        token, scope = api_token(self.workspace.organization["id"]), _scope(body)
        self.api_tokens[token] = frozenset(scope.split())
        return {"api_token": token, "scope": scope}

    def revoke(self, _: Request, body: dict[str, Any]) -> Resource:
        """`{"token": ...}`, or all of them."""
        self.doorkeeper.revoke(body.get("token"))
        return {}

    def expire(self, _: Request, __: dict[str, Any]) -> Resource:
        """End the life of all access tokens; the clock stays."""
        for pair in self.doorkeeper.by_access.values():
            pair.expires_in = 0
        return {}


def _scope(body: dict[str, Any]) -> str:
    scope = body.get("scope") or DEFAULT_SCOPE
    if not isinstance(scope, str) or not set(scope.split()) <= set(SCOPES):
        raise ValueError(f"scope is some of {' '.join(SCOPES)}")
    return scope
