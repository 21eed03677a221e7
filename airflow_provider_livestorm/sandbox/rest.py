"""The REST API's front: credential, limits, scope, parameters, answer, in the order in which a caller is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_livestorm.sandbox.doorkeeper import Doorkeeper
from airflow_provider_livestorm.sandbox.faults import Faults
from airflow_provider_livestorm.sandbox.limits import Limits
from airflow_provider_livestorm.sandbox.queries import ApiError, Query
from airflow_provider_livestorm.sandbox.resources import OPERATIONS, Operation, Reader
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import Resource, Workspace

__all__ = ["JSON_API", "Counters", "RestApi"]

JSON_API = "application/vnd.api+json"
_API_TOKEN_SCOPES = frozenset({"identity:read", "events:read", "admin:read", "webhooks:read"})


class Counters:
    """What was called, and how it ended."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()

    def clear(self) -> None:
        """Begin at nought."""
        for counter in (self.calls, self.statuses, self.refused):
            counter.clear()


class RestApi:
    """Answers under `/v1`."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        doorkeeper: Doorkeeper,
        limits: Limits,
        faults: Faults,
        api_token: str,
    ) -> None:
        self.counters = Counters()
        self._workspace = workspace
        self._settings = settings
        self._doorkeeper = doorkeeper
        self._limits = limits
        self._faults = faults
        self._api_token = api_token

    def routes(self) -> list[Route]:
        """For Starlette: each operation, and an error in Livestorm's form for all else."""
        known = [Route("/v1" + one.path, self._endpoint(one), methods=["GET"]) for one in OPERATIONS]
        return [*known, Route("/v1/{path:path}", self._endpoint(None), methods=_METHODS)]

    def _endpoint(self, operation: Operation | None) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            self.counters.calls[operation.name if operation else "unknown"] += 1
            answer = await self._faults.around(request, lambda: self._answer(operation, request))
            self.counters.statuses[answer.status_code] += 1
            return answer

        return endpoint

    async def _answer(self, operation: Operation | None, request: Request) -> Response:
        headers = self._limits.headers()
        try:
            scopes, person = self._authenticate(request.headers.get("authorization"))
            verdict = self._limits.take()
            headers = verdict.headers
            if verdict.refused:
                self.counters.refused[verdict.refused] += 1
                raise ApiError(429, "Too many requests", "Rate limit exceeded")
            if operation is None:
                raise ApiError(404, "Not found", "The route could not be found")
            if operation.scopes and not scopes & set(operation.scopes):
                raise _forbidden(operation.scopes[0], oauth=person is not None)
            query = Query.read(
                request.query_params.multi_items(),
                self._settings,
                paged=operation.paged,
                filters=operation.filters,
                includes=operation.includes,
            )
            for value in request.path_params.values():
                if not _UUID.fullmatch(value):
                    raise ApiError(404, "Record not found", "The record could not be found")
            reader = Reader(self._workspace, self._settings, self._doorkeeper.now(), person)
            document = operation.answer(reader, query, **request.path_params)
        except ApiError as error:
            return _error(error, headers)
        body = b"" if document is None else msgspec.json.encode(document)
        return Response(body, 200, headers, JSON_API)

    def _authenticate(self, header: str | None) -> tuple[frozenset[str], Resource | None]:
        """Scopes and person of a credential; the person is None for a private API token.

        A private token goes raw, an access token behind `Bearer`; each is refused in the other's place (api.md 1.1).
        """
        if header and header.startswith("Bearer "):
            pair, reason = self._doorkeeper.use(header.removeprefix("Bearer "))
            if pair is None:
                challenge = f'Bearer realm="Doorkeeper", error="invalid_token", error_description="{reason}"'
                raise ApiError(401, "", headers={"WWW-Authenticate": challenge})
            return frozenset(pair.scope.split()), self._workspace.users[0]
        if header != self._api_token:
            raise ApiError(401, "Unauthorized", "Invalid or missing API token")
        return _API_TOKEN_SCOPES, None


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _forbidden(scope: str, *, oauth: bool) -> ApiError:
    """Doorkeeper's words for an access token; an empty body for an API token (api.md 4)."""
    if not oauth:
        return ApiError(403, "")
    # The sentence's own quotes are escaped within the header's quoted-string (RFC 9110, 5.6.4).
    description = f'Access to this resource requires scope \\"{scope}\\".'
    challenge = f'Bearer realm="Doorkeeper", error="insufficient_scope", error_description="{description}"'
    return ApiError(403, "", headers={"WWW-Authenticate": challenge})


def _error(error: ApiError, headers: dict[str, str]) -> Response:
    headers = headers | error.headers
    if not error.title:
        return Response(b"", error.status, headers, JSON_API)
    # `status` holds Rails' symbol, `code` the number as text (api.md 4).
    symbol = HTTPStatus(error.status).phrase.lower().replace(" ", "_")
    entry = {"title": error.title, "detail": error.detail, "code": str(error.status), "status": symbol}
    return Response(msgspec.json.encode({"errors": [entry]}), error.status, headers, JSON_API)
