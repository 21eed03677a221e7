"""A sandbox in a process of its own, and its controls: for tests, the demo, and tests of your own DAGs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Self

import requests

__all__ = ["SandboxProcess"]

_PATIENCE = 30.0  # seconds


class SandboxProcess:
    """Starts a sandbox on a free port of loopback, and ends it surely: also where this process is killed.

    Example::

        with SandboxProcess(preset="tiny", rotation="strict") as sandbox:
            grant = sandbox.grant()  # client_id, client_secret, refresh_token, ...

    Args:
        preset: size of the workspace: `empty`, `tiny`, `full-page`, `small`, `real`.
        seed: of its data.
        redirect_uris: that the OAuth application registers; by default those of an Airflow on port 8080.
        settings: members of `settings.Settings`, such as `token_life=5`.
    """

    def __init__(
        self, preset: str = "tiny", seed: int = 1, *, redirect_uris: Sequence[str] = (), **settings: Any
    ) -> None:
        options = {"preset": preset, "seed": seed, **settings}
        self._arguments: list[str] = []
        for name, value in options.items():
            self._arguments += [f"--{name.replace('_', '-')}", str(value)]
        for uri in redirect_uris:
            self._arguments += ["--redirect-uri", uri]
        self._child: subprocess.Popen[str] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self.url = ""

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(  # noqa: S603 - our own module, our own options
            [
                sys.executable, "-m", "airflow_provider_livestorm.sandbox",
                "--port", "0", "--ready-json", "--exit-with-parent", *self._arguments,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._child.stdout is not None  # noqa: S101 - a pipe was asked for
        line = self._child.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError("The sandbox did not start; its last words are above.")
        self.url = json.loads(line)["url"]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._session.close()
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        child.terminate()
        try:
            child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    @property
    def pid(self) -> int:
        """Of the sandbox's process."""
        assert self._child is not None  # noqa: S101 - it was started
        return self._child.pid

    @property
    def api_url(self) -> str:
        """Where the REST API is."""
        return f"{self.url}/v1"

    @property
    def token_url(self) -> str:
        """The OAuth token endpoint."""
        return f"{self.url}/oauth/token"

    @property
    def authorize_url(self) -> str:
        """Where people agree."""
        return f"{self.url}/oauth/authorize"

    def status(self) -> dict[str, Any]:
        """Workspace, clock, settings, counters."""
        return self._object("GET", "status")

    def credentials(self) -> dict[str, Any]:
        """The OAuth application, the private API token, the URLs."""
        return self._object("GET", "credentials")

    def grant(self, scope: str | None = None) -> dict[str, Any]:
        """A fresh pair of tokens, as if a person had just agreed."""
        return self._object("POST", "grants", {"scope": scope} if scope else {})

    def make_api_token(self, scope: str) -> str:
        """One more private API token, with these scopes."""
        return str(self._object("POST", "api-tokens", {"scope": scope})["api_token"])

    def newest_refresh_token(self) -> str:
        """The refresh token that was given out last."""
        return str(self.credentials()["newest_refresh_token"])

    def secrets(self) -> list[str]:
        """Every token, code, key and link that must not turn up anywhere."""
        return [str(text) for text in self._call("GET", "secrets").json()]

    def truth(self, stream: str) -> list[dict[str, Any]]:
        """The raw resources of a stream, as they are now; `truth.STREAMS` has their names."""
        answer = self._call("GET", f"truth/{stream}")
        if hashlib.sha256(answer.content).hexdigest() != answer.headers["X-Sandbox-Sha256"]:
            raise RuntimeError(f"The truth of {stream} did not arrive whole.")
        # Lines of bytes: as text, a title with a line separator (U+2028) would be two.
        return [json.loads(line) for line in answer.content.splitlines()]

    def now(self) -> float:
        """The sandbox's time, UTC unix seconds."""
        return float(self.status()["clock"])

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock; returns when all that lies between has happened and is delivered."""
        self._object("POST", "clock", {"advance": seconds})

    def configure(self, **settings: Any) -> None:
        """Change settings while it runs."""
        self._object("PATCH", "settings", settings)

    def rename(self, **names: str) -> None:
        """Give the workspace, or its owner, another name: `workspace="..."`, `owner="First Last"`."""
        self._object("PATCH", "names", names)

    def settings(self) -> list[dict[str, Any]]:
        """Each setting: name, value, choices, and what it does."""
        return list(self._object("GET", "settings")["settings"])

    def expire(self) -> None:
        """End the life of every access token."""
        self._object("POST", "expire")

    def webhooks(self) -> dict[str, Any]:
        """The webhooks with their secrets, and the last tries to deliver."""
        return self._object("GET", "webhooks")

    def revoke(self, token: str | None = None) -> None:
        """Revoke the pair of a token, or all of them."""
        self._object("POST", "revoke", {"token": token})

    def add_fault(self, **rule: Any) -> None:
        """Make calls fail; the members of `faults.Fault`."""
        self._object("POST", "faults", rule)

    def clear_faults(self) -> None:
        """Take all faults back."""
        self._object("DELETE", "faults")

    def reset_counters(self) -> None:
        """Begin to count at nought."""
        self._object("POST", "reset-counters")

    def use_up_the_month(self) -> None:
        """Leave no call of this month."""
        self._object("POST", "use-up-the-month")

    def _object(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        found = self._call(method, path, body).json()
        assert isinstance(found, dict)  # noqa: S101 - our own server
        return found

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        answer = self._session.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=_PATIENCE)
        if not answer.ok:
            with contextlib.suppress(ValueError):
                raise RuntimeError(f"{method} {path}: {answer.json().get('error')}")
            answer.raise_for_status()
        return answer
