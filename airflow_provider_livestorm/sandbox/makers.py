"""Draws made-up people, events, forms and sessions from a seed, one after another.

Shapes and oddities are api.md's (sections 6 and 9): field ids over 100 characters, lists as answers, events without an
e-mail field and their anonymous registrants. Nothing here is anybody's data.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from airflow_provider_livestorm.sandbox.world import Event, Person, Registration, Resource, Session

__all__ = ["DAY", "FIELD_OPTIONS", "Maker"]

DAY = 86_400
FIELD_OPTIONS = ("Sales", "Marketing", "R&D")

_FIRST = "Léa Noah Zoë Jürgen Søren Ana João Mei 明 Олег Ayşe Kofi Priya Chloé Łukasz Ingrid Tomás Yuki".split()  # noqa: SIM905 - readable
_LAST = "Martin Nguyễn García Müller Sørensen Silva 王 Иванова Öztürk Mensah Patel O'Brien Kowalski Åberg".split()  # noqa: SIM905 - readable
_TOPICS = ("Product tour", "Customer stories", "Onboarding", "Roadmap & Q/A", "Sécurité", "Masterclass", "Data <live>")
_TAGS = ("marketing", "Sales", "customers", "internal")
_ZONES = ("Europe/Paris", "America/New_York", "Asia/Tokyo", None)
_LONG = "what-would-you-like-to-learn-in-this-session-and-how-did-you-hear-about-us-please-tell-us-in-your-own-words"
_BUILT_IN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("email", "email", ()),
    ("first_name", "text", ()),
    ("last_name", "text", ()),
    ("avatar", "avatar", ()),
    ("company", "text", ()),
)
_CUSTOM: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("job_level", "unique_select", ("Staff", "Manager", "Director")),
    ("interests", "multiple_select", FIELD_OPTIONS),
    ("newsletter", "consent", ()),
    ("website", "url", ()),
)
_ANONYMOUS_EVERY = 13  # events; that is what api.md 9 calls events without an e-mail field


class Maker:
    """Draws one thing after another.

    Attributes:
        rng: whence all comes.
        pool: participants who may come again.
    """

    def __init__(self, seed: str, epoch: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - made-up data
        self.pool: list[Person] = []
        self._seed = seed
        self._epoch = epoch

    def roll(self, *about: object) -> None:
        """Let what is drawn next follow from the seed and this alone, whatever was drawn before."""
        self.rng.seed(f"{self._seed} {about}")

    def id(self) -> str:
        """A UUID, version 4."""
        text = f"{self.rng.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def user(self, number: int) -> tuple[Resource, Person]:
        """A team member, as a `users` document and as the person under whose name they host."""
        first, last = _FIRST[number], _LAST[number]
        created = self._epoch - 900 * DAY + number * DAY
        attributes = {
            "role": ("owner", "admin", "host", "moderator", "moderator")[number],
            "created_at": created, "updated_at": created, "first_name": first, "last_name": last,
            "email": f"team{number}@sandbox.example", "avatar_link": None, "locale": "fr",
            "pending_invite": number == 4,  # noqa: PLR2004 - the last of the five
            "website_link": None, "linkedin_link": None, "facebook_link": None, "twitter_handle": None,
        }  # fmt: skip
        user = {"id": self.id(), "type": "users", "attributes": attributes}
        return user, host_of(user)

    def newcomer(self, event: Event, at: int) -> Person:
        """Somebody new; anonymous where the event's form does not ask for an address."""
        rng = self.rng
        if not asks_for_email(event):
            return self.stranger(None, at)
        draw, person_id = rng.getrandbits(24), self.id()
        person = Person(
            id=person_id,
            role="participant",
            email=f"person-{person_id[:13]}@people.example",
            first_name=_FIRST[draw % len(_FIRST)],
            last_name=_LAST[(draw >> 8) % len(_LAST)],
            timezone=_ZONES[(draw >> 16) % len(_ZONES)],
            created_at=at,
            updated_at=at,
        )
        self.pool.append(person)
        return person

    def stranger(self, email: str | None, at: int) -> Person:
        """Somebody whom a caller registers, under this address or none."""
        person_id = self.id()
        address = email if email is not None else f"{at}+{person_id}@unknown.livestorm.co"
        return Person(person_id, "participant", address, None, None, None, at, at)

    def known(self, session: Session) -> Person | None:
        """Somebody known who is not yet in the session, rather an old acquaintance; None where there is nobody."""
        if not self.pool:
            return None
        start = int(len(self.pool) * self.rng.random() ** 3)
        for step in range(len(self.pool)):
            person = self.pool[(start + step) % len(self.pool)]
            if person.id not in session.people:
                return person
        return None

    def registration(self, session: Session, person: Person, at: int) -> Registration:
        """A person's coming."""
        return Registration(person, session, at, at, self.rng.getrandbits(64))

    def event(self, number: int, created: int, owners: Sequence[Resource], *, draft: bool = False) -> Event:
        """An event, the `number`th: its form and its oddities go by that; one of `owners` owns it."""
        rng = self.rng
        owner = rng.choice(owners)
        title = f"{rng.choice(_TOPICS)} {number + 1}"
        slug = f"event-{number + 1}-{rng.getrandbits(32):08x}"
        return Event(
            id=self.id(),
            tags=sorted(rng.sample(_TAGS, rng.randint(0, 2))),
            sessions_changed_at=created,
            attributes={
                "title": title, "slug": slug, "registration_link": f"https://app.livestorm.co/sandbox/{slug}",
                "estimated_duration": rng.choice((30, 45, 60, None)), "registration_page_enabled": True,
                "light_registration_page_enabled": rng.random() < 0.5,  # noqa: PLR2004 - a share
                "detailed_registration_page_enabled": True, "everyone_can_speak": number % 4 == 1,
                "description": f"<p>{title} &amp; more</p>" if rng.random() < 0.8 else None,  # noqa: PLR2004 - a share
                "status": "draft" if draft else "published", "recording_enabled": number % 5 != 4,  # noqa: PLR2004 - most
                "recording_public": False, "show_in_company_page": rng.random() < 0.7,  # noqa: PLR2004 - a share
                "chat_enabled": number % 9 != 7, "polls_enabled": number % 4 != 2,  # noqa: PLR2004 - some
                "questions_enabled": number % 10 != 8, "language": rng.choice(("en", "fr", "de")),  # noqa: PLR2004 - some
                "published_at": 0 if draft else created + 3600, "created_at": created,
                "updated_at": created + 3600,
                "owner": owner_of(owner),
                "fields": list(_form(number)),
            },
        )  # fmt: skip

    def session(self, event: Event, start: int, created: int, status: str) -> Session:
        """A session of an event."""
        rng = self.rng
        return Session(
            id=self.id(),
            event=event,
            name=rng.choice((None, "Morning", "Après-midi")),
            timezone=rng.choice(("Europe/Paris", "America/New_York", "UTC")),
            start=start,
            planned_duration=rng.choice((1800, 2700, 3600)),
            created_at=created,
            updated_at=created,
            status=status,
            people_changed_at=created,
        )

    def people_attributes(self, user: str) -> list[Resource]:
        """What the workspace may know of a person."""
        found = []
        for position, (slug, kind, options) in enumerate((*_BUILT_IN, *_CUSTOM)):
            builtin = position < len(_BUILT_IN)
            created = self._epoch - (800 - 20 * position) * DAY
            attributes = {
                "slug": slug, "name": slug.replace("_", " ").capitalize(), "type": kind, "builtin": builtin,
                "description": None if builtin else f"Asked for in forms: {slug}",
                "placeholder": "you@company.example" if slug == "email" else None,
                "options": [
                    {"label": label, "value": label.lower(), "position": place}
                    for place, label in enumerate(options)
                ],
                "user_id": None if builtin else user,
                "created_at": created, "updated_at": created + (position * 7 % 5) * DAY,
            }  # fmt: skip
            found.append({"id": self.id(), "type": "people_attributes", "attributes": attributes})
        return found


def asks_for_email(event: Event) -> bool:
    """Whether the event's form has an e-mail field; without one, registrants are anonymous (api.md 9)."""
    return any(field["id"] == "email" for field in event.attributes["fields"])


def host_of(user: Resource) -> Person:
    """The person under whose name a user hosts; same id."""
    told = user["attributes"]
    return Person(
        user["id"], "team_member", told["email"], told["first_name"], told["last_name"], "Europe/Paris",
        told["created_at"], told["updated_at"],
    )  # fmt: skip


def owner_of(user: Resource) -> Resource:
    """A user as an event tells its owner: inline, as a person (api.md 6.1)."""
    names = ("first_name", "last_name", "email", "created_at", "updated_at")
    profile = {name: user["attributes"][name] for name in names}
    return {
        "id": user["id"],
        "type": "people",
        "attributes": {"role": "team_member", "timezone": "Europe/Paris", "avatar_link": None, **profile},
    }


def _form(number: int) -> Iterator[dict[str, Any]]:
    anonymous = number % _ANONYMOUS_EVERY == 5  # noqa: PLR2004 - one that preset `tiny` has too
    for order, name in enumerate(("email", "first_name", "last_name")):
        if not anonymous:
            yield {"id": name, "type": "text", "order": order, "required": name == "email", "custom": False}
    if anonymous:
        yield {"id": "your-work-email", "type": "text", "order": 0, "required": False, "custom": True}
    if number % 2 == 0:
        yield {"id": f"{_LONG}-{number}", "type": "text", "order": 3, "required": False, "custom": True}
    if number % 3 == 0:
        options = {"items": [{"value": value} for value in FIELD_OPTIONS], "multiple_answers": True}
        yield {
            "id": f"teams_{number}", "type": "multiple", "order": 4, "required": False, "custom": True,
            "options": options,
        }  # fmt: skip
    if number % 7 == 3:  # noqa: PLR2004 - some
        yield {"id": f"cv-{number}", "type": "file", "order": 5, "required": False, "custom": True}
