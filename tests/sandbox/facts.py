"""How the tests of the facts (test_facts_*.py) call the sandbox: any method, any document, any scope."""

from __future__ import annotations

from typing import Any

import requests

from airflow_provider_livestorm.sandbox.doorkeeper import SCOPES
from airflow_provider_livestorm.sandbox.process import SandboxProcess

__all__ = ["ALL_SCOPES", "NOBODY", "Facts", "Row", "assert_refused", "document", "person"]

ALL_SCOPES = " ".join(SCOPES)
NOBODY = "00000000-0000-4000-8000-000000000000"
SYMBOLS = {
    400: "bad_request", 401: "unauthorized", 402: "payment_required", 403: "forbidden", 404: "not_found",
    409: "conflict", 415: "unsupported_media_type", 422: "unprocessable_entity", 429: "too_many_requests",
}  # fmt: skip  # as Rails names them
Row = dict[str, Any]


class Facts:
    """Calls the API with one Authorization header, by default an access token with every scope."""

    def __init__(self, sandbox: SandboxProcess, authorization: str | None = None, scope: str = ALL_SCOPES) -> None:
        self.sandbox = sandbox
        self.web = requests.Session()
        self.web.trust_env = False
        self.authorization = authorization or f"Bearer {sandbox.grant(scope=scope)['access_token']}"

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> requests.Response:
        """`filter__title="x"` is sent as `filter[title]=x`; `timeout` is in seconds, `headers` are sent besides."""
        timeout, headers = params.pop("timeout", 10), params.pop("headers", {})
        query = {name.replace("__", "[") + "]" if "__" in name else name: value for name, value in params.items()}
        headers = {"Authorization": self.authorization} | headers
        return self.web.request(
            method, self.sandbox.api_url + path, params=query, json=body, headers=headers, timeout=timeout
        )

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, **params)

    def post(self, path: str, body: Any, **params: Any) -> requests.Response:
        return self.call("POST", path, body, **params)

    def data(self, path: str, **params: Any) -> Any:
        """`data` of an answer that must be 200."""
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def whole(self, path: str, **params: Any) -> list[Row]:
        """All rows of a list, by following next_page until null."""
        rows: list[Row] = []
        number: int | None = 0
        while number is not None:
            answer = self.get(path, page__number=number, page__size=50, **params)
            assert answer.status_code == 200, answer.text
            rows += answer.json()["data"]
            number = answer.json()["meta"]["next_page"]
        return rows

    def session_ahead(self, *, email: bool = True) -> Row:
        """An upcoming session of an event that asks for an email, or of one that does not."""
        for event in self.whole("/events"):
            if any(field["id"] == "email" for field in event["attributes"]["fields"]) is email:
                for session in self.whole(f"/events/{event['id']}/sessions"):
                    if session["attributes"]["status"] == "upcoming":
                        return session
        raise AssertionError("the workspace has no such session")

    def new_session(self, *, status: str = "published") -> Row:
        """A session, of an event of its own, a year ahead."""
        body = document("events", title="Facts", status=status)
        body["data"]["relationships"] = {
            "sessions": [
                {"type": "sessions", "attributes": {"estimated_started_at": "2027-06-01 10:00:00", "timezone": "UTC"}}
            ]
        }
        answer = self.post("/events", body)
        assert answer.status_code == 201, answer.text
        (session,) = answer.json()["included"]
        return dict(session)


def document(kind: str, **attributes: Any) -> Any:
    """A JSON:API document to send."""
    return {"data": {"type": kind, "attributes": attributes}}


def person(email: str, **answers: Any) -> Any:
    """A registration: an email and other answers."""
    fields = [{"id": "email", "value": email}, *({"id": name, "value": value} for name, value in answers.items())]
    return document("people", fields=fields)


def assert_refused(answer: requests.Response, *statuses: int) -> list[Row]:
    """A refusal whose errors have the members, code and Rails symbol that api.md 4 tells; gives the errors."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text}"
    errors: list[Row] = answer.json()["errors"]
    assert errors
    for error in errors:
        assert set(error) == {"title", "detail", "code", "status"}
        assert all(isinstance(value, str) for value in error.values())
        assert (error["code"], error["status"]) == (str(answer.status_code), SYMBOLS[answer.status_code])
    return errors
