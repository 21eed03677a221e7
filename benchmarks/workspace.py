"""What the neutral server serves: events, sessions and the people of sessions, as the bytes of JSON:API documents."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["EVENT", "SESSION", "Workspace", "made_list"]

EVENT = "00000000-0000-4000-8000-00000000e0e0"
SESSION = "00000000-0000-4000-8000-0000000005e5"  # of a list that is made
_TIME = 1_770_000_000
_PAGE, _PAGE_MOST = 20, 50

Rows = Sequence[dict[str, Any]]
# The bytes of rows `begin` to `end` of a list, comma-separated.
Slice = Callable[[int, int], bytes]


class Workspace:
    """A workspace.

    Args:
        events: resources, with the ids of their sessions in `relationships`.
        sessions: resources.
        people: of each session by its id, as resources; `made` stands in for those of `SESSION`.
        tags: resources with an `event_id` beside.
        made: a list that is made as it is asked: its length, and what makes a slice.
    """

    def __init__(
        self,
        events: Rows,
        sessions: Rows,
        people: dict[str, Rows],
        tags: Rows = (),
        made: tuple[int, Slice] | None = None,
    ) -> None:
        self._events, self._sessions, self._people, self._tags = events, sessions, people, tags
        self._made = made
        self._packed: dict[str, list[bytes]] = {}
        self._of_event: dict[str, list[dict[str, Any]]] = {}
        for session in sessions:
            self._of_event.setdefault(session["attributes"]["event_id"], []).append(session)
        self._tags_of: dict[str, list[dict[str, Any]]] = {}
        for tag in tags:
            bare = {name: value for name, value in tag.items() if name != "event_id"}
            self._tags_of.setdefault(tag["event_id"], []).append(bare)
        self._session = {session["id"]: session for session in sessions}

    @classmethod
    def read(cls, file: pathlib.Path) -> Workspace:
        """A workspace out of the file that `preset.py` writes."""
        told = json.loads(file.read_bytes())
        return cls(told["events"], told["sessions"], told["people"], told["tags"])

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        """Status and body of a call."""
        include = [name for name in query.get("include", "").split(",") if name]
        match path.strip("/").split("/"):
            case ["ping"]:
                return 200, b"{}"
            case ["events"]:
                return self._listed("events", self._events, query, include)
            case ["sessions"]:
                return self._listed("sessions", self._sessions, query, [])
            case ["sessions", session_id] if session_id in self._session:
                return self._one(self._session[session_id], include)
            case ["sessions", session_id, "people"] if session_id in self._session:
                if self._made and session_id == SESSION:
                    return _paged(*self._made, query)
                return self._listed(session_id, self._people.get(session_id, ()), query, [])
        told = {"title": "not found", "detail": "record could not be found", "code": "404", "status": "not_found"}
        return 404, json.dumps({"errors": [told]}).encode()

    def _listed(self, name: str, rows: Rows, query: dict[str, str], include: list[str]) -> tuple[int, bytes]:
        rows = [row for row in rows if _is_within(row, query)] if any("filter[" in one for one in query) else rows
        if include:
            shown = [self._with_relationships(row, include) for row in rows]
            return _paged(
                len(rows), _encoded(shown), query, lambda begin, end: self._included(rows[begin:end], include)
            )
        if name not in self._packed or rows is not self._rows_of(name):
            packed = [_bytes(row) for row in rows]
            if rows is self._rows_of(name):
                self._packed[name] = packed
        else:
            packed = self._packed[name]
        return _paged(len(packed), lambda begin, end: b",".join(packed[begin:end]), query)

    def _rows_of(self, name: str) -> Rows:
        return {"events": self._events, "sessions": self._sessions}.get(name) or self._people.get(name, ())

    def _one(self, session: dict[str, Any], include: list[str]) -> tuple[int, bytes]:
        if "people" not in include or self._made:
            return 200, b'{"data":' + _bytes(session) + b"}"
        people = self._people.get(session["id"], ())
        linked = {**session, "relationships": {"people": {"data": [_link(one) for one in people]}}}
        return 200, b'{"data":' + _bytes(linked) + b',"included":[' + b",".join(map(_bytes, people)) + b"]}"

    def _with_relationships(self, event: dict[str, Any], include: list[str]) -> dict[str, Any]:
        told = {"sessions": self._of_event, "tags": self._tags_of}
        relationships = {name: {"data": [_link(one) for one in told[name].get(event["id"], [])]} for name in include}
        return {**event, "relationships": relationships}

    def _included(self, events: Rows, include: list[str]) -> bytes:
        told = {"sessions": self._of_event, "tags": self._tags_of}
        found = {one["id"]: one for name in include for event in events for one in told[name].get(event["id"], [])}
        return b",".join(map(_bytes, found.values()))


def made_list(count: int) -> Workspace:
    """One event with one session of so many people, who are made as they are asked for."""
    event = {
        "id": EVENT, "type": "events",
        "attributes": {"title": "Everybody", "sessions_count": 1, "created_at": _TIME, "updated_at": _TIME},
    }  # fmt: skip
    session = {
        "id": SESSION, "type": "sessions",
        "attributes": {
            "event_id": EVENT, "status": "past", "registrants_count": count, "attendees_count": count,
            "started_at": _TIME, "ended_at": _TIME + 3600, "created_at": _TIME, "updated_at": _TIME,
        },
    }  # fmt: skip
    template = _template()

    def rows(begin: int, end: int) -> bytes:
        return b",".join([template % ((number,) * 5) for number in range(begin, end)])

    return Workspace([event], [session], {}, made=(count, rows))


def _template() -> bytes:
    """A row of the preset `real`, of its mean size (1.9 kB), with the row's number where rows differ."""
    fields = [
        {"id": "email", "type": "text", "value": "person-@@d@people.example", "required": True, "custom": False},
        {"id": "first_name", "type": "text", "value": "Łukasz", "required": False, "custom": False},
        {"id": "last_name", "type": "text", "value": "Patel @@d", "required": False, "custom": False},
        {
            "id": "what-would-you-like-to-learn-in-this-session-and-how-did-you-hear-about-us-please-tell-us-in-your"
            "-own-words-0", "type": "text", "value": 'To learn, "everything"\nplease', "required": False,
            "custom": True,
        },
        {"id": "teams_0", "type": "multiple", "value": ["Sales", "R&D"], "required": False, "custom": True},
    ]  # fmt: skip
    detail = {
        "event_id": EVENT, "session_id": SESSION, "created_at": _TIME, "updated_at": _TIME, "fields": fields,
        "referrer": None, "utm_source": "newsletter", "utm_medium": "email", "utm_term": None, "utm_content": None,
        "utm_campaign": "autumn & winter", "browser_version": "18.1", "browser_name": "Safari", "os_name": "macOS",
        "os_version": "15.1", "screen_height": "844", "screen_width": "390", "ip_city": "Paris",
        "ip_country_code": "FR", "ip_country_name": "France",
        "password_key": "5ac5380ac96d78c444b2c66f6af1a59e13c8315b",
        "connection_link": f"https://app.livestorm.example/p/{SESSION}/live?s=5ac5380ac96d78c444b2c66f6af1a59e13c8315b",
        "attended": True, "attendance_rate": 59.2, "attendance_duration": 1340, "has_viewed_replay": False,
        "registration_type": "API", "is_highlighted": False, "is_guest_speaker": False, "session_role": None,
    }  # fmt: skip
    attributes = {
        "role": "participant", "created_at": _TIME, "updated_at": _TIME, "timezone": "Europe/Paris",
        "first_name": "Łukasz", "last_name": "Patel @@d", "email": "person-@@d@people.example", "avatar_link": None,
        "messages_count": 2, "questions_count": 0, "votes_count": 3, "up_votes_count": 0, "replay_view_detail": None,
        "registrant_detail": detail,
    }  # fmt: skip
    row = {"id": "00000000-0000-4000-8000-@@012d", "type": "people", "attributes": attributes}
    return _bytes(row).replace(b"%", b"%%").replace(b"@@", b"%")


def _paged(count: int, rows: Slice, query: dict[str, str], included: Slice | None = None) -> tuple[int, bytes]:
    size = min(_PAGE_MOST, int(query.get("page[size]", _PAGE)))
    number, pages = int(query.get("page[number]", 0)), -(-count // size)
    if number and number >= pages:
        told = {"title": "bad request", "detail": "page is out of range", "code": "400", "status": "bad_request"}
        return 400, json.dumps({"errors": [told]}).encode()
    begin, end = number * size, min(count, (number + 1) * size)
    meta = {
        "current_page": number, "previous_page": number - 1 if number else None,
        "next_page": number + 1 if number + 1 < pages else None, "record_count": count, "page_count": pages,
        "items_per_page": size,
    }  # fmt: skip
    beside = b',"included":[' + included(begin, end) + b"]" if included else b""
    return 200, b'{"data":[' + rows(begin, end) + b'],"meta":' + _bytes(meta) + beside + b"}"


def _encoded(rows: Rows) -> Slice:
    return lambda begin, end: b",".join(map(_bytes, rows[begin:end]))


def _is_within(row: dict[str, Any], query: dict[str, str]) -> bool:
    """`filter[updated_since]` and its kin, in unix seconds, inclusive; of a session's person by the registration."""
    attributes = row["attributes"]
    times = attributes.get("registrant_detail") or attributes
    for kind in ("created", "updated"):
        moment = times[f"{kind}_at"]
        if moment < float(query.get(f"filter[{kind}_since]", moment)):
            return False
        if moment > float(query.get(f"filter[{kind}_until]", moment)):
            return False
    return True


def _link(resource: dict[str, Any]) -> dict[str, str]:
    return {"type": resource["type"], "id": resource["id"]}


def _bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
