"""The OAuth server's routes, as Doorkeeper has them: authorize, token, revoke, token/info."""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from airflow_provider_livestorm.sandbox.doorkeeper import SCOPES, Code, Doorkeeper, OAuthError, Pair
from airflow_provider_livestorm.sandbox.errors import ApiError, error_response
from airflow_provider_livestorm.sandbox.faults import Faults
from airflow_provider_livestorm.sandbox.limits import Limits, Verdict
from airflow_provider_livestorm.sandbox.world import Resource

__all__ = ["OAuthRoutes"]

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthRoutes:
    """Answers under `/oauth`."""

    def __init__(self, doorkeeper: Doorkeeper, limits: Limits, faults: Faults, organization: Resource) -> None:
        self._doorkeeper = doorkeeper
        self._limits = limits
        self._faults = faults
        self._organization = organization

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [
            Route("/oauth/authorize", self.consent, methods=["GET"]),
            Route("/oauth/authorize", self.decide, methods=["POST"]),
            Route("/oauth/token", self.token, methods=["POST"]),
            Route("/oauth/revoke", self._if_present(self.revoke), methods=["POST"]),
            Route("/oauth/introspect", self._if_present(self.introspect), methods=["POST"]),
            Route("/oauth/token/info", self._if_present(self.info), methods=["GET"]),
        ]

    async def consent(self, request: Request) -> Response:
        """The page on which a person agrees, or an error; one about client or address is shown, never redirected."""
        asked = request.query_params
        if refusal := self._refuse_client(asked.get("client_id"), asked.get("redirect_uri")):
            return refusal
        if error := self._authorization_error(dict(asked)):
            return self._back(
                asked["redirect_uri"], {"error": error[0], "error_description": error[1]}, asked.get("state")
            )
        scopes = "".join(f"<li>{html.escape(scope)}</li>" for scope in self._granted(asked["scope"]).split())
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in asked.items()
        )
        return HTMLResponse(
            f"<!doctype html><html lang=en><title>Authorize</title><h1>Livestorm sandbox</h1>"
            f"<p><b>{html.escape(self._doorkeeper.application.name)}</b> asks for access to"
            f" <b>{html.escape(self._organization['attributes']['name'])}</b>:</p><ul>{scopes}</ul>"
            f'<form method="post">{hidden}<button name="decision" value="authorize">Authorize</button> '
            f'<button name="decision" value="deny">Deny</button></form></html>',
            headers=_NO_STORE | {"Content-Security-Policy": "default-src 'none'", "X-Frame-Options": "DENY"},
        )

    async def decide(self, request: Request) -> Response:
        """Send the person back with a code, or with their denial."""
        try:
            asked = await _read(request)
        except OAuthError as unreadable:
            return _shown(unreadable.description)
        if refusal := self._refuse_client(asked.get("client_id"), asked.get("redirect_uri")):
            return refusal
        state = asked.get("state")
        if error := self._authorization_error(asked):
            return self._back(asked["redirect_uri"], {"error": error[0], "error_description": error[1]}, state)
        if asked.get("decision") != "authorize":
            denied = "The resource owner or authorization server denied the request."
            return self._back(asked["redirect_uri"], {"error": "access_denied", "error_description": denied}, state)
        code = self._doorkeeper.issue_code(
            Code(
                redirect_uri=asked["redirect_uri"],
                scope=self._granted(asked["scope"]),
                created_at=self._doorkeeper.now(),
                challenge=asked.get("code_challenge"),
                method=asked.get("code_challenge_method", "plain") if asked.get("code_challenge") else None,
            )
        )
        return self._back(asked["redirect_uri"], {"code": code}, state)

    async def token(self, request: Request) -> Response:
        """Exchange a code or a refresh token."""
        request.state.counted = False
        answer = await self._faults.around(request, lambda: self._token(request), lambda: self._take(request))
        if request.state.counted:
            self._limits.answered(answer.status_code)
        return answer

    def _take(self, request: Request) -> Verdict:
        """Count a call, where these count: whether they do is not known (api.md 3)."""
        if self._doorkeeper.settings.oauth_calls == "free":
            return Verdict(None, {})
        verdict = self._limits.take()
        request.state.counted = not verdict.refused
        return verdict

    async def _token(self, request: Request) -> Response:
        verdict = self._take(request)
        if verdict.refused:
            return error_response(ApiError(429, "Too many requests", "Rate limit exceeded"), verdict.headers)
        try:
            form = await _form(request)
            client_id, client_secret = self._client(request, form)
            grant_type = _required(form, "grant_type")
            if grant_type not in ("authorization_code", "refresh_token"):
                raise OAuthError(
                    "unsupported_grant_type",
                    "The authorization grant type is not supported by the authorization server.",
                )
            self._doorkeeper.authenticate(client_id, client_secret)
            if grant_type == "authorization_code":
                pair = self._doorkeeper.exchange(
                    _required(form, "code"), _required(form, "redirect_uri"), form.get("code_verifier")
                )
            else:
                pair = self._doorkeeper.refresh(_required(form, "refresh_token"), form.get("scope"))
        except OAuthError as error:
            return _refused(error)
        return JSONResponse(_described(pair), headers=_NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """RFC 7009: an empty document, whether the token was known or not."""
        try:
            form = await _form(request)
            self._doorkeeper.authenticate(*self._client(request, form))
        except OAuthError as error:
            return _refused(error)
        self._doorkeeper.revoke(form.get("token", ""))
        return JSONResponse({}, headers=_NO_STORE)

    async def introspect(self, request: Request) -> Response:
        """RFC 7662: whether a token lives, and what it is for."""
        try:
            form = await _form(request)
            self._doorkeeper.authenticate(*self._client(request, form))
        except OAuthError as error:
            return _refused(error)
        token, now = form.get("token", ""), self._doorkeeper.now()
        pair = self._doorkeeper.by_access.get(token) or self._doorkeeper.by_refresh.get(token)
        if pair is None or pair.revoked or (token == pair.access_token and pair.expired(now)):
            return JSONResponse({"active": False}, headers=_NO_STORE)
        told = {"active": True, "scope": pair.scope, "client_id": self._doorkeeper.application.client_id}
        told |= {"token_type": "Bearer", "iat": int(pair.created_at)}
        if token == pair.access_token:
            told["exp"] = int(pair.created_at + pair.expires_in)
        return JSONResponse(told, headers=_NO_STORE)

    async def info(self, request: Request) -> Response:
        """What Doorkeeper tells of the token in the header."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        pair, reason = self._doorkeeper.use(token if scheme == "Bearer" else "")
        if pair is None:
            return _refused(OAuthError("invalid_request", reason))
        now = self._doorkeeper.now()
        return JSONResponse(
            {
                "resource_owner_id": self._doorkeeper.owner["id"],
                "scope": pair.scope.split(),
                "expires_in": int(pair.created_at + pair.expires_in - now),
                "application": {"uid": self._doorkeeper.application.client_id},
                "created_at": int(pair.created_at),
            }
        )

    def _if_present(self, action: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """No document names these routes, though Doorkeeper has them (api.md 1.2)."""

        async def endpoint(request: Request) -> Response:
            if self._doorkeeper.settings.extra_routes == "absent":
                return HTMLResponse(
                    "<html><body><h1>The page you were looking for doesn't exist.</h1></body></html>", 404
                )
            return await action(request)

        return endpoint

    def _client(self, request: Request, form: dict[str, str]) -> tuple[str | None, str | None]:
        """Id and secret, out of the form or, where that is accepted, out of the header; never out of both."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic" or self._doorkeeper.settings.basic_client == "refused":
            return form.get("client_id"), form.get("client_secret")
        if "client_secret" in form:
            raise OAuthError("invalid_request", "The client used more than one mechanism to authenticate.")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, None
        return user, password

    def _refuse_client(self, client_id: str | None, redirect_uri: str | None) -> Response | None:
        application = self._doorkeeper.application
        if client_id != application.client_id:
            return _shown("Client authentication failed due to unknown client.")
        if redirect_uri not in application.redirect_uris:
            return _shown("The requested redirect uri is malformed or doesn't match client redirect URI.")
        return None

    def _authorization_error(self, asked: dict[str, str]) -> tuple[str, str] | None:
        for name in ("response_type", "scope"):
            if not asked.get(name):
                return "invalid_request", f"Missing required parameter: {name}."
        if asked["response_type"] != "code":
            return "unsupported_response_type", "The authorization server does not support this response type."
        if not set(asked["scope"].split()) <= set(SCOPES):
            return "invalid_scope", "The requested scope is invalid, unknown, or malformed."
        checked = self._doorkeeper.settings.pkce == "checked"
        if checked and asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
            # S256 is the one that is documented.
            return "invalid_code_challenge_method", "The code challenge method must be S256."
        return None

    def _granted(self, scope: str) -> str:
        """What a person agrees to: perhaps less than was asked for, which the answer tells (RFC 6749, 3.3)."""
        if self._doorkeeper.settings.consent == "as_asked":
            return scope
        return " ".join(dict.fromkeys(one.replace(":write", ":read") for one in scope.split()))

    @staticmethod
    def _back(redirect_uri: str, members: dict[str, str], state: str | None) -> Response:
        query = urlencode(members | ({"state": state} if state is not None else {}))
        return RedirectResponse(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{query}", 302, _NO_STORE)


async def _read(request: Request) -> dict[str, str]:
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "The form is not UTF-8.") from None


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Rails would parse JSON as well; RFC 6749 does not know it, and a client must not rely on it.
    if kind != "application/x-www-form-urlencoded" and await request.body():
        raise OAuthError("invalid_request", "Missing required parameter: grant_type.")
    return dict(request.query_params) | await _read(request)  # one client sends its parameters so (api.md 1.2)


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise OAuthError("invalid_request", f"Missing required parameter: {name}.")
    return form[name]


def _described(pair: Pair) -> dict[str, object]:
    told = {
        "access_token": pair.access_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh_token,
        "scope": pair.scope,
        "created_at": int(pair.created_at),
    }
    return {name: value for name, value in told.items() if value}  # blank members are dropped (api.md 1.2)


def _refused(error: OAuthError) -> Response:
    challenge = f'Bearer realm="Doorkeeper", error="{error.error}", error_description="{error.description}"'
    return JSONResponse(
        {"error": error.error, "error_description": error.description},
        error.status,
        _NO_STORE | {"WWW-Authenticate": challenge},
    )


def _shown(sentence: str) -> Response:
    return HTMLResponse(f"<!doctype html><title>Error</title><p>{html.escape(sentence)}</p>", 401, _NO_STORE)
