"""Where a connection is looked for, and that a secrets backend which fails is no verdict on it."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.models.connection import Connection

from airflow_provider_livestorm.auth.stores import metadata_db
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormTokenError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings, open_lease, server_side_settings

FOUND = Connection(conn_id="conn", conn_type="livestorm", login="client", password="the-client-secret")


class Vault:
    """A secrets backend that is sealed."""

    def get_connection(self, conn_id: str) -> Connection | None:
        raise ConnectionError(f"token hvs.the-vault-token may not read {conn_id}: sealed")


class Backend:
    def __init__(self, found: Connection | None = None) -> None:
        self._found = found

    def get_connection(self, conn_id: str) -> Connection | None:
        return self._found


class Denying:
    def get_connection(self, conn_id: str) -> Connection | None:
        raise PermissionError(conn_id)


def backends(monkeypatch: pytest.MonkeyPatch, *them: Any) -> None:
    monkeypatch.setattr(metadata_db, "ensure_secrets_loaded", lambda: list(them))


def test_another_backend_may_have_what_a_failing_one_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    backends(monkeypatch, Vault(), Backend(FOUND))
    assert metadata_db.find_connection("conn") == (FOUND, True)


def test_where_one_failed_and_none_has_it_a_retry_may_help(monkeypatch: pytest.MonkeyPatch) -> None:
    backends(monkeypatch, Backend(), Vault(), Backend())
    with pytest.raises(LivestormTokenError, match=r"Connection 'conn': .*Vault.*try again") as caught:
        server_side_settings("conn")
    assert "hvs" not in str(caught.value)
    with pytest.raises(LivestormTokenError, match="Vault"):
        open_lease(ConnectionSettings("conn", "client", "the-client-secret"))


def test_where_none_failed_and_none_has_it_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    backends(monkeypatch, Backend(), Backend())
    with pytest.raises(LivestormConfigurationError, match="There is no connection 'conn'"):
        server_side_settings("conn")


def test_one_that_denies_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    backends(monkeypatch, Vault(), Denying(), Backend(FOUND))
    with pytest.raises(PermissionError):
        metadata_db.find_connection("conn")
