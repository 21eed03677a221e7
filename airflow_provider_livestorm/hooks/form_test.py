"""The Test button of the Connection form: with which credential it calls, and what it says of the answer.

Airflow tests a copy of the form under a random id, in the api-server; the hook's `test_connection` is called there. The
Livestorm page and the command line, which test by `LivestormAccount`, say it in the same words.
"""

from __future__ import annotations

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.json_api import Document, Quota
from airflow_provider_livestorm.auth.credentials import ApiToken, OAuthCredential, TokenSource
from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.exceptions import (
    LivestormAuthenticationError,
    LivestormConfigurationError,
    LivestormForbiddenError,
    LivestormReconnectRequiredError,
)
from airflow_provider_livestorm.hooks.connection import (
    ConnectionSettings,
    connect_page,
    open_lease,
    token_source,
)
from airflow_provider_livestorm.hooks.form import UNCHANGED
from airflow_provider_livestorm.hooks.masking import mask_secret
from airflow_provider_livestorm.usage.facts import Identity

__all__ = ["ask_who", "credential_for_test", "introduce", "scope_of", "who"]


def credential_for_test(settings: ConnectionSettings) -> ApiToken | OAuthCredential:
    """A credential that spends no refresh token which nobody would keep.

    The copy of the form is as good as the saved row with the same refresh token; where there is none, its refresh token
    must stay unspent.

    Raises:
        LivestormConfigurationError: the form was not saved yet.
        LivestormReconnectRequiredError: it was saved, and nobody has authorized it since.
    """
    if settings.client_id is None:
        return ApiToken(settings.secret)
    return OAuthCredential(_source(settings))


def _source(settings: ConnectionSettings) -> TokenSource:
    from airflow_provider_livestorm.auth.stores.variable import VariableReader  # noqa: PLC0415 - imports Airflow's

    source = token_source(settings)
    if not isinstance(source, TokenLease | VariableReader):
        return source  # the broker knows the row

    from airflow_provider_livestorm.auth.stores.metadata_db import SiblingStore, find_row  # noqa: PLC0415 - a database

    typed = settings.extra.get("refresh_token") or ""
    if SiblingStore(settings.conn_id, None).read().revision is not None:  # from the environment, and no copy
        home: str | None = settings.conn_id
    else:
        home = find_row(settings.conn_id, settings.client_id or "", typed)
    # Who shows no token is told what to do, and no more: the copy's host may be anybody's.
    if home is not None and home != settings.conn_id and not typed:
        raise _not_authorized(home)
    if isinstance(source, VariableReader):
        # A person is waiting: what the refresh DAG has not stored, it will not store in this minute.
        return VariableReader(home or settings.conn_id, mask=mask_secret, patience=0.0)
    if home is None:
        raise _not_saved(typed)
    return open_lease(settings, conn_id=home)


def _not_saved(typed: str) -> LivestormConfigurationError:
    if typed == UNCHANGED:
        return LivestormConfigurationError(
            "Airflow 2 does not hand a saved refresh token to its Test button: run `airflow connections test CONN_ID`."
        )
    if not typed:
        return LivestormConfigurationError("Save the connection and authorize it at Livestorm, then test it.")
    return LivestormConfigurationError(
        "Save the connection first, then test it: a test spends its refresh token, and the new one would be lost"
        " with the unsaved form."
    )


def _not_authorized(conn_id: str) -> LivestormReconnectRequiredError:
    page = connect_page(conn_id)
    todo = f"open {page} and click Connect" if page else f"run `airflow-livestorm connect {conn_id}` beside Airflow"
    return LivestormReconnectRequiredError(f"Nobody has authorized this connection at Livestorm yet: {todo}.")


def ask_who(client: LivestormClient) -> Document | None:
    """The answer of `/me` with its organization; None where the credential lives and may not ask for it.

    Raises:
        LivestormError: Livestorm refuses the credential, or cannot be reached.
    """
    try:
        return client.request("GET", "/me", params={"include": "organization"}).document
    except (LivestormForbiddenError, LivestormAuthenticationError):  # a scope that lacks may be either (api.md 1.2)
        client.request("GET", "/ping")  # any live token may
        return None


def scope_of(credential: ApiToken | OAuthCredential) -> str | None:
    """What an authorization was granted; Livestorm does not tell it of a private API token."""
    return credential.token().scope if isinstance(credential, OAuthCredential) else None


def who(document: Document) -> Identity:
    """Whom the credential belongs to, from the answer of `/me` with its organization included (api.md 6.6)."""
    found = document.one
    said = found.attributes
    name = said.get("name") or " ".join(part for part in (said.get("first_name"), said.get("last_name")) if part)
    if said.get("email"):
        name = f"{name} ({said['email']})" if name else str(said["email"])
    workspaces = [found] if found.type == "organizations" else document.included
    workspace = next((one for one in workspaces if one.type == "organizations"), None)
    return Identity(
        name=str(name) if name else None,
        workspace=None if workspace is None else str(workspace.attributes.get("name") or "") or None,
        workspace_id=None if workspace is None else workspace.id,
    )


def introduce(document: Document | None, quota: Quota, scope: str | None) -> str:
    """A line for people: whom the credential belongs to, what it may do, and what is left of the month."""
    if document is None:
        name, place = "somebody whom Livestorm does not name without the scope identity:read", ""
    else:
        identity = who(document)
        name = identity.name or "an unnamed account"
        place = f", workspace {identity.workspace}" if identity.workspace and identity.workspace != name else ""
    scopes = f"; scopes {', '.join(scope.split())}" if scope else ""
    left = ""
    if quota.monthly_remaining is not None:
        of = f" of {quota.monthly_limit:,}" if quota.monthly_limit is not None else ""
        left = f"; {quota.monthly_remaining:,}{of} calls left this month"
    return f"Connected as {name}{place}{scopes}{left}."
