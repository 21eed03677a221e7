"""The Connection's row as a judge sees it: read beside the provider, with the time of every write.

A trigger of ours in PostgreSQL notes each write with the clock, and tells whoever listens: so nobody has to poll.
"""

from __future__ import annotations

import contextlib
import json
import select
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2  # type: ignore[import-untyped]  # it has no types
from cryptography.fernet import Fernet

__all__ = ["Database", "Listener", "Row", "Write"]

_WATCH = """
CREATE TABLE IF NOT EXISTS trial_writes (
    number bigserial PRIMARY KEY, at double precision NOT NULL, conn_id text NOT NULL, extra text
);
CREATE OR REPLACE FUNCTION trial_note() RETURNS trigger AS $$
BEGIN
    INSERT INTO trial_writes (at, conn_id, extra)
        VALUES (extract(epoch FROM clock_timestamp()), NEW.conn_id, NEW.extra);
    PERFORM pg_notify('trial', NEW.conn_id);
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE OR REPLACE TRIGGER trial_note AFTER INSERT OR UPDATE ON connection
    FOR EACH ROW EXECUTE FUNCTION trial_note();
"""

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@dataclass(frozen=True)
class Write:
    """One write of the row.

    Attributes:
        at: UTC unix seconds, a moment before its commit.
        extra: as it was written, decrypted.
    """

    at: float
    extra: dict[str, Any]

    @property
    def state(self) -> dict[str, Any]:
        """The bookkeeping of the rotation, decoded."""
        return dict(json.loads(self.extra.get("token_state") or "{}"))

    @property
    def generation(self) -> int:
        """Of the tokens in it."""
        return int(self.state.get("generation") or 0)


class Database:
    """A connection of our own to Airflow's database; threads take turns.

    Args:
        uri: of libpq.
        fernet: the key that Airflow encrypts with.
    """

    def __init__(self, uri: str, fernet: str) -> None:
        self.uri = uri
        self.fernet = fernet
        self._cipher = Fernet(fernet.encode())
        self._lock = threading.Lock()
        self._connection = psycopg2.connect(uri)
        self._connection.autocommit = True

    def watch(self) -> None:
        """Note every write of a Connection from now on."""
        self.execute(_WATCH)

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, committed at once; its rows, if it has any."""
        with self._lock, self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def decrypt(self, text: str | None) -> dict[str, Any]:
        """`extra` as Airflow stored it."""
        return dict(json.loads(self._cipher.decrypt(text.encode()))) if text else {}

    def encrypt(self, extra: dict[str, Any]) -> str:
        """`extra` as Airflow stores it."""
        return self._cipher.encrypt(json.dumps(extra).encode()).decode()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Row:
    """One Connection."""

    def __init__(self, database: Database, conn_id: str) -> None:
        self.conn_id = conn_id
        self._database = database

    def read(self) -> dict[str, Any]:
        """`extra`, decrypted."""
        return self._database.decrypt(self._column("extra"))

    def description(self) -> str:
        """What people see of it."""
        return str(self._column("description"))

    def write(self, extra: dict[str, Any]) -> None:
        """Replace `extra`, come what may: to set the stage, and for the naive control."""
        self._database.execute(
            "UPDATE connection SET extra = %s WHERE conn_id = %s", (self._database.encrypt(extra), self.conn_id)
        )

    def expire(self) -> dict[str, Any]:
        """Let the access token be stale from now on; `extra` as it is then. Nobody else may write meanwhile."""
        extra = self.read() | {"expires_at": 0}
        self.write(extra)
        return extra

    def writes(self, since: float = 0.0) -> list[Write]:
        """Its writes, oldest first."""
        found = self._database.execute(
            "SELECT at, extra FROM trial_writes WHERE conn_id = %s AND at >= %s ORDER BY number", (self.conn_id, since)
        )
        return [Write(at, self._database.decrypt(extra)) for at, extra in found]

    @contextlib.contextmanager
    def locked(self) -> Iterator[Callable[[int], None]]:
        """Hold up everybody's writes of it; what is given waits until so many are held up."""
        with contextlib.closing(psycopg2.connect(self._database.uri)) as holding:
            with holding.cursor() as cursor:
                cursor.execute("SELECT 1 FROM connection WHERE conn_id = %s FOR UPDATE", (self.conn_id,))
            yield self._wait_for_waiting
            holding.rollback()

    def _wait_for_waiting(self, number: int, patience: float = 30.0) -> None:
        give_up = time.monotonic() + patience
        while self._database.execute(_WAITING)[0][0] < number:
            if time.monotonic() > give_up:
                raise TimeoutError(f"Fewer than {number} wait to write {self.conn_id}.")
            time.sleep(0.005)  # between two looks; PostgreSQL tells nobody of its locks

    def _column(self, name: str) -> str | None:
        ((found,),) = self._database.execute(
            f"SELECT {name} FROM connection WHERE conn_id = %s",  # noqa: S608 - our own two names
            (self.conn_id,),
        )
        return None if found is None else str(found)


class Listener:
    """Wakes at the writes of one row, those since it was made included."""

    def __init__(self, database: Database, conn_id: str) -> None:
        self._conn_id = conn_id
        self._connection = psycopg2.connect(database.uri)
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute("LISTEN trial")

    def wait(self, patience: float = 30.0) -> None:
        """Until the row is written."""
        give_up = time.monotonic() + patience
        while True:
            self._connection.poll()
            heard = [notice.payload for notice in self._connection.notifies]
            self._connection.notifies.clear()
            if self._conn_id in heard:
                return
            left = give_up - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"Nobody wrote {self._conn_id} in {patience:.0f} s.")
            select.select([self._connection], [], [], left)

    def close(self) -> None:
        """Stop listening."""
        self._connection.close()
