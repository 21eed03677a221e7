"""An Airflow of its own for the demo, `make up` and the end-to-end tests: its folder, its settings, its processes.

Nothing of the user's Airflow is read or written: AIRFLOW_HOME is a folder of ours, and every AIRFLOW__ variable of the
surrounding shell is left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import requests

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
DAGS = REPOSITORY / "dags"


def free_port() -> int:
    """A port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class LocalAirflow:
    """One Airflow: a folder and a set of environment variables.

    Args:
        home: becomes AIRFLOW_HOME.
        port: of the api-server, on loopback.
        database: SQLAlchemy URL of the metadata database; SQLite in the folder by default.
        dags: where DAGs are.
        settings: more environment variables.
        interpreter: a Python with Airflow; the one that runs us by default.
    """

    home: pathlib.Path
    port: int = field(default_factory=free_port)
    database: str | None = None
    dags: pathlib.Path = DAGS
    settings: dict[str, str] = field(default_factory=dict)
    interpreter: pathlib.Path = pathlib.Path(sys.executable)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """The api-server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """The environment of every process of this Airflow."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
        secret, fernet = self._keys()
        return kept | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__SECRET_KEY": secret,
            "AIRFLOW__API_AUTH__JWT_SECRET": secret,
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": fernet,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database or f"sqlite:///{self.home / 'airflow.db'}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1,localhost",
            # `airflow standalone` starts its parts by name.
            "PATH": f"{self.interpreter.parent}{os.pathsep}{kept.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
            **self.settings,
        }

    def _keys(self) -> tuple[str, str]:
        """The secret and the Fernet key, made once for this folder and readable by its owner alone."""
        path = self.home / "keys.json"
        if not path.exists():
            import base64  # noqa: PLC0415

            fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"secret": secrets.token_urlsafe(48), "fernet": fernet}, file)
        keys = json.loads(path.read_text())
        return keys["secret"], keys["fernet"]

    # --- commands -----

    def run(self, *arguments: str, timeout: float = 120.0, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an `airflow` command to its end and keep its output."""
        return subprocess.run(
            self.command(*arguments), env=self.env, text=True, capture_output=True, timeout=timeout, check=check
        )

    def command(self, *arguments: str) -> list[str]:
        """The command line of an `airflow` command."""
        return [str(self.interpreter.with_name("airflow")), *arguments]

    def python(self, code: str, payload: object = None, *, timeout: float = 120.0) -> Any:
        """Run code in a Python of this Airflow, in a server's context; `payload` goes in by stdin as JSON.

        What the code prints as its last line, as JSON, comes back. Secrets so pass by no command line and no file.
        """
        done = subprocess.run(
            [str(self.interpreter), "-c", code],
            env=self.env | {"_AIRFLOW_PROCESS_CONTEXT": "server"},
            input=json.dumps(payload),
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"Airflow failed:\n{done.stderr[-3000:]}")
        lines = done.stdout.strip().splitlines()
        return json.loads(lines[-1]) if lines else None

    def migrate(self) -> None:
        """Make or upgrade the metadata database."""
        done = self.run("db", "migrate", check=False)
        if done.returncode:
            raise RuntimeError(f"airflow db migrate failed:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}")

    def put_connection(self, *, pool: tuple[str, int] | None = None, **members: Any) -> None:
        """Create a connection, or replace the one of that id; members as of Airflow's Connection.

        Args:
            pool: name and slots of a pool to set as well: it is the start of Python that costs.
            members: of the connection.
        """
        self.python(_PUT_CONNECTION, {"members": members, "pool": pool})

    def read_connection(self, conn_id: str) -> dict[str, Any]:
        """A connection as the database has it: `extra` decrypted, and `stored`, the text in the column."""
        found = self.python(_READ_CONNECTION, conn_id)
        assert isinstance(found, dict)
        return found

    # --- processes -----

    @contextlib.contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run an `airflow` command in the background; its output goes to `<home>/<command>.log`."""
        log = self.home / f"{arguments[0]}.log"
        with log.open("ab") as output:
            child = subprocess.Popen(
                self.command(*arguments),
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield child
        finally:
            stop(child)

    def wait_until_up(self, *children: subprocess.Popen[bytes], timeout: float = 120.0) -> None:
        """Wait until the api-server answers; at once an error if a process ends or the time is up."""
        give_up = time.monotonic() + timeout
        while True:
            for child in children:
                if child.poll() is not None:
                    raise RuntimeError(f"{child.args!r} ended with {child.returncode}; see the logs in {self.home}")
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}/api/v2/version", timeout=5).ok:
                    return
            if time.monotonic() > give_up:
                raise RuntimeError(f"Airflow did not answer at {self.url} in {timeout:.0f} s; see {self.home}")
            time.sleep(0.2)  # between two questions; there is nothing to wait on

    def token(self) -> str:
        """A JWT of the user `admin` for Airflow's REST API."""
        passwords = json.loads((self.home / "passwords.json").read_text())
        answer = requests.post(
            f"{self.url}/auth/token", json={"username": "admin", "password": passwords["admin"]}, timeout=30
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])


def stop(child: subprocess.Popen[bytes], *, patience: float = 20.0) -> None:
    """End a process and all that it started: first by SIGTERM to it, then by SIGKILL to its group.

    Returns once the whole group is gone, as a killed process keeps its port until its memory is given back.
    """
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    give_up = time.monotonic() + patience
    while _lives(child.pid) and time.monotonic() < give_up:
        time.sleep(0.05)  # between two looks; nobody can wait for a process that is not its child


def _lives(group: int) -> bool:
    """Whether a process of a group still runs; one that ended and was not waited for does not."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


_PUT_CONNECTION = """
import json, sys
from airflow.models.connection import Connection
from airflow.utils.session import create_session
payload = json.load(sys.stdin)
members = payload["members"]
if payload["pool"]:
    from airflow.models.pool import Pool
    name, slots = payload["pool"]
    Pool.create_or_update_pool(name=name, slots=slots, description="Calls to Livestorm", include_deferred=False)
with create_session() as session:
    row = session.query(Connection).filter_by(conn_id=members["conn_id"]).one_or_none()
    if row is not None:
        session.delete(row)
        session.flush()
    session.add(Connection(**members))
"""
_READ_CONNECTION = """
import json, sys
from airflow.models.connection import Connection
from airflow.utils.session import create_session
with create_session() as session:
    row = session.query(Connection).filter_by(conn_id=json.load(sys.stdin)).one()
    extra = json.loads(row.extra or "{}")
    print(json.dumps({"extra": extra, "stored": row._extra, "encrypted": row.is_extra_encrypted}))
"""
