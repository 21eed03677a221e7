"""Made-up workspaces, the same for the same seed: names, dates, registration forms and their answers.

Shapes and oddities are api.md's (sections 6 and 9): field ids over 100 characters, lists as answers, anonymous
registrants, team members without a key, screen sizes as texts. Nothing here is anybody's data.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_livestorm.sandbox.world import Event, Session, Workspace

__all__ = ["EPOCH", "PRESETS", "generate"]

EPOCH = 1_770_000_000  # 2026-02-02T02:40:00Z
DAY = 86_400

_FIRST = "Léa Noah Zoë Jürgen Søren Ana João Mei 明 Олег Ayşe Kofi Priya Chloé Łukasz Ingrid Tomás Yuki".split()  # noqa: SIM905
_LAST = "Martin Nguyễn García Müller Sørensen Silva 王 Иванова Öztürk Mensah Patel O'Brien Kowalski Åberg".split()  # noqa: SIM905
_TOPICS = ("Product tour", "Customer stories", "Onboarding", "Roadmap & Q/A", "Sécurité", "Masterclass", "Data <live>")
_TAGS = ("marketing", "Sales", "customers", "internal")
_LONG = "what-would-you-like-to-learn-in-this-session-and-how-did-you-hear-about-us-please-tell-us-in-your-own-words"
# By number of the session: what it is at the epoch, so that no seed lacks one of them.
_PLACED = {7: "live", 8: "upcoming", 9: "past_not_started", 11: "canceled"}
_PLACED_EVERY = 37
_REGISTRANTS_MAX = 250  # of a session whose number is drawn


@dataclass(frozen=True, slots=True)
class Preset:
    """How large a workspace is.

    Attributes:
        people: in the workspace.
        registrations: people of each session, in turn, where a test needs exact numbers; else drawn.
        sessions_per_event: drawn from this range, or exactly one.
        breakout_rooms: whether some events have one more session that is a breakout room.
    """

    events: int
    sessions_per_event: tuple[int, int]
    people: int
    registrations: tuple[int, ...] = ()
    breakout_rooms: bool = True


PRESETS = {
    "empty": Preset(0, (0, 0), 0),
    # Lists of none, of a page that is exactly full, of one more, of two full pages, of some.
    "tiny": Preset(6, (2, 2), 160, (0, 50, 51, 100, 120, 7, 1, 33, 12, 5, 49, 2)),
    # A page of events that is exactly full, one of sessions, and one of people.
    "full-page": Preset(50, (1, 1), 60, (50, *[1] * 49), breakout_rooms=False),
    "small": Preset(40, (1, 4), 1800),
}


def generate(preset: str, seed: int, epoch: float) -> Workspace:
    """A workspace; equal arguments give an equal one.

    Args:
        preset: one of PRESETS.
        seed: any number.
        epoch: UTC unix seconds around which its sessions lie.
    """
    shape = PRESETS[preset]
    rng = random.Random(f"livestorm sandbox {preset} {seed}")  # noqa: S311 - made-up data
    maker = _Maker(rng, int(epoch))
    workspace = Workspace(
        organization={
            "id": maker.id(),
            "type": "organizations",
            "attributes": {"name": "Sandbox & Söhne", "slug": "sandbox"},
        },
        users=[maker.user(number) for number in range(3)],
    )
    people = [maker.person(number) for number in range(shape.people)]
    counts = iter(shape.registrations)
    for number in range(shape.events):
        event = maker.event(number, workspace.users)
        workspace.add_event(event)
        for _ in range(rng.randint(*shape.sessions_per_event)):
            session = maker.session(event, _PLACED.get(len(workspace.sessions) % _PLACED_EVERY))
            workspace.add_session(session)
            drawn = 0 if session.status_override == "draft" else int(rng.paretovariate(1.2) * 10)
            count = next(counts, min(drawn, _REGISTRANTS_MAX))
            registered = rng.sample(people, min(count, len(people)))
            workspace.set_people(session, [maker.registration(event, session, person) for person in registered])
        if shape.breakout_rooms and number % 5 == 2:  # noqa: PLR2004 - every fifth event, by taste
            room = maker.breakout_room(event, workspace.sessions_of(event.id)[0])
            workspace.add_session(room)
            workspace.set_people(room, [])
    return workspace


class _Maker:
    """Draws one thing after another from the seed."""

    def __init__(self, rng: random.Random, epoch: int) -> None:
        self._rng = rng
        self._epoch = epoch

    def id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _past(self, days: int) -> int:
        return self._epoch - self._rng.randint(DAY, days * DAY)

    def user(self, number: int) -> dict[str, Any]:
        first, last = _FIRST[number], _LAST[number]
        created = self._past(900)
        return {
            "id": self.id(),
            "type": "users",
            "attributes": {
                "role": "host" if number == 0 else "moderator",
                "created_at": created, "updated_at": created, "first_name": first, "last_name": last,
                "email": f"team{number}@sandbox.example", "avatar_link": None, "locale": "fr", "pending_invite": False,
                "website_link": None, "linkedin_link": None, "facebook_link": None, "twitter_handle": None,
            },
        }  # fmt: skip

    def person(self, number: int) -> dict[str, Any]:
        rng, created = self._rng, self._past(700)
        anonymous = rng.random() < 0.04  # noqa: PLR2004 - a few
        person_id = self.id()
        return {
            "id": person_id,
            "role": "participant", "created_at": created, "updated_at": created + rng.randint(0, DAY),
            "timezone": rng.choice(("Europe/Paris", "America/New_York", "Asia/Tokyo", None)),
            "first_name": None if anonymous else rng.choice(_FIRST),
            "last_name": None if anonymous else rng.choice(_LAST),
            "email": f"{created}+{person_id}@unknown.livestorm.co" if anonymous else f"person{number}@people.example",
            "avatar_link": None,
        }  # fmt: skip

    def event(self, number: int, users: list[dict[str, Any]]) -> Event:
        rng, owner = self._rng, self._rng.choice(users)
        created = self._past(400)
        draft = number % 11 == 10  # noqa: PLR2004 - one in eleven
        title = f"{rng.choice(_TOPICS)} {number + 1}"
        slug = f"event-{number + 1}-{rng.getrandbits(32):08x}"
        profile = {
            name: owner["attributes"][name] for name in ("first_name", "last_name", "email", "created_at", "updated_at")
        }
        return Event(
            id=self.id(),
            tags=sorted(rng.sample(_TAGS, rng.randint(0, 2))),
            attributes={
                "title": title, "slug": slug, "registration_link": f"https://app.livestorm.co/sandbox/{slug}",
                "estimated_duration": rng.choice((30, 45, 60, None)), "registration_page_enabled": True,
                "light_registration_page_enabled": rng.random() < 0.5,  # noqa: PLR2004
                "detailed_registration_page_enabled": True, "everyone_can_speak": rng.random() < 0.2,  # noqa: PLR2004
                "description": f"<p>{title} &amp; more</p>" if rng.random() < 0.8 else None,  # noqa: PLR2004
                "status": "draft" if draft else "published", "recording_enabled": True, "recording_public": False,
                "show_in_company_page": rng.random() < 0.7, "chat_enabled": True, "polls_enabled": True,  # noqa: PLR2004
                "questions_enabled": True, "language": rng.choice(("en", "fr", "de")),
                "published_at": 0 if draft else created + 3600, "created_at": created,
                "updated_at": min(created + rng.randint(3600, 20 * DAY), self._epoch),
                "owner": {
                    "id": owner["id"], "type": "people",
                    "attributes": {"role": "team_member", "timezone": "Europe/Paris", "avatar_link": None, **profile},
                },
                "fields": list(self._form(number)),
            },
        )  # fmt: skip

    def _form(self, number: int) -> Iterator[dict[str, Any]]:
        for order, name in enumerate(("email", "first_name", "last_name")):
            yield {"id": name, "type": "text", "order": order, "required": name == "email", "custom": False}
        if number % 2 == 0:
            yield {"id": f"{_LONG}-{number}", "type": "text", "order": 3, "required": False, "custom": True}
        if number % 3 == 0:
            items = [{"value": value} for value in ("Sales", "Marketing", "R&D")]
            options = {"items": items, "multiple_answers": True}
            yield {
                "id": f"teams_{number}",
                "type": "multiple",
                "order": 4,
                "required": False,
                "custom": True,
                "options": options,
            }

    def session(self, event: Event, placed: str | None = None) -> Session:
        """A session; `placed` says what it is at the epoch where that must not be left to the draw."""
        rng = self._rng
        created = event.attributes["created_at"] + rng.randint(60, DAY)
        start = self._epoch + rng.randint(-300, 60) * DAY // 2 * 2 + rng.choice((-900, 5400, 36_000))
        override = "draft" if event.attributes["status"] == "draft" else None
        drawn = "canceled" if override is None and rng.random() < 0.06 else override  # noqa: PLR2004
        if override:
            placed = None
        if placed == "live":
            start = self._epoch - 600
        elif placed == "upcoming":
            start = self._epoch + 3 * DAY
        elif placed == "past_not_started":
            start = self._epoch - 9 * DAY
        return Session(
            id=self.id(),
            event_id=event.id,
            name=rng.choice((None, "Morning", "Après-midi")),
            timezone=rng.choice(("Europe/Paris", "America/New_York", "UTC")),
            start=start,
            duration=rng.choice((1800, 2700, 3600)),
            created_at=min(created, start - 3600),
            changed_at=min(min(created, start - 3600) + rng.randint(0, 1800), self._epoch),
            status_override=drawn if placed is None else ("canceled" if placed == "canceled" else None),
            never_started=(rng.random() < 0.05 and placed is None) or placed == "past_not_started",  # noqa: PLR2004
        )

    def breakout_room(self, event: Event, parent: Session) -> Session:
        room = self.session(event)
        room.name, room.parent_id, room.start, room.duration = "Room 1", parent.id, parent.start, parent.duration
        room.created_at, room.changed_at = parent.created_at, parent.changed_at
        room.status_override, room.never_started = parent.status_override, parent.never_started
        return room

    def registration(self, event: Event, session: Session, person: dict[str, Any]) -> dict[str, Any]:
        rng = self._rng
        team = rng.random() < 0.03  # noqa: PLR2004
        held = session.start + session.duration < self._epoch and not session.never_started
        held = held and session.status_override is None
        attended = held and rng.random() < 0.6  # noqa: PLR2004
        registered = session.created_at + rng.randint(0, max(1, min(session.start, self._epoch) - session.created_at))
        settled = min(session.start + session.duration + 7200, self._epoch) if held else registered
        key = f"{rng.getrandbits(160):040x}"
        rate = round(rng.uniform(5, 100), 1) if attended else None
        attributes = {name: value for name, value in person.items() if name != "id"}
        attributes |= {
            "role": "team_member" if team else "participant",
            "updated_at": max(person["updated_at"], settled),
            "messages_count": rng.randint(0, 5) if attended else 0,
            "questions_count": int(attended and rng.random() < 0.2),  # noqa: PLR2004
            "votes_count": 0, "up_votes_count": 0, "replay_view_detail": None,
        }  # fmt: skip
        attributes["registrant_detail"] = {
            "event_id": event.id, "session_id": session.id, "created_at": registered, "updated_at": settled,
            "fields": [self._answer(field, person) for field in event.attributes["fields"]],
            "referrer": rng.choice((None, "https://www.example.com/blog?a=1&b=2")),
            "utm_source": rng.choice((None, "newsletter", "linkedin")), "utm_medium": None, "utm_term": None,
            "utm_content": None, "utm_campaign": None, "browser_version": "131.0", "browser_name": "Chrome",
            "os_name": "macOS", "os_version": "15.1", "screen_height": "1080", "screen_width": "1920",
            "ip_city": rng.choice((None, "Paris", "Zürich")), "ip_country_code": "FR", "ip_country_name": "France",
            "password_key": None if team else key,
            "connection_link": f"https://app.livestorm.co/p/{session.id}/live?s={key}",
            "attended": attended, "attendance_rate": rate,
            "attendance_duration": int(session.duration * rate / 100) if rate is not None else 0,
            "has_viewed_replay": held and rng.random() < 0.1, "registration_type": "API",  # noqa: PLR2004
            "is_highlighted": False, "is_guest_speaker": False, "session_role": "host" if team else None,
        }  # fmt: skip
        return {"id": person["id"], "type": "people", "attributes": attributes}

    def _answer(self, field: dict[str, Any], person: dict[str, Any]) -> dict[str, Any]:
        if field["id"] in person:
            value: Any = person[field["id"]]
        elif field["type"] == "multiple":
            value = self._rng.sample(["Sales", "Marketing", "R&D"], self._rng.randint(0, 3))
        else:
            value = self._rng.choice(('To learn, "everything"\nplease', "", None))
        return {
            "id": field["id"],
            "type": field["type"],
            "value": value,
            "required": field["required"],
            "custom": field["custom"],
        }
