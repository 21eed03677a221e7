"""Where recordings lie: signed URLs, as object stores give them out, and the bytes behind them.

A signed URL is its own credential. Like an object store, this one refuses a call that brings another
(`Authorization`): a client that does would show its token to a stranger.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_livestorm.sandbox.faults import Faults
from airflow_provider_livestorm.sandbox.limits import Verdict
from airflow_provider_livestorm.sandbox.world import Recording, Session

__all__ = ["Storage", "content"]

_BLOCK = 1 << 16  # bytes
_TYPE = "video/mp4"


class Storage:
    """Signs URLs and serves what they name.

    Args:
        sessions: gives the sessions, by id.
        now: the sandbox's time, brought up to date.
        faults: rules for calls under `/recordings`.

    Attributes:
        calls: that were answered with bytes.
        leaked: calls that brought an Authorization header, where none belongs.
    """

    def __init__(self, sessions: Callable[[], dict[str, Session]], now: Callable[[], float], faults: Faults) -> None:
        self._sessions = sessions
        self._now = now
        self._faults = faults
        self._key = secrets.token_bytes(32)
        self.calls = 0
        self.leaked = 0

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [Route("/recordings/{session}/{recording}/{name}", self.serve, methods=["GET", "HEAD"])]

    def sign(self, base_url: str, recording: Recording, expires_at: int) -> str:
        """A URL that is good until then, for anybody who has it."""
        path = f"/recordings/{recording.session.id}/{recording.id}/{quote(recording.name)}"
        query = {"X-Expires": expires_at, "X-Signature": self._signature(path, str(expires_at))}
        return f"{base_url}{path}?{urlencode(query)}"

    async def serve(self, request: Request) -> Response:
        """The bytes, or what a fault makes of them."""

        async def act() -> Response:
            return self._serve(request)

        return await self._faults.around(request, act, lambda: Verdict(None, {}))

    def _serve(self, request: Request) -> Response:
        """The bytes, or the part of them that is asked for (RFC 9110, 14)."""
        if "authorization" in request.headers:
            self.leaked += 1
            return _refused(400, "InvalidArgument", "Only one auth mechanism allowed")
        expires = request.query_params.get("X-Expires", "")
        signature = request.query_params.get("X-Signature", "")
        if not hmac.compare_digest(signature.encode(), self._signature(quote(request.url.path), expires).encode()):
            return _refused(403, "SignatureDoesNotMatch", "The request signature does not match")
        if self._now() >= int(expires):
            return _refused(403, "AccessDenied", "Request has expired")
        recording = self._find(request.path_params["session"], request.path_params["recording"])
        if recording is None:
            return _refused(404, "NoSuchKey", "The specified key does not exist.")
        self.calls += 1
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{hashlib.sha256(recording.id.encode()).hexdigest()[:32]}"'}
        wanted = request.headers.get("range")
        if wanted is None or request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
            return _bytes(recording, 0, recording.size, 200, headers)
        span = _span(wanted, recording.size)
        if span is None:
            return _bytes(recording, 0, recording.size, 200, headers)
        first, last = span
        if first >= recording.size or first > last:
            return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{recording.size}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{recording.size}"
        return _bytes(recording, first, last + 1, 206, headers)

    def _find(self, session_id: str, recording_id: str) -> Recording | None:
        session = self._sessions().get(session_id)
        return next((one for one in session.recordings if one.id == recording_id), None) if session else None

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()


def content(recording: Recording, start: int, end: int) -> bytes:
    """The bytes of a recording from `start` to before `end`: an MP4 file's boxes around noise that its id gives."""
    head = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + (recording.size - 24).to_bytes(4, "big") + b"mdat"
    blocks = [
        hashlib.shake_128(f"{recording.id} {number}".encode()).digest(_BLOCK)
        for number in range(start // _BLOCK, -(-end // _BLOCK))
    ]
    if start < len(head):
        blocks[0] = head + blocks[0][len(head) :]
    offset = start // _BLOCK * _BLOCK
    return b"".join(blocks)[start - offset : end - offset]


def _bytes(recording: Recording, start: int, end: int, status: int, headers: dict[str, str]) -> Response:
    return Response(content(recording, start, end), status, headers, _TYPE)


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single range; None for what a server may ignore."""
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", wanted.strip())
    if found is None or found.group(0).endswith("=-"):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size - 1 if int(last) else -1
    return int(first), min(int(last), size - 1) if last else size - 1


def _refused(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, media_type="application/xml")
