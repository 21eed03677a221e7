"""What `LivestormHook` works with once it is used: its credential, its client, and the typed readers.

The hook imports this module at its first use: Airflow parses a DAG file that names the hook or an operator again and
again, and needs neither `requests` nor the catalogue for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from airflow_provider_livestorm.api.client import Credential, LivestormClient
from airflow_provider_livestorm.api.lists import Filter, read_records
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.api.records import Event, Session, SessionPerson
from airflow_provider_livestorm.api.resources import EVENTS, SESSION_PEOPLE, SESSIONS
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.hooks.connection import ConnectionSettings, shared_credential
from airflow_provider_livestorm.hooks.usage import meter_of

__all__ = ["Opened", "open_client"]


class Opened:
    """A connection in use.

    Args:
        settings: what the Connection says.
        min_quota_remaining: calls of the monthly quota to leave to others.
    """

    def __init__(self, settings: ConnectionSettings, *, min_quota_remaining: int) -> None:
        self._settings = settings
        self._min_quota_remaining = min_quota_remaining
        self._credential = shared_credential(settings)

    @cached_property
    def client(self) -> LivestormClient:
        """Made when the first call is; who wants a token alone needs none."""
        return open_client(self._settings, self._credential, min_quota_remaining=self._min_quota_remaining)

    def token(self) -> str:
        """The access token, good for a call made now, or the private API token."""
        if isinstance(self._credential, ApiToken):
            return self._credential.authorization()
        return self._credential.token().access_token

    def events(self, filters: Mapping[str, Filter]) -> Iterator[Event]:
        """All events."""
        return read_records(self.client, EVENTS, filters=filters)

    def sessions(self, event_id: str | None, filters: Mapping[str, Filter]) -> Iterator[Session]:
        """All sessions, or those of one event."""
        path = None if event_id is None else f"/events/{event_id}/sessions"
        return read_records(self.client, SESSIONS, filters=filters, path=path)

    def session_people(self, session_id: str, filters: Mapping[str, Filter]) -> Iterator[SessionPerson]:
        """The people of one session."""
        return read_records(self.client, SESSION_PEOPLE, parent=session_id, filters=filters)

    def event(self, event_id: str) -> Event:
        """One event."""
        return EVENTS.rows.read(self.client.request("GET", f"/events/{event_id}").document.one)

    def session(self, session_id: str) -> Session:
        """One session."""
        return SESSIONS.rows.read(self.client.request("GET", f"/sessions/{session_id}").document.one)


def open_client(
    settings: ConnectionSettings, credential: Credential, *, min_quota_remaining: int = 0
) -> LivestormClient:
    """A client and a pacer of its own; its calls count in the meter that all hooks of the connection share."""
    return LivestormClient(
        credential,
        base_url=settings.api_url,
        pacer=Pacer(min_quota_remaining=_reserve(credential, min_quota_remaining)),
        observer=meter_of(settings).observe,
    )


def _reserve(credential: Credential, min_quota_remaining: int) -> int:
    """A refresh of the access token may count as a call too (api.md 3): room is left for one."""
    refreshes = min_quota_remaining > 0 and not isinstance(credential, ApiToken)
    return min_quota_remaining + refreshes
