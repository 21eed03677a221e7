"""What registrants answered to the event's form, and where they came from: as sent, or drawn from their luck."""

from __future__ import annotations

from typing import Any

from airflow_provider_livestorm.sandbox.makers import FIELD_OPTIONS
from airflow_provider_livestorm.sandbox.world import Registration, Resource

__all__ = ["TRACKING", "answers", "tracking"]

TRACKING = ("referrer", "utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign")
_REFERRERS = (None, None, None, "https://www.example.com/blog?a=1&b=2")
_SOURCES = (None, None, "newsletter", "linkedin")
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


def tracking(registration: Registration) -> dict[str, str | None]:
    """Where a person came from."""
    if registration.tracking is not None:
        return {name: registration.tracking.get(name) for name in TRACKING}
    luck = registration.luck
    told: dict[str, str | None] = dict.fromkeys(TRACKING)
    told["referrer"], told["utm_source"] = _REFERRERS[luck >> 40 & 3], _SOURCES[luck >> 42 & 3]
    return told


def _answer(registration: Registration, field: str, kind: str) -> Any:
    if registration.answers is not None:
        return registration.answers.get(field)
    luck, person = registration.luck, registration.person
    match field:
        case "email":
            return person.email
        case "first_name":
            return person.first_name
        case "last_name":
            return person.last_name
        case "your-work-email":
            return f"somebody{luck & 0xFFFF}@people.example" if luck >> 44 & 3 else None
    if kind == "multiple":
        return [value for place, value in enumerate(FIELD_OPTIONS) if luck >> (46 + place) & 1]
    if kind == "file":
        return f"https://files.sandbox.example/{luck >> 32:08x}.pdf" if luck >> 50 & 1 else None
    return _TEXTS[luck >> 52 & 3]
