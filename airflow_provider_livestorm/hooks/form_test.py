"""The Test button of the Connection form: with which credential it calls, and what it says of the answer.

Airflow tests a copy of the form under a random id, in the api-server; the hook's `test_connection` is called there.
"""

from __future__ import annotations

from airflow_provider_livestorm.api.json_api import Document, Quota
from airflow_provider_livestorm.auth.credentials import ApiToken, OAuthCredential, TokenSource
from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings, open_lease, token_source
from airflow_provider_livestorm.hooks.masking import mask_secret

__all__ = ["credential_for_test", "introduce"]


def credential_for_test(settings: ConnectionSettings) -> ApiToken | OAuthCredential:
    """A credential that spends no refresh token which nobody would keep.

    The copy of the form is as good as the saved row with the same refresh token; where there is none, its refresh token
    must stay unspent.

    Raises:
        LivestormConfigurationError: the form was not saved yet.
    """
    if settings.client_id is None:
        return ApiToken(settings.secret)
    return OAuthCredential(_source(settings))


def _source(settings: ConnectionSettings) -> TokenSource:
    from airflow_provider_livestorm.auth.stores.variable import VariableReader  # noqa: PLC0415 - imports Airflow's

    source = token_source(settings)
    if not isinstance(source, TokenLease | VariableReader):
        return source  # the broker knows the row

    from airflow_provider_livestorm.auth.stores.metadata_db import find_row  # noqa: PLC0415 - has a database

    home = find_row(settings.conn_id, settings.client_id or "", settings.extra.get("refresh_token"))
    if isinstance(source, VariableReader):
        # A person is waiting: what the refresh DAG has not stored, it will not store in this minute.
        return VariableReader(home or settings.conn_id, mask=mask_secret, patience=0.0)
    if home is None:
        raise LivestormConfigurationError(
            "Save the connection first, then test it: a test spends its refresh token, and the new one would be lost"
            " with the unsaved form."
        )
    return open_lease(settings, conn_id=home)


def introduce(document: Document, quota: Quota) -> str:
    """A line for people: who the credential belongs to, and what is left of the month."""
    who = document.one.attributes
    name = who.get("name") or " ".join(part for part in (who.get("first_name"), who.get("last_name")) if part)
    if who.get("email"):
        name = f"{name} ({who['email']})" if name else str(who["email"])
    workspaces = [entry.attributes.get("name") for entry in document.included if entry.type == "organizations"]
    place = f", workspace {workspaces[0]}" if workspaces and workspaces[0] else ""
    left = ""
    if quota.monthly_remaining is not None:
        of = f" of {quota.monthly_limit:,}" if quota.monthly_limit is not None else ""
        left = f"; {quota.monthly_remaining:,}{of} calls left this month"
    return f"Connected as {name or 'an unnamed account'}{place}{left}."
