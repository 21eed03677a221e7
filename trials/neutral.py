"""A server that is not the sandbox: events, sessions and people made on the fly, as many as you like, in no memory.

It serves what api.md calls certain and no more: no include, no filter. `python -m trials.neutral COUNT` prints its URL
and serves until its stdin ends.
"""

from __future__ import annotations

import json
import math
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_SESSION_SIZE = 1000  # people in a session
_TIME = 1_770_000_000
_NAMESPACE = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def _id(kind: str, number: int) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{kind} {number}"))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, registrations: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registrations = registrations
        self.sessions = math.ceil(registrations / _SESSION_SIZE)
        self.by_id = {_id("session", number): number for number in range(self.sessions)}

    def people_of(self, session: int) -> int:
        return min(_SESSION_SIZE, self.registrations - session * _SESSION_SIZE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer in one piece: in two, the second waits for the first to be acknowledged
    server: _Server

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        size, page = int(query.get("page[size]", 20)), int(query.get("page[number]", 0))
        parts = split.path.strip("/").split("/")
        if "include" in query:
            self._answer(400, {"errors": [{"title": "include is not known"}]})
            return
        match parts:
            case ["events"]:
                count, row = 1, self._event
            case ["sessions"]:
                count, row = self.server.sessions, self._session
            case ["sessions", session, "people"]:
                place = self.server.by_id[session]
                count, row = self.server.people_of(place), lambda number: self._person(place, number)
            case ["events", _, "people"]:
                count, row = self.server.registrations, self._event_person
            case ["people"]:
                count, row = self.server.registrations, self._base
            case _:
                self._answer(404, {"errors": [{"title": "no such path"}]})
                return
        rows = [row(number) for number in range(page * size, min(count, (page + 1) * size))]
        pages = math.ceil(count / size)
        meta = {
            "current_page": page, "previous_page": page - 1 if page else None,
            "next_page": page + 1 if page + 1 < pages else None,
            "record_count": count, "page_count": pages, "items_per_page": size,
        }  # fmt: skip
        self._answer(200, {"data": rows, "meta": meta})

    def _event(self, _: int) -> dict[str, Any]:
        times = {"created_at": _TIME, "updated_at": _TIME}
        return {"id": _id("event", 0), "type": "events", "attributes": {"title": "Everybody", **times}}

    def _session(self, number: int) -> dict[str, Any]:
        told = {
            "event_id": _id("event", 0), "status": "past", "registrants_count": self.server.people_of(number),
            "attendees_count": 0, "started_at": _TIME, "ended_at": _TIME + 3600, "created_at": _TIME,
            "updated_at": _TIME,
        }  # fmt: skip
        return {"id": _id("session", number), "type": "sessions", "attributes": told}

    def _base(self, number: int) -> dict[str, Any]:
        told = {
            "role": "participant", "created_at": _TIME, "updated_at": _TIME, "timezone": "Europe/Paris",
            "first_name": "First", "last_name": f"Last {number}", "email": f"person{number}@example.com",
            "avatar_link": None,
        }  # fmt: skip
        return {"id": _id("person", number), "type": "people", "attributes": told}

    def _detail(self, number: int) -> dict[str, Any]:
        fields = [{"id": "email", "type": "text", "value": f"person{number}@example.com"}]
        return {"event_id": _id("event", 0), "created_at": _TIME, "updated_at": _TIME, "fields": fields}

    def _event_person(self, number: int) -> dict[str, Any]:
        row = self._base(number)
        row["attributes"]["registrant_detail"] = self._detail(number)
        return row

    def _person(self, session: int, place: int) -> dict[str, Any]:
        number = session * _SESSION_SIZE + place
        row = self._base(number)
        detail = {**self._detail(number), "session_id": _id("session", session), "attended": True}
        row["attributes"] |= {"messages_count": 0, "questions_count": 0, "registrant_detail": detail}
        return row

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.api+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nobody reads it."""


def main() -> None:
    """Serve until stdin ends."""
    server = _Server(int(sys.argv[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
