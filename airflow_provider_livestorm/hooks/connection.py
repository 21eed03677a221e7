"""From an Airflow Connection to settings, and from settings to the store that may refresh its tokens here.

Called by the hook in every process and by the token broker in the api-server. Imports of Airflow's server side are made
where they are used: an Airflow 3 worker need not have them.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import conf

from airflow_provider_livestorm.api.client import API_URL
from airflow_provider_livestorm.api.transport import require_secure_url
from airflow_provider_livestorm.auth.credentials import ApiToken, OAuthCredential, TokenSource
from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.oauth import AUTHORIZE_URL, TOKEN_URL, OAuthClient
from airflow_provider_livestorm.auth.shield import uninterrupted
from airflow_provider_livestorm.auth.stores import TokenStore
from airflow_provider_livestorm.auth.token import fingerprint
from airflow_provider_livestorm.auth.undone import Refreshed
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.hooks.form import CONN_TYPE
from airflow_provider_livestorm.hooks.masking import mask_secret

__all__ = [
    "CONN_TYPE", "AirflowConnection", "ConnectionSettings", "airflow_url", "broker_url", "connect_page", "open_lease",
    "open_store", "server_side_settings", "shared_credential", "store_in_use", "token_source", "variable_lease",
]  # fmt: skip

_STORES = ("auto", "metadata_db", "broker", "variable")


class AirflowConnection(Protocol):
    """What we read of a Connection; Airflow has one class for servers and another for tasks."""

    conn_type: str | None
    host: str | None
    port: int | None
    login: str | None
    password: str | None

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """`extra`, decoded."""


@dataclass(frozen=True)
class ConnectionSettings:
    """What a Connection of type `livestorm` says.

    Attributes:
        client_id: of the OAuth application; None where the password is a private API token.
        secret: the OAuth client secret, or the private API token.
        api_url, token_url, authorize_url: https, or loopback.
        extra: `extra`, decoded; holds tokens.
        elsewhere: whether it comes from the environment or a secrets backend, where nobody can write; None where that
            was not looked at.
    """

    conn_id: str
    client_id: str | None
    secret: str = field(repr=False)
    api_url: str = API_URL
    token_url: str = TOKEN_URL
    authorize_url: str = AUTHORIZE_URL
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    elsewhere: bool | None = None

    @classmethod
    def read(cls, conn_id: str, connection: AirflowConnection) -> ConnectionSettings:
        """Read and check a Connection, and mask its secrets in this process.

        Raises:
            LivestormConfigurationError: it is of another type, lacks the password, or a URL is not safe.
        """
        where = f"Connection {conn_id!r}"
        if connection.conn_type != CONN_TYPE:
            raise LivestormConfigurationError(f"{where} is of type {connection.conn_type!r}, not {CONN_TYPE!r}.")
        if not connection.password:
            raise LivestormConfigurationError(
                f"{where} has no password: it holds the OAuth client secret, or, with the login left empty, a private"
                " API token."
            )
        extra: object = connection.extra_dejson
        if not isinstance(extra, dict):
            raise LivestormConfigurationError(f"{where}: its extra field is not a JSON object.")
        mask_secret(connection.password)
        for name in ("refresh_token", "access_token"):
            if extra.get(name):
                mask_secret(extra[name])
        api_url = _api_url(connection.host, connection.port)
        elsewhere = urlsplit(api_url).hostname != urlsplit(API_URL).hostname
        if connection.login and elsewhere and not extra.get("token_url"):
            raise LivestormConfigurationError(
                f"{where} names {urlsplit(api_url).hostname!r} as its host but no token_url in its extra. Its client"
                " secret will not be sent to Livestorm's own token URL for another host."
            )
        return cls(
            conn_id=conn_id,
            client_id=connection.login or None,
            secret=connection.password,
            api_url=require_secure_url(api_url, what=f"host of connection {conn_id!r}"),
            token_url=require_secure_url(extra.get("token_url") or TOKEN_URL, what=f"token_url of {conn_id!r}"),
            authorize_url=require_secure_url(
                extra.get("authorize_url") or AUTHORIZE_URL, what=f"authorize_url of {conn_id!r}"
            ),
            extra=extra,
        )

    def oauth(self) -> OAuthClient:
        """The OAuth application."""
        if self.client_id is None:
            raise LivestormConfigurationError(f"Connection {self.conn_id!r} has no login, so no OAuth application.")
        return OAuthClient(self.client_id, self.secret, token_url=self.token_url, authorize_url=self.authorize_url)


_credentials: dict[tuple[str, str | None], tuple[str, ApiToken | OAuthCredential]] = {}


def shared_credential(settings: ConnectionSettings) -> ApiToken | OAuthCredential:
    """What calls are authorized with; the same one for all hooks of this process over the same connection.

    So a task that makes a hook for each record, and a triggerer full of triggers, ask for a token once in its life. A
    connection that a person changed, or whose refresh token was rotated, is another one.
    """
    place = (settings.conn_id, conf.get("livestorm", "token_store", fallback=None))
    what = fingerprint(
        settings.client_id or "", settings.secret, str(settings.extra.get("refresh_token")), settings.token_url,
        settings.api_url,
    )  # fmt: skip
    known = _credentials.get(place)
    if known is None or known[0] != what:
        credential = (
            ApiToken(settings.secret) if settings.client_id is None else OAuthCredential(token_source(settings))
        )
        # Of two threads that come here together, each keeps its own: it costs one question more, and no refresh.
        known = _credentials[place] = (what, credential)
    return known[1]


def token_source(settings: ConnectionSettings) -> TokenSource:
    """Who gives access tokens here: the row itself where there is a database session, else the broker.

    There is no fall-back from one to the other: two writers would spend a refresh token twice.

    Raises:
        LivestormConfigurationError: `[livestorm] token_store` is not one of ours, or not for this Airflow.
    """
    store = store_in_use()
    if store == "metadata_db":
        return open_lease(settings)
    if store == "variable":
        from airflow_provider_livestorm.auth.stores.variable import VariableReader  # noqa: PLC0415 - by choice only

        return VariableReader(settings.conn_id, mask=mask_secret)
    if airflow_version.startswith("2."):  # else it would look for a while for an api-server that cannot be there
        raise LivestormConfigurationError(
            f"Connection {settings.conn_id!r}: [livestorm] token_store = broker needs Airflow 3, whose api-server runs"
            f" the token broker. On Airflow {airflow_version} set it to auto: tasks refresh tokens themselves there."
        )

    from airflow_provider_livestorm.auth.stores.broker import BrokerClient  # noqa: PLC0415 - not in the api-server

    return BrokerClient(
        settings.conn_id,
        client_id=settings.client_id or "",
        client_secret=settings.secret,
        url=broker_url(),
        mask=mask_secret,
    )


def store_in_use() -> str:
    """`metadata_db`, `broker` or `variable`: what `[livestorm] token_store` means in this process.

    Raises:
        LivestormConfigurationError: it is not one of ours.
    """
    store = conf.get("livestorm", "token_store", fallback="auto") or "auto"
    if store not in _STORES:
        raise LivestormConfigurationError(f"[livestorm] token_store is one of {', '.join(_STORES)}; got {store!r}.")
    if store == "auto":
        store = "broker" if _runs_without_database() else "metadata_db"
    return str(store)


def open_lease(settings: ConnectionSettings, *, conn_id: str | None = None) -> TokenLease:
    """The lease over the connection's own row, or over the one beside it where it lives elsewhere.

    Only where there is a database session.

    Args:
        settings: the OAuth application.
        conn_id: of the row, if not the settings' own.
    """
    conn_id = conn_id or settings.conn_id
    return TokenLease(
        conn_id, open_store(settings, conn_id=conn_id), settings.oauth(), mask=mask_secret, carry_out=uninterrupted,
        refreshed=_refreshed, page=connect_page(conn_id),
    )  # fmt: skip


def open_store(settings: ConnectionSettings, *, conn_id: str | None = None) -> TokenStore:
    """Where a connection's tokens are kept; as `open_lease`."""
    from airflow_provider_livestorm.auth.stores import metadata_db  # noqa: PLC0415 - has a database

    conn_id = conn_id or settings.conn_id
    elsewhere = settings.elsewhere if conn_id == settings.conn_id else False
    if elsewhere is None:
        elsewhere = metadata_db.find_connection(conn_id)[1]
    if elsewhere:
        return metadata_db.SiblingStore(conn_id, settings.extra.get("refresh_token"))
    return metadata_db.MetadataDbStore(conn_id)


def _in_a_second(work: Callable[[], None]) -> None:
    timer = threading.Timer(1.0, work)  # Airflow's save of a form takes some milliseconds
    timer.daemon = True
    timer.start()


_refreshed = Refreshed(later=_in_a_second)


def variable_lease(settings: ConnectionSettings) -> TokenLease:
    """The lease over the connection's Variable: for its one writer, the refresh DAG."""
    from airflow_provider_livestorm.auth.stores.variable import VariableStore  # noqa: PLC0415 - by choice only

    store = VariableStore(settings.conn_id, settings.extra.get("refresh_token"))
    return TokenLease(settings.conn_id, store, settings.oauth(), mask=mask_secret, carry_out=uninterrupted)


def server_side_settings(conn_id: str) -> ConnectionSettings:
    """Read a connection in the api-server or the command line, through every secrets backend.

    Raises:
        LivestormConfigurationError: there is none, or it is not a usable one.
    """
    from airflow_provider_livestorm.auth.stores.metadata_db import find_connection  # noqa: PLC0415 - has a database

    connection, elsewhere = find_connection(conn_id)
    if connection is None:
        raise LivestormConfigurationError(f"There is no connection {conn_id!r}.")
    return replace(ConnectionSettings.read(conn_id, connection), elsewhere=elsewhere)


def broker_url() -> str:
    """The api-server's address as this process reaches it.

    `[livestorm] broker_url`; else what workers already use to reach it, `[core] execution_api_server_url`; else
    `[api] base_url`, which is made for browsers; else Airflow's own default.
    """
    if url := conf.get("livestorm", "broker_url", fallback=None):
        return str(url)
    if url := conf.get("core", "execution_api_server_url", fallback=None):
        return str(url).rstrip("/").removesuffix("/execution")
    base_url = str(conf.get("api", "base_url", fallback=None) or "")
    return base_url if base_url.startswith("http") else "http://localhost:8080"


def connect_page(conn_id: str) -> str | None:
    """URL of the page in Airflow where a person connects and reconnects; None on Airflow 2, which has none."""
    if airflow_version.startswith("2."):
        return None
    return f"{airflow_url()}/livestorm/?connection={quote(conn_id, safe='')}"


def airflow_url() -> str:
    """Airflow's address as people reach it, as Airflow's own links have it."""
    return str(conf.get("api", "base_url", fallback=None) or "http://localhost:8080").rstrip("/")


def _runs_without_database() -> bool:
    """Whether this is an Airflow 3 task, trigger or DAG parser; `airflow dags test` is one that has the database."""
    task_runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if comms is not None:
        return type(comms).__name__ != "InProcessSupervisorComms"
    return os.environ.get("_AIRFLOW_PROCESS_CONTEXT") == "client"


def _api_url(host: str | None, port: int | None) -> str:
    """The base URL: Livestorm's own if the host is empty; https if it names no scheme; `/v1` if it names no path."""
    if not host:
        return API_URL
    try:
        parts = urlsplit(host if "://" in host else f"https://{host}")
    except ValueError:  # whose words may hold a password
        raise LivestormConfigurationError("The host of the connection is no URL.") from None
    netloc = f"{parts.netloc}:{port}" if port and ":" not in parts.netloc.rpartition("]")[2] else parts.netloc
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/') or '/v1'}"
