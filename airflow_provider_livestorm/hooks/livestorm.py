"""`LivestormHook`: from an Airflow Connection to Livestorm's data, for operators and for tasks of your own.

DAG files import it, and Airflow parses them again and again: what it works with, `hooks/opened.py` and all below, is
imported at its first use.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_livestorm.exceptions import LivestormError, LivestormUnknownConnectionError
from airflow_provider_livestorm.hooks import form
from airflow_provider_livestorm.hooks.off_loop import off_loop

if TYPE_CHECKING:
    from airflow_provider_livestorm.api.client import Answer, LivestormClient, Page
    from airflow_provider_livestorm.api.json_api import Document, Quota
    from airflow_provider_livestorm.api.lists import Filter
    from airflow_provider_livestorm.api.records import Event, Session, SessionPerson
    from airflow_provider_livestorm.hooks.connection import AirflowConnection, ConnectionSettings
    from airflow_provider_livestorm.hooks.opened import Opened

__all__ = ["LivestormHook"]


class LivestormHook(BaseHook):
    """Calls Livestorm with the credentials of an Airflow Connection.

    In a task of your own::

        hook = LivestormHook("livestorm_default")
        for event in hook.events(scheduling_status="upcoming"):
            print(event.title)

    On an event loop, as in a trigger or an async task, the methods that begin with `a` keep the loop free, and the
    others belong on a thread once `aget_conn` has read the Connection::

        hook = LivestormHook("livestorm_default")
        answer = await hook.arequest("GET", f"/sessions/{session_id}")

    :param livestorm_conn_id: a Connection of type `livestorm`.
    :param min_quota_remaining: calls of Livestorm's monthly quota to leave to others; a call that would go below
        raises LivestormQuotaExceededError instead. 0 keeps no reserve.
    """

    conn_name_attr = "livestorm_conn_id"
    default_conn_name = "livestorm_default"
    conn_type = form.CONN_TYPE
    hook_name = "Livestorm"
    # Threads of one hook end up with one client. The lock is the class's, so that a hook can be copied with its task,
    # and a thread may take it twice: on a triggerer's loop, reading a Connection lets other triggers run meanwhile.
    _opening: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, livestorm_conn_id: str = default_conn_name, *, min_quota_remaining: int = 0) -> None:
        super().__init__()
        self.livestorm_conn_id = livestorm_conn_id
        self.min_quota_remaining = min_quota_remaining

    # --- the connection -----

    @cached_property
    def settings(self) -> ConnectionSettings:
        """What the Connection says.

        :raises LivestormConfigurationError: there is no such Connection, or it can't be used.
        """
        try:
            connection = self.get_connection(self.livestorm_conn_id)
        except AirflowNotFoundException:
            raise _unknown(self.livestorm_conn_id) from None
        return self._read(connection)

    def _read(self, connection: AirflowConnection) -> ConnectionSettings:
        from airflow_provider_livestorm.hooks.connection import ConnectionSettings  # noqa: PLC0415 - not at each parsing

        return ConnectionSettings.read(self.livestorm_conn_id, connection)

    @cached_property
    def _opened(self) -> Opened:
        from airflow_provider_livestorm.hooks.opened import Opened  # noqa: PLC0415 - not at each parsing

        return Opened(self.settings, min_quota_remaining=self.min_quota_remaining)

    def get_conn(self) -> LivestormClient:
        """The client, with its kept-alive HTTP connections; the same one at each call."""
        with self._opening:
            return self._opened.client

    def get_token(self) -> str:
        """The access token (OAuth), good for a call made now, or the private API token.

        Send an access token as `Authorization: Bearer <token>` and a private API token as `Authorization: <token>`.
        It is masked in Airflow's logs. Do not keep it: it expires, and the next refresh may revoke it.
        """
        with self._opening:
            opened = self._opened
        return opened.token()

    # --- on an event loop -----

    async def aget_conn(self) -> LivestormClient:
        """As `get_conn`, with the loop free meanwhile. The client itself blocks: use it on a thread.

        :raises LivestormConfigurationError: there is no such Connection, or it can't be used.
        """
        if "settings" not in self.__dict__:
            connection = await self._aread()
            # On a thread, for it imports modules, and masks secrets: that sends to Airflow's supervisor and waits for
            # the answer.
            self.settings = await off_loop(self._read, connection)
        return await off_loop(self.get_conn)

    async def _aread(self) -> AirflowConnection:
        with suppress(AirflowNotFoundException):
            return await get_async_connection(self.livestorm_conn_id, hook=self)
        try:
            # `airflow dags test` of Airflow 3.3 finds connections of its database by this way alone.
            return await off_loop(self.get_connection, self.livestorm_conn_id)
        except AirflowNotFoundException:
            raise _unknown(self.livestorm_conn_id) from None

    async def aget_token(self) -> str:
        """As `get_token`. Never put it into a trigger's arguments or its event: Airflow keeps both in its database."""
        await self.aget_conn()
        return await off_loop(self.get_token)

    async def arequest(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: object = None
    ) -> Answer:
        """As `request`."""
        client = await self.aget_conn()
        return await off_loop(client.request, method, path, params=params, json=json)

    @property
    def quota(self) -> Quota:
        """The quota as the newest answer told it; all None before the first call."""
        return self._opened.client.quota

    # --- calls -----

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: object = None
    ) -> Answer:
        """Call any operation of the API; paced, authorized, retried where that is safe.

        :param method: GET, POST, PATCH, PUT or DELETE.
        :param path: below the base URL: `/events`.
        :param params: query parameters: `{"filter[title]": "Launch"}`.
        :param json: the body.
        :raises LivestormError: see `airflow_provider_livestorm.exceptions`.
        """
        return self._opened.client.request(method, path, params=params, json=json)

    def run(
        self, endpoint: str, *, method: str = "GET", params: Mapping[str, Any] | None = None, json: object = None
    ) -> Document:
        """As `request`, in the words of Airflow's HttpHook; returns the decoded document."""
        return self.request(method, "/" + endpoint.removeprefix("/"), params=params, json=json).document

    def paginate(self, path: str, *, params: Mapping[str, Any] | None = None, page_size: int = 50) -> Iterator[Page]:
        """The pages of any list, one call each, as you ask for them.

        :param path: of the list: `/people`.
        :param params: filters and includes.
        :param page_size: rows a page, 1 to 50.
        """
        return self._opened.client.paginate(path, params=params, page_size=page_size)

    # --- typed readers -----

    def events(self, **filters: Filter) -> Iterator[Event]:
        """All events, drafts included.

        :param filters: `updated_since`, `updated_until`, `created_since`, `created_until` (datetime, unix seconds or
            ISO 8601), `title`, `everyone_can_speak`, `scheduling_status`, `tag`.
        """
        return self._opened.events(filters)

    def sessions(self, *, event_id: str | None = None, **filters: Filter) -> Iterator[Session]:
        """The sessions of the workspace, or of one event.

        :param event_id: leave out for all sessions, in one list.
        :param filters: as for `events`, and `status`, `date_from`, `date_to`, `include_breakout_rooms`.
        """
        return self._opened.sessions(event_id, filters)

    def session_people(self, session_id: str, **filters: Filter) -> Iterator[SessionPerson]:
        """Who registered for a session, attended it, or hosted it.

        :param filters: the window as for `events`, and `role`, `attended`, `email` (exact).
        """
        return self._opened.session_people(session_id, filters)

    def event(self, event_id: str) -> Event:
        """One event."""
        return self._opened.event(event_id)

    def session(self, session_id: str) -> Session:
        """One session."""
        return self._opened.session(session_id)

    # --- who am I -----

    def ping(self) -> None:
        """Check that the credential is accepted; any scope will do."""
        self.request("GET", "/ping")

    def me(self) -> Document:
        """Who the credential belongs to: a `users` document for OAuth, `organizations` for a private API token."""
        return self.request("GET", "/me", params={"include": "organization"}).document

    def organization(self) -> Document:
        """The workspace."""
        return self.request("GET", "/organization").document

    # --- the Connection form -----

    def test_connection(self) -> tuple[bool, str]:
        """What the Test button does: say who we are, what we may do, and what quota is left; or what is wrong."""
        from airflow_provider_livestorm.hooks import form_test  # noqa: PLC0415 - no task needs it
        from airflow_provider_livestorm.hooks.opened import open_client  # noqa: PLC0415 - not at each parsing

        try:
            credential = form_test.credential_for_test(self.settings)
            with open_client(self.settings, credential, min_quota_remaining=self.min_quota_remaining) as client:
                document = form_test.ask_who(client)
                return True, form_test.introduce(document, client.quota, form_test.scope_of(credential))
        except LivestormError as error:
            return False, str(error)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's fields of `extra`, for Airflow before 3.2; later ones draw the form from provider metadata."""
        return form.widgets(airflow_2=airflow_version.startswith("2."))

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The form's labels and placeholders, and what it hides; as `get_connection_form_widgets`."""
        return form.behaviour()


def _unknown(conn_id: str) -> LivestormUnknownConnectionError:
    # Airflow says so as well where the api-server could not be asked: hence the way for a retry.
    return LivestormUnknownConnectionError(
        f"There is no connection {conn_id!r}, or Airflow's api-server could not be asked for it."
        " Create it in Airflow (Admin > Connections) with connection type Livestorm."
    )
