"""The Connection row in Airflow's metadata database as a token store.

For the processes that have a database session: the api-server, the command line, `airflow dags test`, and any task of
Airflow 2. `extra` stays Fernet-encrypted; the compare-and-swap compares the encrypted text, which differs at each write
even where the clear text does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow import settings
from airflow.models.connection import Connection
from airflow.models.crypto import get_fernet
from sqlalchemy import Table, select, update
from sqlalchemy.engine import Connection as DatabaseConnection
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from airflow_provider_livestorm.auth.stores import Snapshot
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormTokenError

__all__ = ["MetadataDbStore", "find_row"]

_table: Table = Connection.__table__


class MetadataDbStore:
    """Keeps the tokens of one connection in its own row.

    Args:
        conn_id: of a connection in the metadata database.
    """

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id

    def read(self) -> Snapshot:
        """What the row holds now.

        Raises:
            LivestormConfigurationError: there is no such row, or its `extra` is no JSON object.
            LivestormTokenError: the database could not be read.
        """
        with self._transaction() as database:
            row = database.execute(
                select(_table.c.extra, _table.c.is_extra_encrypted).where(_table.c.conn_id == self._conn_id)
            ).one_or_none()
        if row is None:
            raise LivestormConfigurationError(
                f"Connection {self._conn_id!r} is not in Airflow's metadata database. Refresh tokens rotate, so an"
                " OAuth connection cannot live in an environment variable or a secrets backend: create it in"
                " Airflow (Admin > Connections), or use a private API token."
            )
        text, encrypted = row
        if text and encrypted:
            text = get_fernet().decrypt(text.encode()).decode()
        extra = _decode(text)
        if extra is None:
            raise LivestormConfigurationError(f"Connection {self._conn_id!r}: its extra field is not a JSON object.")
        return Snapshot(extra, row[0])

    def compare_and_swap(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        """Write `extra` if the row still holds the text that `seen` was read from; None if it does not.

        Raises:
            LivestormTokenError: the database failed; it is not known whether the write took place.
        """
        fernet = get_fernet()
        text = fernet.encrypt(json.dumps(extra).encode()).decode()
        with self._transaction() as database:
            written = database.execute(
                update(_table)
                .where(_table.c.conn_id == self._conn_id, _table.c.extra == seen.revision)
                .values(extra=text, is_extra_encrypted=fernet.is_encrypted)
            )
        return Snapshot(extra, text) if written.rowcount == 1 else None

    @contextmanager
    def _transaction(self) -> Iterator[DatabaseConnection]:
        """A transaction of its own, apart from whatever session the caller may have open."""
        try:
            with _engine().begin() as database:
                yield database
        except SQLAlchemyError as error:
            # Only the kind of error: SQLAlchemy's own message repeats the statement's parameters.
            raise LivestormTokenError(
                f"Connection {self._conn_id!r}: Airflow's metadata database failed ({type(error).__name__}); try again."
            ) from None


def find_row(conn_id: str, client_id: str, refresh_token: str | None) -> str | None:
    """The id of the row that keeps a connection's tokens: `conn_id` itself, or the one that it is an unsaved copy of.

    Args:
        conn_id: of the connection at hand.
        client_id: its login.
        refresh_token: as the connection at hand has it; a copy of a saved row has the same.
    """
    with Session(_engine()) as session:
        rows = session.scalars(
            select(Connection).where(Connection.conn_type == "livestorm", Connection.login == client_id)
        ).all()
    if any(row.conn_id == conn_id for row in rows):
        return conn_id
    copies = (row.conn_id for row in rows if ((_decode(row.extra) or {}).get("refresh_token") == refresh_token))
    return next(copies, None) if refresh_token else None


def _engine() -> Engine:
    engine: Engine | None = getattr(settings, "engine", None)
    if engine is None:  # an Airflow 3 task, where `[livestorm] token_store` was forced
        raise LivestormConfigurationError(
            "This process has no access to Airflow's metadata database; set [livestorm] token_store to auto or broker."
        )
    return engine


def _decode(text: str | None) -> dict[str, Any] | None:
    """`extra` as a dictionary; None where it is not a JSON object."""
    try:
        extra = json.loads(text) if text else {}
    except json.JSONDecodeError:
        return None
    return extra if isinstance(extra, dict) else None
