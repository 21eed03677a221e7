"""A small table of our own in Airflow's metadata database: made at its first use, as a provider has no migrations.

Used by `spent_proofs.py` and by `usage/ledger.py`. Such a table may be dropped at any time while no api-server runs.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from sqlalchemy import Table, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from airflow_provider_livestorm.auth.stores.metadata_db import engine, transaction

__all__ = ["OwnTable"]

_LOOK_AGAIN_SECONDS = 300.0  # for a table that could not be made: a person may make it

log = logging.getLogger(__name__)


class OwnTable:
    """One table.

    Args:
        table: as SQLAlchemy has it.
        without: what it means for people where it cannot be made: the end of a sentence.
        monotonic: seconds that never go back.
    """

    def __init__(self, table: Table, *, without: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._without = without
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ready: bool | None = None
        self._look_again_at = -math.inf
        self._warned = False

    def is_there(self, conn_id: str) -> bool:
        """Whether it can be used; makes it where it is not there, and says once in the log if that cannot be done.

        Args:
            conn_id: for messages.

        Raises:
            LivestormTokenError: the database failed; a retry may help.
        """
        with self._lock:
            now = self._monotonic()
            if self._ready is None or (not self._ready and now >= self._look_again_at):
                self._ready = self._make(conn_id)
                self._look_again_at = now + _LOOK_AGAIN_SECONDS
            return self._ready

    def doubt(self) -> None:
        """It failed, and may have been dropped: look again at its next use."""
        self._ready = None

    def _make(self, conn_id: str) -> bool:
        refusal = "it was not made"
        try:
            self._table.create(engine(), checkfirst=True)
        except SQLAlchemyError as error:  # another api-server may have made it at the same moment
            refusal = type(error).__name__
        with transaction(conn_id) as database:
            if inspect(database).has_table(self._table.name, schema=self._table.schema):
                return True
        if not self._warned:
            self._warned = True
            statement = " ".join(str(CreateTable(self._table).compile(engine())).split())
            log.warning(
                "The table %s cannot be made in Airflow's metadata database (%s): %s. Let Airflow's database user make"
                " it, or make it yourself: %s.",
                self._table.fullname, refusal, self._without, statement,
            )  # fmt: skip
        return False
