"""An Airflow Variable as a token store: for an Airflow 3 whose api-server cannot have the plugin.

It is chosen by `[livestorm] token_store = variable`, and never by itself: a Variable has no compare-and-swap, so one
task alone may write it, that of the DAG which `refresh_dag.token_refresh_dag` makes. Everybody else reads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from airflow.providers.common.compat.sdk import Variable

from airflow_provider_livestorm.auth.refusals import reconnect
from airflow_provider_livestorm.auth.stores import Snapshot, sown
from airflow_provider_livestorm.auth.token import TokenRecord, TokenSet, TokenState, fingerprint
from airflow_provider_livestorm.exceptions import LivestormReconnectRequiredError, LivestormTokenError

__all__ = ["VariableReader", "VariableStore", "variable_name"]

_POLL_SECONDS = 5.0


def variable_name(conn_id: str) -> str:
    """Of a connection's Variable; by the word `token` Airflow knows that its value is secret."""
    return f"livestorm_token__{conn_id}"


class VariableStore:
    """The store of the one writer.

    Args:
        conn_id: of the connection.
        seed: its refresh token; one that was never seen before is a new authorization and wins.
    """

    def __init__(self, conn_id: str, seed: str | None) -> None:
        self._conn_id = conn_id
        self._seed = seed

    def read(self) -> Snapshot:
        """What the Variable holds now.

        Raises:
            LivestormTokenError: it is not what this provider writes, or cannot be read.
        """
        text = _read(self._conn_id)
        return Snapshot(sown(_decode(self._conn_id, text), self._seed), text)

    def compare_and_swap(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
        """Write, if it is as it was seen: that is no guard against a second writer, for there must be none."""
        if _read(self._conn_id) != seen.revision:
            return None
        text = json.dumps(extra)
        try:
            Variable.set(variable_name(self._conn_id), text)
        except Exception as error:  # noqa: BLE001 - Airflow's own kinds differ by version; all that help is a retry
            raise LivestormTokenError(
                f"Connection {self._conn_id!r}: the Variable {variable_name(self._conn_id)!r} could not be written"
                f" ({type(error).__name__}); try again."
            ) from None
        return Snapshot(extra, text)


class VariableReader:
    """Gives the access token that the refresh DAG has stored; writes nothing, and spends no refresh token.

    Args:
        conn_id: of the connection.
        mask: told every token before anyone else sees it.
        patience: seconds to wait for the refresh DAG.
        clock: UTC unix seconds.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        conn_id: str,
        *,
        mask: Callable[[str], None],
        patience: float = 120.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._conn_id = conn_id
        self._mask = mask
        self._patience = patience
        self._clock = clock
        self._sleep = sleep

    def get(self, *, refused: str | None = None) -> TokenSet:
        """A fresh access token, another than the one with the fingerprint `refused`.

        Raises:
            LivestormReconnectRequiredError: the refresh token is dead.
            LivestormTokenError: the refresh DAG has stored none in time; a retry may help.
        """
        give_up = self._clock() + self._patience
        while True:
            record = TokenRecord.from_extra(_decode(self._conn_id, _read(self._conn_id)))
            token = record.token
            for secret in (record.refresh_token, token.access_token if token is not None else None):
                if secret:  # whoever reads the Variable may show either
                    self._mask(secret)
            if (
                token is not None
                and token.state(self._clock()) is TokenState.FRESH
                and fingerprint(token.access_token) != refused
            ):
                return token
            if record.refusal is not None and record.refusal.error == "invalid_grant":
                raise LivestormReconnectRequiredError(
                    f"Connection {self._conn_id!r}: Livestorm says that its refresh token is no longer valid."
                    f" {reconnect(self._conn_id, None)} The refresh DAG takes it from there."
                )
            if self._clock() >= give_up:
                raise LivestormTokenError(
                    f"Connection {self._conn_id!r}: the Variable {variable_name(self._conn_id)!r} holds no fresh access"
                    " token. Is the refresh DAG of this connection switched on, and does it run?"
                )
            self._sleep(_POLL_SECONDS)


def _read(conn_id: str) -> str | None:
    try:
        text = Variable.get(variable_name(conn_id), None)  # by position: the second has two names
    except Exception as error:  # noqa: BLE001 - as above
        raise LivestormTokenError(
            f"Connection {conn_id!r}: the Variable {variable_name(conn_id)!r} could not be read"
            f" ({type(error).__name__}); try again."
        ) from None
    return None if text is None else str(text)


def _decode(conn_id: str, text: str | None) -> dict[str, Any]:
    try:
        extra = json.loads(text) if text else {}
    except json.JSONDecodeError:
        extra = None
    if not isinstance(extra, dict):
        raise LivestormTokenError(
            f"Connection {conn_id!r}: the Variable {variable_name(conn_id)!r} holds something else than its tokens."
            " Delete it, and save a new refresh token in the connection."
        )
    return extra
