"""What the sandbox's workspace owner and its OAuth application are given."""

from __future__ import annotations

import base64
import json
import os
import secrets

from airflow_provider_livestorm.sandbox.doorkeeper import Application

__all__ = ["READ_SCOPES", "api_token", "application"]

READ_SCOPES = frozenset({"identity:read", "events:read", "admin:read", "webhooks:read"})


def application(redirect_uris: tuple[str, ...]) -> Application:
    """The OAuth application; its credentials are new at each start unless the environment has some."""
    return Application(
        client_id=os.environ.get("LIVESTORM_SANDBOX_CLIENT_ID") or secrets.token_urlsafe(32),
        client_secret=os.environ.get("LIVESTORM_SANDBOX_CLIENT_SECRET") or secrets.token_urlsafe(32),
        redirect_uris=redirect_uris,
    )


def api_token(organization: str) -> str:
    """JWT-shaped, as Livestorm's are (api.md 1.1); nobody checks its signature, for it is compared whole."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    header, claims = {"alg": "HS256", "typ": "JWT"}, {"organization_id": organization, "jti": secrets.token_hex(16)}
    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(secrets.token_bytes(32))}"
