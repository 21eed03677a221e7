"""What is kept of calls, quota and accounts, in two tables of our own in Airflow's metadata database.

Written by whoever has a database session, and for Airflow 3's tasks by the api-server, to which they report. Read by
the Livestorm page and the command line. Nothing that tasks depend on is here: it may be dropped at any time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow.models.connection import Connection
from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table, delete, insert, select, update
from sqlalchemy.engine import Connection as DatabaseConnection
from sqlalchemy.exc import IntegrityError

from airflow_provider_livestorm.auth.stores.metadata_db import transaction
from airflow_provider_livestorm.auth.stores.own_table import OwnTable
from airflow_provider_livestorm.exceptions import LivestormTokenError
from airflow_provider_livestorm.usage.facts import Identity, Known, QuotaReading, Report, Usage, last_days

__all__ = ["Ledger"]

_NAME_LENGTH = 500  # characters; as names go, more than enough
_metadata = MetaData(schema=Connection.__table__.schema)
_calls = Table(
    "livestorm_calls",
    _metadata,
    Column("conn_id", String(250), primary_key=True),
    Column("day", String(10), primary_key=True, comment="UTC, ISO 8601"),
    Column("calls", BigInteger, nullable=False),
)
_accounts = Table(
    "livestorm_account",
    _metadata,
    Column("conn_id", String(250), primary_key=True),
    Column("credential", String(64), comment="fingerprint of what the next four were learned with"),
    Column("name", String(_NAME_LENGTH)),
    Column("workspace", String(_NAME_LENGTH)),
    Column("workspace_id", String(64)),
    Column("checked_at", BigInteger, comment="UTC unix seconds, like all times here"),
    Column("quota_limit", Integer),
    Column("quota_remaining", Integer),
    Column("quota_at", BigInteger),
    Column("quota_resets_at", BigInteger),
    Column("quota_estimated", Boolean),
)
_WITHOUT = "the Livestorm page cannot show calls, the quota, and as whom a connection is known"

_Result = TypeVar("_Result")

log = logging.getLogger(__name__)


class Ledger:
    """The two tables; what cannot be kept or read is said in the log, and never an error.

    Args:
        clock: UTC unix seconds.
        monotonic: seconds that never go back.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._tables = [OwnTable(table, without=_WITHOUT, monotonic=monotonic) for table in (_calls, _accounts)]

    def record(self, conn_id: str, report: Report) -> None:
        """Add calls to their days, and keep the reading if it is the newest.

        Args:
            conn_id: of the connection that was called with.
            report: of one process.
        """

        def write(database: DatabaseConnection) -> None:
            days = last_days(self._clock())
            for day in sorted(report.calls.keys() & set(days)):  # in one order: two writers must not wait crosswise
                _add(database, conn_id, day, report.calls[day])
            if report.quota is not None:
                _keep_quota(database, conn_id, report.quota)
            database.execute(delete(_calls).where(_calls.c.conn_id == conn_id, _calls.c.day < days[0]))

        self._do(conn_id, write)

    def read(self, conn_id: str) -> Usage:
        """What is known of a connection's calls and quota."""

        def look(database: DatabaseConnection) -> Usage:
            rows = database.execute(select(_calls.c.day, _calls.c.calls).where(_calls.c.conn_id == conn_id)).all()
            counted = {day: int(calls) for day, calls in rows}
            now = self._clock()
            reading = _reading(_row(database, conn_id))
            return Usage(
                tuple((day, counted.get(day, 0)) for day in last_days(now)),
                None if reading is None else reading.told_at(now),
            )

        return self._do(conn_id, look) or Usage()

    def remember(self, conn_id: str, credential: str, identity: Identity) -> None:
        """Keep whom a credential belongs to.

        Args:
            conn_id: of the connection.
            credential: fingerprint of what it was learned with; with another one it is not told.
            identity: as Livestorm said.
        """
        members = {
            "credential": credential,
            "name": _short(identity.name),
            "workspace": _short(identity.workspace),
            "workspace_id": _short(identity.workspace_id, 64),
            "checked_at": int(self._clock()),
        }
        self._do(conn_id, lambda database: _put(database, conn_id, members))

    def recall(self, conn_id: str, credential: str) -> Known | None:
        """Whom a credential belongs to, if that was learned with this one."""
        row = self._do(conn_id, lambda database: _row(database, conn_id))
        if row is None or row["credential"] != credential:
            return None
        return Known(Identity(row["name"], row["workspace"], row["workspace_id"]), float(row["checked_at"]))

    def forget(self, conn_id: str) -> None:
        """Forget whom it belongs to; its calls were made all the same."""
        nobody = dict.fromkeys(("credential", "name", "workspace", "workspace_id", "checked_at"))
        self._do(conn_id, lambda database: _put(database, conn_id, nobody))

    def _do(self, conn_id: str, work: Callable[[DatabaseConnection], _Result]) -> _Result | None:
        try:
            if not all([table.is_there(conn_id) for table in self._tables]):  # noqa: C419 - each is to be made
                return None
            return _in_transaction(conn_id, work)
        except LivestormTokenError as error:
            for table in self._tables:
                table.doubt()
            log.warning("What is known of calls could not be kept or read. %s", error)
            return None


def _in_transaction(conn_id: str, work: Callable[[DatabaseConnection], _Result]) -> _Result:
    """Once more where somebody else made the same row at the same moment: then it is there to be changed."""
    for _ in range(5):
        try:
            with transaction(conn_id) as database:
                return work(database)
        except IntegrityError:
            continue
    raise LivestormTokenError(f"Connection {conn_id!r}: others kept writing the same row.")


def _add(database: DatabaseConnection, conn_id: str, day: str, calls: int) -> None:
    added = database.execute(
        update(_calls).where(_calls.c.conn_id == conn_id, _calls.c.day == day).values(calls=_calls.c.calls + calls)
    )
    if not added.rowcount:
        database.execute(insert(_calls).values(conn_id=conn_id, day=day, calls=calls))


def _keep_quota(database: DatabaseConnection, conn_id: str, reading: QuotaReading) -> None:
    older = _reading(_row(database, conn_id, locked=True))
    if older is not None and older.at > reading.at:
        return
    kept = reading.after(older)
    members = {
        "quota_limit": kept.limit if kept.limit is not None or older is None else older.limit,
        "quota_remaining": kept.remaining,
        "quota_at": int(kept.at),
        "quota_resets_at": None if kept.resets_at is None else int(kept.resets_at),
        "quota_estimated": kept.estimated,
    }
    _put(database, conn_id, members)


def _put(database: DatabaseConnection, conn_id: str, members: Mapping[str, Any]) -> None:
    put = database.execute(update(_accounts).where(_accounts.c.conn_id == conn_id).values(members))
    if not put.rowcount:
        database.execute(insert(_accounts).values({"conn_id": conn_id, **members}))


def _row(database: DatabaseConnection, conn_id: str, *, locked: bool = False) -> Mapping[str, Any] | None:
    found = select(_accounts).where(_accounts.c.conn_id == conn_id)
    row = database.execute(found.with_for_update() if locked else found).mappings().one_or_none()
    return None if row is None else {str(name): value for name, value in row.items()}


def _reading(row: Mapping[str, Any] | None) -> QuotaReading | None:
    if row is None or row["quota_at"] is None:
        return None
    resets_at = row["quota_resets_at"]
    return QuotaReading(
        row["quota_limit"], row["quota_remaining"], float(row["quota_at"]),
        None if resets_at is None else float(resets_at), bool(row["quota_estimated"]),
    )  # fmt: skip


def _short(text: str | None, length: int = _NAME_LENGTH) -> str | None:
    return None if text is None else text[:length]
