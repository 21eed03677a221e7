"""Which proofs were shown to the token broker already, for all api-servers of one Airflow: a small table of our own.

None of Airflow's own tables can say "this one is new" to several processes at once without showing rows to people. Ours
is made at its first use, holds digests for the minute or two that a proof could be shown again, and may be dropped at
any time while no api-server runs.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable

from airflow.models.connection import Connection
from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, insert
from sqlalchemy.exc import IntegrityError

from airflow_provider_livestorm.auth.stores.metadata_db import transaction
from airflow_provider_livestorm.auth.stores.own_table import OwnTable
from airflow_provider_livestorm.exceptions import LivestormTokenError

__all__ = ["SpentHere", "SpentProofs"]

_SWEEP_SECONDS = 60.0
_table = Table(
    "livestorm_spent_proof",
    MetaData(schema=Connection.__table__.schema),
    Column("proof", String(64), primary_key=True, comment="SHA-256 of the connection's id and the proof's jti, in hex"),
    Column("expires_at", BigInteger, nullable=False, index=True, comment="UTC unix seconds"),
)

log = logging.getLogger(__name__)


class SpentHere:
    """Remembers the proofs that this process saw.

    Args:
        clock: UTC unix seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], float] = {}

    def first_use(self, conn_id: str, proof_id: str, expires_at: float) -> bool:
        """Whether it was never shown before; it is spent by this.

        Args:
            conn_id: that it was signed for.
            proof_id: its `jti`.
            expires_at: UTC unix seconds; it is forgotten then.
        """
        with self._lock:
            now = self._clock()
            if (conn_id, proof_id) in self._known:
                return False
            self._known = {known: until for known, until in self._known.items() if until > now}
            self._known[conn_id, proof_id] = expires_at
        return True


class SpentProofs:
    """Remembers the proofs that any api-server of this Airflow saw.

    Where the database's user may not make a table, each process remembers its own, and says so once.

    Args:
        clock: UTC unix seconds.
        monotonic: seconds that never go back.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._own = OwnTable(
            _table,
            without="a request to the token broker that is overheard could be repeated at another api-server for a"
            " minute",
            monotonic=monotonic,
        )
        self._swept_at = -math.inf
        self._here = SpentHere(clock=clock)

    def first_use(self, conn_id: str, proof_id: str, expires_at: float) -> bool:
        """As of `SpentHere`.

        Raises:
            LivestormTokenError: the database failed; a retry, with another proof, may help.
        """
        if not self._here.first_use(conn_id, proof_id, expires_at):
            return False
        if not self._own.is_there(conn_id):
            return True
        digest = hashlib.sha256(f"{conn_id}\n{proof_id}".encode()).hexdigest()
        try:
            with transaction(conn_id) as database:
                database.execute(insert(_table).values(proof=digest, expires_at=int(expires_at) + 1))
        except IntegrityError:
            return False
        except LivestormTokenError:
            self._own.doubt()
            raise
        self._sweep(conn_id)
        return True

    def _sweep(self, conn_id: str) -> None:
        with self._lock:
            now = self._monotonic()
            if now - self._swept_at < _SWEEP_SECONDS:
                return
            self._swept_at = now
        try:
            with transaction(conn_id) as database:
                database.execute(delete(_table).where(_table.c.expires_at < int(self._clock())))
        except LivestormTokenError as error:  # the caller's proof is good, and spent by now: let it in
            log.warning("The table %s could not be swept. %s", _table.fullname, error)
