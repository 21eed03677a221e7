"""How the sandbox's tests call it: over HTTP, with one Authorization header, and without the provider's own client."""

from __future__ import annotations

from typing import Any

import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess

__all__ = ["Api", "assert_error", "session_with"]


class Api:
    """Calls the API with one Authorization header."""

    def __init__(self, sandbox: SandboxProcess, authorization: str | None) -> None:
        self.session = requests.Session()
        self._url = sandbox.api_url
        self.authorization = authorization

    def get(self, path: str, **params: Any) -> requests.Response:
        """`filter__title="x"` is sent as `filter[title]=x`."""
        headers = {"Authorization": self.authorization} if self.authorization else {}
        query = {name.replace("__", "[") + "]" if "__" in name else name: value for name, value in params.items()}
        return self.session.get(self._url + path, params=query, headers=headers, timeout=10)


def session_with(sandbox: SandboxProcess, people: int) -> str:
    """A session with exactly so many people."""
    counts = {row["id"]: 0 for row in sandbox.truth("sessions") if row["attributes"]["status"] != "draft"}
    for row in sandbox.truth("session_people"):
        counts[row["session_id"]] += 1
    return next(session for session, count in counts.items() if count == people)


def assert_error(answer: requests.Response, status: int, symbol: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/vnd.api+json")
    (error,) = answer.json()["errors"]
    assert (error["status"], error["code"]) == (symbol, str(status))
    assert all(isinstance(value, str) for value in error.values())
