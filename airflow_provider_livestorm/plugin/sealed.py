"""What the Livestorm page keeps in the browser between two requests: who is out at Livestorm, and what came of it.

In cookies of the path of this page, signed with Airflow's own secret key, so that any api-server of the deployment can
read them and nobody else can write them. A cookie can be shown again: that a state is used once is the business of the
table of spent proofs (plugin/connect.py).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import jwt
from airflow.api_fastapi.auth.tokens import get_signing_key

from airflow_provider_livestorm.auth.authorization import PendingAuthorization

__all__ = [
    "ANSWER_COOKIE", "ANSWER_SECONDS", "NOTICE_COOKIE", "NOTICE_SECONDS", "open_answer", "open_notice", "open_pending",
    "pending_cookie", "seal_answer", "seal_notice", "seal_pending", "surplus",
]  # fmt: skip

ANSWER_COOKIE = "livestorm_answer"
ANSWER_SECONDS = 600  # as a code lives (api.md 1.2)
NOTICE_COOKIE = "livestorm_notice"
NOTICE_SECONDS = 120
_PENDING_PREFIX = "livestorm_pending_"
# Each is some 600 bytes in every request to the page; a server takes 16 KB or so of headers.
_PENDING_KEPT = 4
# A browser drops a cookie of over 4,096 bytes; JSON escapes what is not ASCII, and base64 makes four bytes of three.
_NOTICE_BYTES = 2400


def pending_cookie(state: str) -> str:
    """Name of the cookie of one request: several tabs do not get into each other's way."""
    return _PENDING_PREFIX + hashlib.sha256(state.encode()).hexdigest()[:16]


def seal_pending(pending: PendingAuthorization, *, user: str, embedded: bool) -> str:
    """The cookie of somebody who is sent to Livestorm.

    Args:
        pending: to keep.
        user: who it is; nobody else may bring it back.
        embedded: whether the page was shown in Airflow's UI, to go back there.
    """
    return _seal("pending", {**asdict(pending), "user": user, "embedded": embedded, "exp": int(pending.expires_at)})


def open_pending(text: str | None) -> tuple[PendingAuthorization, str, bool] | None:
    """What `seal_pending` was given; None for anything else, or what is too old."""
    claims = _open("pending", text)
    if claims is None:
        return None
    members = {name: claims[name] for name in PendingAuthorization.__dataclass_fields__}
    return PendingAuthorization(**members), str(claims["user"]), bool(claims["embedded"])


def surplus(cookies: Mapping[str, str]) -> list[str]:
    """Names of the cookies of requests that go, so that those which stay, and one more, fit into a request."""
    ends = {}
    for name, text in cookies.items():
        if name.startswith(_PENDING_PREFIX):
            found = open_pending(text)
            ends[name] = found[0].expires_at if found is not None else 0.0
    newest = sorted(ends, key=lambda name: ends[name], reverse=True)
    return [name for place, name in enumerate(newest) if place >= _PENDING_KEPT - 1 or not ends[name]]


def seal_answer(answer: Mapping[str, str], *, now: float) -> str:
    """The cookie of somebody who came back, but must log in to Airflow first: what Livestorm sent along."""
    return _seal("answer", {"answer": dict(answer), "exp": int(now) + ANSWER_SECONDS})


def open_answer(text: str | None) -> dict[str, str]:
    """What `seal_answer` was given; empty for anything else, or what is too old."""
    claims = _open("answer", text)
    return {} if claims is None else {str(name): str(value) for name, value in claims["answer"].items()}


def seal_notice(*, ok: bool, conn_id: str, message: str, user: str, now: float) -> str:
    """The cookie that tells the page, once, what came of a Connect."""
    while len(json.dumps(message)) > _NOTICE_BYTES:
        message = message[: len(message) * 3 // 4]
    members = {"kind": "done" if ok else "error", "conn_id": conn_id, "message": message}
    return _seal("notice", members | {"user": user, "exp": int(now) + NOTICE_SECONDS})


def open_notice(text: str | None, *, user: str) -> dict[str, str] | None:
    """What `seal_notice` was given for this user: `kind`, `conn_id`, `message`."""
    claims = _open("notice", text)
    if claims is None or claims["user"] != user:
        return None
    return {name: str(claims[name]) for name in ("kind", "conn_id", "message")}


def _seal(purpose: str, members: Mapping[str, Any]) -> str:
    return jwt.encode({**members, "aud": purpose}, _key(), algorithm="HS256")


def _open(purpose: str, text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return jwt.decode(text, _key(), algorithms=["HS256"], audience=purpose, options={"require": ["exp", "aud"]})
    except jwt.PyJWTError:
        return None


def _key() -> bytes:
    """Ours, derived from Airflow's: what is sealed for one cannot be shown to the other."""
    return hmac.digest(str(get_signing_key("api", "secret_key")).encode(), b"airflow-provider-livestorm page", "sha256")
