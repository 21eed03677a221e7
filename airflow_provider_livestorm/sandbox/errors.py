"""Errors as Livestorm answers them (api.md 4)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

__all__ = ["JSON_API", "ApiError", "broken", "error_response", "not_found"]

JSON_API = "application/vnd.api+json"


class ApiError(Exception):
    """An answer that is an error.

    Attributes:
        status: HTTP.
        title: of each entry of JSON:API's `errors`; none for an empty body.
        details: one entry each.
    """

    def __init__(self, status: int, title: str, *details: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(details) or title)
        self.status = status
        self.title = title
        self.details = details or ("",)
        self.headers = dict(headers or {})

    def entries(self) -> list[dict[str, str]]:
        """JSON:API's `errors`: `status` holds Rails' symbol, `code` the number as text (api.md 4)."""
        known = self.status in HTTPStatus.__members__.values()
        symbol = HTTPStatus(self.status).phrase.lower().replace(" ", "_") if known else str(self.status)
        same = {"title": self.title, "code": str(self.status), "status": symbol}
        return [{**same, "detail": detail} for detail in self.details]


def not_found() -> ApiError:
    """No such record, or another workspace's."""
    return ApiError(404, "Record not found", "The record could not be found")


def broken(*details: str) -> ApiError:
    """A business rule is broken."""
    return ApiError(422, "Unprocessable entity", *details)


def error_response(error: ApiError, headers: Mapping[str, str]) -> Response:
    """The answer that tells it."""
    body = msgspec.json.encode({"errors": error.entries()}) if error.title else b""
    return Response(body, error.status, {**headers, **error.headers}, JSON_API)
