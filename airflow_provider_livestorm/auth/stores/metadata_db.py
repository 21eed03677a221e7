"""A row of Airflow's table of connections as a token store: the connection's own, or one beside it.

For the processes that have a database session: the api-server, the command line, `airflow dags test`, and any task of
Airflow 2. `extra` stays Fernet-encrypted; the compare-and-swap compares the encrypted text, which differs at each write
even where the clear text does not.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow import settings
from airflow.configuration import ensure_secrets_loaded
from airflow.models.connection import Connection
from airflow.models.crypto import get_fernet
from airflow.secrets.metastore import MetastoreBackend
from sqlalchemy import Table, insert, select, update
from sqlalchemy.engine import Connection as DatabaseConnection
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from airflow_provider_livestorm.auth.stores import Snapshot, sown
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormTokenError

__all__ = [
    "SIBLING_SUFFIX", "MetadataDbStore", "SiblingStore", "connection_ids", "engine", "find_connection", "find_row",
    "transaction",
]  # fmt: skip

SIBLING_SUFFIX = "__oauth"
SIBLING_TYPE = "generic"
_table: Table = Connection.__table__

log = logging.getLogger(__name__)


@contextmanager
def transaction(conn_id: str) -> Iterator[DatabaseConnection]:
    """A transaction of its own in the metadata database, apart from whatever session the caller may have open.

    Args:
        conn_id: for messages.

    Raises:
        IntegrityError: a row was there already.
        LivestormTokenError: the database failed; a retry may help.
    """
    try:
        with engine().begin() as database:
            yield database
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        # Only the kind of error: SQLAlchemy's own message repeats the statement's parameters.
        raise LivestormTokenError(
            f"Connection {conn_id!r}: Airflow's metadata database failed ({type(error).__name__}); try again."
        ) from None


class MetadataDbStore:
    """Keeps the tokens of one connection in its own row.

    Args:
        conn_id: of a connection in the metadata database.
    """

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id
        self._row = _Row(conn_id, conn_id)

    def read(self) -> Snapshot:
        """What the row holds now.

        Raises:
            LivestormConfigurationError: there is no such row, or its `extra` is no JSON object.
            LivestormTokenError: the database could not be read.
        """
        found = self._row.read()
        if found is None:
            raise LivestormConfigurationError(
                f"Connection {self._conn_id!r} is not in Airflow's metadata database any more."
            )
        return found

    def compare_and_swap(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        """Write `extra` if the row still holds the text that `seen` was read from; None if it does not.

        Raises:
            LivestormTokenError: the database failed; it is not known whether the write took place.
        """
        return self._row.update(seen, extra)


class SiblingStore:
    """Keeps the tokens of a connection that cannot be written, in a row of its own: `<conn_id>__oauth`.

    For connections from environment variables and secrets backends: their refresh token is a seed (`stores.sown`).

    Args:
        conn_id: of the connection.
        seed: its refresh token, as it is configured.
    """

    def __init__(self, conn_id: str, seed: str | None) -> None:
        self._seed = seed
        self._row = _Row(conn_id, f"{conn_id}{SIBLING_SUFFIX}")

    def read(self) -> Snapshot:
        """What the row holds now; the seed alone where there is no row yet, or where the seed is new.

        Raises:
            LivestormConfigurationError: the row's `extra` is no JSON object.
            LivestormTokenError: the database could not be read.
        """
        found = self._row.read()
        extra, revision = (found.extra, found.revision) if found is not None else ({}, None)
        return Snapshot(sown(extra, self._seed), revision)

    def compare_and_swap(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        """As of `MetadataDbStore`; makes the row where there was none."""
        return self._row.insert(extra) if seen.revision is None else self._row.update(seen, extra)


class _Row:
    """One row, by its id; `conn_id` is the connection that its tokens are for."""

    def __init__(self, conn_id: str, row_id: str) -> None:
        self._conn_id = conn_id
        self._row_id = row_id

    def read(self) -> Snapshot | None:
        with transaction(self._conn_id) as database:
            row = database.execute(
                select(_table.c.extra, _table.c.is_extra_encrypted).where(_table.c.conn_id == self._row_id)
            ).one_or_none()
        if row is None:
            return None
        text, encrypted = row
        if text and encrypted:
            text = get_fernet().decrypt(text.encode()).decode()
        extra = _decode(text)
        if extra is None:
            raise LivestormConfigurationError(f"Connection {self._row_id!r}: its extra field is not a JSON object.")
        return Snapshot(extra, row[0])

    def update(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        text, encrypted = _encode(extra)
        with transaction(self._conn_id) as database:
            written = database.execute(
                update(_table)
                .where(_table.c.conn_id == self._row_id, _table.c.extra == seen.revision)
                .values(extra=text, is_extra_encrypted=encrypted)
            )
        return Snapshot(extra, text) if written.rowcount == 1 else None

    def insert(self, extra: dict[str, Any]) -> Snapshot | None:
        text, encrypted = _encode(extra)
        members = {
            "conn_id": self._row_id, "conn_type": SIBLING_TYPE, "extra": text, "is_extra_encrypted": encrypted,
            "is_encrypted": False,
            "description": f"Tokens of {self._conn_id}, which lives elsewhere; kept by the Livestorm provider.",
        }  # fmt: skip
        try:
            with transaction(self._conn_id) as database:
                database.execute(insert(_table).values(members))
        except IntegrityError:  # somebody was faster
            return None
        return Snapshot(extra, text)


def find_connection(conn_id: str) -> tuple[Connection | None, bool]:
    """A connection as Airflow finds it, and whether it lives elsewhere than in the metadata database.

    The first backend that has it counts; a row of the same id behind it is shadowed, and never read.

    Raises:
        LivestormTokenError: the database failed, or another backend did and the rest have none; a retry may help.
        PermissionError: a backend denied it.
    """
    failed: list[str] = []
    for backend in ensure_secrets_loaded():
        try:
            found = backend.get_connection(conn_id=conn_id)
        except PermissionError:  # a backend that denies must not be passed over (AirflowSecretsBackendAccessDenied)
            raise
        except SQLAlchemyError as error:
            raise LivestormTokenError(
                f"Connection {conn_id!r}: Airflow's metadata database failed ({type(error).__name__}); try again."
            ) from None
        except Exception as error:  # noqa: BLE001 - Airflow goes on to the next backend, and so must we
            log.warning("Secrets backend %s failed for %s: %s", type(backend).__name__, conn_id, type(error).__name__)
            failed.append(type(backend).__name__)
            continue
        if found is not None:
            return found, not isinstance(backend, MetastoreBackend)
    if failed:  # it may be there: "there is none" would be a verdict, and a final one for the caller
        raise LivestormTokenError(
            f"Connection {conn_id!r}: secrets backend {', '.join(failed)} failed, and no other has it; try again."
        )
    return None, False


def connection_ids(conn_type: str) -> list[str]:
    """Ids of the connections of a type, as far as they can be listed, in order.

    Those of the metadata database, of this process's environment, and of a secrets backend (which cannot be asked for a
    list) those whose tokens are kept here in a row beside them.

    Raises:
        LivestormTokenError: the database failed; a retry may help.
    """
    is_sibling = _table.c.conn_id.endswith(SIBLING_SUFFIX, autoescape=True) & (_table.c.conn_type == SIBLING_TYPE)
    with transaction(conn_type) as database:
        rows = database.scalars(select(_table.c.conn_id).where(_table.c.conn_type == conn_type)).all()
        siblings = database.scalars(select(_table.c.conn_id).where(is_sibling)).all()
    prefix = "AIRFLOW_CONN_"
    elsewhere = {name.removeprefix(prefix).lower() for name in os.environ if name.startswith(prefix)}
    elsewhere |= {name.removesuffix(SIBLING_SUFFIX) for name in siblings}
    return sorted({*rows, *(conn_id for conn_id in elsewhere if _is_of_type(conn_id, conn_type))})


def _is_of_type(conn_id: str, conn_type: str) -> bool:
    try:
        found = find_connection(conn_id)[0]
    except (LivestormTokenError, PermissionError):
        return False
    return found is not None and found.conn_type == conn_type


def find_row(conn_id: str, client_id: str, refresh_token: str) -> str | None:
    """The id of the row that keeps a connection's tokens: `conn_id` itself, or the one that it is an unsaved copy of.

    Args:
        conn_id: of the connection at hand.
        client_id: its login.
        refresh_token: as the connection at hand has it, empty where it has none; a copy of a saved row has the same.
    """
    with Session(engine()) as session:
        rows = session.scalars(
            select(Connection).where(Connection.conn_type == "livestorm", Connection.login == client_id)
        ).all()
    if any(row.conn_id == conn_id for row in rows):
        return conn_id
    copies = (row.conn_id for row in rows if ((_decode(row.extra) or {}).get("refresh_token") or "") == refresh_token)
    return next(copies, None)


def engine() -> Engine:
    """The metadata database, as Airflow opened it in this process.

    Raises:
        LivestormConfigurationError: it did not.
    """
    opened: Engine | None = getattr(settings, "engine", None)
    if opened is None:  # an Airflow 3 task, where `[livestorm] token_store` was forced
        raise LivestormConfigurationError(
            "This process has no access to Airflow's metadata database; set [livestorm] token_store to auto or broker."
        )
    return opened


def _encode(extra: dict[str, Any]) -> tuple[str, bool]:
    fernet = get_fernet()
    return fernet.encrypt(json.dumps(extra).encode()).decode(), fernet.is_encrypted


def _decode(text: str | None) -> dict[str, Any] | None:
    """`extra` as a dictionary; None where it is not a JSON object."""
    try:
        extra = json.loads(text) if text else {}
    except json.JSONDecodeError:
        return None
    return extra if isinstance(extra, dict) else None
