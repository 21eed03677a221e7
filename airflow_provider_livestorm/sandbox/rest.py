"""The REST API's front: credential, limits, scope, parameters, document, in the order in which a call is refused."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_livestorm.sandbox.bodies import read
from airflow_provider_livestorm.sandbox.breakage import NO_ANSWER
from airflow_provider_livestorm.sandbox.doorkeeper import Doorkeeper
from airflow_provider_livestorm.sandbox.errors import JSON_API, ApiError, error_response, not_found
from airflow_provider_livestorm.sandbox.faults import Faults
from airflow_provider_livestorm.sandbox.limits import Limits, Verdict
from airflow_provider_livestorm.sandbox.operations import OPERATIONS, Operation
from airflow_provider_livestorm.sandbox.queries import Query
from airflow_provider_livestorm.sandbox.service import Answer, Call, Service
from airflow_provider_livestorm.sandbox.world import Resource

__all__ = ["Counters", "RestApi"]

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Counters:
    """What was called, and how it ended."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()

    def clear(self) -> None:
        """Begin at nought."""
        for counter in (self.calls, self.statuses):
            counter.clear()


class RestApi:
    """Answers under `/v1`.

    Attributes:
        api_tokens: private API tokens and their scopes.
    """

    def __init__(
        self,
        service: Service,
        doorkeeper: Doorkeeper,
        limits: Limits,
        faults: Faults,
        api_tokens: dict[str, frozenset[str]],
    ) -> None:
        self.counters = Counters()
        self.api_tokens = api_tokens
        self._service = service
        self._doorkeeper = doorkeeper
        self._limits = limits
        self._faults = faults

    def routes(self) -> list[Route]:
        """For Starlette: each operation, and an error in Livestorm's form for all else."""
        known = [Route("/v1" + one.path, self._endpoint(one), methods=[one.method]) for one in OPERATIONS]
        other = [Route(path, self._endpoint(None), methods=_METHODS) for path in ("/v1", "/v1/{path:path}")]
        return [*known, *other]

    def _endpoint(self, operation: Operation | None) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            self.counters.calls[operation.name if operation else "unknown"] += 1
            self._service.catch_up()
            request.state.counted = False
            answer = await self._faults.around(
                request, lambda: self._answer(operation, request), lambda: self._take(request)
            )
            if request.state.counted:
                self._limits.answered(answer.status_code)
            if answer.status_code != NO_ANSWER:
                self.counters.statuses[answer.status_code] += 1
            return answer

        return endpoint

    def _take(self, request: Request) -> Verdict:
        """Count a call against the limits."""
        verdict = self._limits.take()
        request.state.counted = not verdict.refused
        return verdict

    async def _answer(self, operation: Operation | None, request: Request) -> Response:
        headers = self._limits.headers()
        body = await request.body()
        try:
            scopes, user = self._authenticate(request.headers.get("authorization"))
            verdict = self._take(request)
            headers = verdict.headers
            if verdict.refused:
                raise ApiError(429, "Too many requests", "Rate limit exceeded")
            if operation is None:
                raise ApiError(404, "Not found", "The route could not be found")
            if operation.scopes and not scopes & set(operation.scopes):
                raise self._lacking(operation.scopes[0], oauth=user is not None)
            if self._service.settings.workspace_state == "blocked":
                raise ApiError(403, "Forbidden", "Workspace blocked")
            answer = self._act(operation, request, user, body)
        except ApiError as error:
            return error_response(error, headers)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        content = b"" if answer.document is None else msgspec.json.encode(answer.document)
        return Response(content, answer.status, headers, JSON_API)

    def _act(self, operation: Operation, request: Request, user: Resource | None, body: bytes) -> Answer:
        query = Query.read(
            request.query_params.multi_items(),
            self._service.settings,
            paged=operation.paged,
            filters=operation.filters,
            includes=operation.includes,
            others=operation.others,
        )
        if not all(_UUID.fullmatch(value) for value in request.path_params.values()):
            raise not_found()
        data = None
        if operation.takes is not None:
            kind, shape = operation.takes
            data = read(body, request.headers.get("content-type"), kind, shape)
        now, base_url = int(self._service.clock.now()), str(request.base_url).rstrip("/")
        return operation.act(self._service, Call(query, now, base_url, user, data), **request.path_params)

    def _authenticate(self, header: str | None) -> tuple[frozenset[str], Resource | None]:
        """Scopes and user of a credential; the user is None for a private API token.

        A private token goes raw, an access token behind `Bearer`; each is refused in the other's place (api.md 1.1).
        """
        if header and header.startswith("Bearer "):
            pair, reason = self._doorkeeper.use(header.removeprefix("Bearer "))
            if pair is None:
                raise self._challenged(401, "invalid_token", reason)
            return frozenset(pair.scope.split()), self._doorkeeper.owner
        scopes = self.api_tokens.get(header or "")
        if scopes is None:
            raise ApiError(401, "Unauthorized", "Invalid or missing API token")
        return scopes, None

    def _lacking(self, scope: str, *, oauth: bool) -> ApiError:
        """Doorkeeper's words for an access token, an empty body for an API token; or the docs' 401 (api.md 1.2, 4)."""
        if self._service.settings.missing_scope == 401:  # noqa: PLR2004 - HTTP status
            return ApiError(401, "Unauthorized", "The token lacks a scope")
        if not oauth:
            return ApiError(403, "")
        # The sentence's own quotes are escaped within the header's quoted-string (RFC 9110, 5.6.4).
        sentence = f'Access to this resource requires scope \\"{scope}\\".'
        return self._challenged(403, "insufficient_scope", sentence)

    def _challenged(self, status: int, error: str, description: str) -> ApiError:
        challenge = f'Bearer realm="Doorkeeper", error="{error}", error_description="{description}"'
        headers = {"WWW-Authenticate": challenge}
        if self._service.settings.bearer_errors == "json":
            return ApiError(status, error.replace("_", " ").capitalize(), description, headers=headers)
        return ApiError(status, "", headers=headers)
