"""The control: a store that reads, refreshes and saves, as one writes it at first. The trials must catch it."""

from __future__ import annotations

import time

import requests

from trials.row import Database, Row

__all__ = ["NaiveStore"]


class NaiveStore:
    """Keeps the tokens in the Connection's row, without a lease and without a compare-and-swap."""

    def __init__(self, *, uri: str, fernet: str, conn_id: str, client_id: str, client_secret: str) -> None:
        self._row = Row(Database(uri, fernet), conn_id)
        self._client = {"client_id": client_id, "client_secret": client_secret}

    def get(self) -> str:
        """The access token, refreshed where it has expired."""
        extra = self._row.read()
        if extra.get("expires_at", 0) > time.time():
            return str(extra["access_token"])
        answer = requests.post(
            extra["token_url"],
            data={"grant_type": "refresh_token", "refresh_token": extra["refresh_token"], **self._client},
            timeout=30,
        )
        answer.raise_for_status()
        grant = answer.json()
        new = {name: grant[name] for name in ("access_token", "refresh_token")}
        self._row.write(extra | new | {"expires_at": time.time() + grant["expires_in"]})
        return str(grant["access_token"])
