"""Who may see a connection, and who may act on it: what Airflow's auth manager says of its connections."""

from __future__ import annotations

from typing import Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.models.connection import Connection

__all__ = ["login_url", "may"]


def may(user: Any, method: Literal["GET", "PUT"], conn_id: str | None = None) -> bool:
    """Whether a user may see (GET) or edit (PUT) a connection; without an id, connections at all.

    Args:
        user: of Airflow's auth manager.
        method: what for.
        conn_id: of the connection.
    """
    details = None
    if conn_id is not None:
        details = ConnectionDetails(conn_id=conn_id)
        if hasattr(details, "team_name"):  # not in the first Airflow 3
            details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return bool(get_auth_manager().is_authorized_connection(method=method, details=details, user=user))


def login_url(back: str) -> str:
    """Where a person logs in to Airflow.

    Args:
        back: a URL of ours to come back to.
    """
    return str(get_auth_manager().get_url_login(next_url=back))
