"""What is told of a registration: its answers, where it came from, and how it was attended; as sent, or by its luck."""

from __future__ import annotations

import hashlib
from typing import Any

from airflow_provider_livestorm.sandbox.makers import FIELD_OPTIONS
from airflow_provider_livestorm.sandbox.world import Person, Registration, Resource, Workspace

__all__ = ["TRACKING", "answers", "is_guest", "keep_answers", "registrant_detail", "tracking", "votes"]

TRACKING = ("referrer", "utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign")
_REFERRERS = (None, None, None, "https://www.example.com/blog?a=1&b=2")
_CAMPAIGNS: tuple[dict[str, str | None], ...] = (
    {},
    {},
    {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "autumn & winter"},
    {"utm_source": "linkedin", "utm_medium": "social", "utm_term": "webinar", "utm_content": 'Ça, "then" that'},
)
_BROWSERS = (("Chrome", "131.0"), ("Firefox", "133.0"), ("Safari", "18.1"), (None, None))
_SYSTEMS = (("macOS", "15.1"), ("Windows", "11"), ("Android", "15"), (None, None))
_SCREENS = (("1080", "1920"), ("2160", "3840"), ("844", "390"), (None, None))
_PLACES = (
    ("Paris", "FR", "France"),
    ("Zürich", "CH", "Switzerland"),
    (None, "US", "United States"),
    (None, None, None),
)
_TEXTS = ('To learn, "everything"\nplease', "", None, "Ça ira")


def answers(registration: Registration) -> list[Resource]:
    """What a person answered to the form of the event (api.md 6.3)."""
    return [
        {
            "id": field["id"],
            "type": field["type"],
            "value": _answer(registration, field["id"], field["type"]),
            "required": field["required"],
            "custom": field["custom"],
        }
        for field in registration.session.event.attributes["fields"]
    ]


def keep_answers(workspace: Workspace, person: Person) -> None:
    """Fix what a person answered so far: their name is about to change, their answers were given before."""
    for session in workspace.sessions.values():
        registration = session.people.get(person.id)
        if registration is not None and registration.answers is None:
            registration.answers = {one["id"]: one["value"] for one in answers(registration)}


def tracking(registration: Registration) -> dict[str, str | None]:
    """Where a person came from."""
    if registration.tracking is not None:
        return {name: registration.tracking.get(name) for name in TRACKING}
    draws = _draws(registration)
    told: dict[str, str | None] = dict.fromkeys(TRACKING)
    told["referrer"] = _REFERRERS[draws >> 8 & 3]
    return told | _CAMPAIGNS[draws >> 10 & 3]


def _draws(registration: Registration) -> int:
    """256 bits that have nothing to do with what the person does: each says one thing."""
    digest = hashlib.blake2b(registration.luck.to_bytes(8, "big"), digest_size=32, person=b"answers").digest()
    return int.from_bytes(digest, "big")


def is_guest(registration: Registration) -> bool:
    """Whether a person who is not of the team speaks."""
    return registration.person.role == "participant" and _draws(registration) >> 100 & 63 == 0


def votes(registration: Registration) -> tuple[int, int]:
    """Votes in polls, and for questions; of those who were there."""
    if not registration.attended:
        return 0, 0
    draws = _draws(registration)
    return draws >> 120 & 3, draws >> 122 & 1


def registrant_detail(registration: Registration) -> Resource:
    """The whole of it, as the session form has it (api.md 6.3)."""
    session, draws = registration.session, _draws(registration)
    team = registration.person.role == "team_member"
    key = hashlib.blake2b(registration.luck.to_bytes(8, "big"), digest_size=20).hexdigest()
    # Of somebody who was anonymized nothing is known any more.
    forgotten = registration.answers == {} and registration.tracking == {}
    browser, browser_version = (None, None) if forgotten else _BROWSERS[draws & 3]
    system, system_version = (None, None) if forgotten else _SYSTEMS[draws >> 2 & 3]
    height, width = (None, None) if forgotten else _SCREENS[draws >> 4 & 3]
    city, country, country_name = (None, None, None) if forgotten else _PLACES[draws >> 6 & 3]
    return {
        "event_id": session.event.id,
        "session_id": session.id,
        "created_at": registration.created_at,
        "updated_at": registration.updated_at,
        "fields": answers(registration),
        **tracking(registration),
        "browser_version": browser_version,
        "browser_name": browser,
        "os_name": system,
        "os_version": system_version,
        "screen_height": height,
        "screen_width": width,
        "ip_city": city,
        "ip_country_code": country,
        "ip_country_name": country_name,
        "password_key": None if team else key,
        "connection_link": f"https://app.livestorm.co/p/{session.id}/live?s={key}",
        "attended": registration.attended,
        "attendance_rate": registration.attendance_rate,
        "attendance_duration": registration.attendance_duration,
        "has_viewed_replay": registration.has_viewed_replay,
        "registration_type": "API",
        "is_highlighted": draws >> 110 & 31 == 0,
        "is_guest_speaker": is_guest(registration),
        "session_role": "host" if team else None,
    }


def _answer(registration: Registration, field: str, kind: str) -> Any:
    if registration.answers is not None:
        return registration.answers.get(field)
    draws, person = _draws(registration), registration.person
    match field:
        case "email":
            return person.email
        case "first_name":
            return person.first_name
        case "last_name":
            return person.last_name
        case "your-work-email":
            return f"somebody{draws >> 20 & 0xFFFF}@people.example" if draws >> 12 & 3 else None
    if kind == "multiple":
        return [value for place, value in enumerate(FIELD_OPTIONS) if draws >> (14 + place) & 1]
    if kind == "file":
        return f"https://files.sandbox.example/{draws >> 40 & 0xFFFFFFFF:08x}.pdf" if draws >> 18 & 1 else None
    return _TEXTS[draws >> 80 & 3]
