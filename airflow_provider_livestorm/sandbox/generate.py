"""The presets: workspaces of several sizes as they are at the epoch, the same for the same seed.

The past is made the way the future comes: sessions are laid out, people register, and `life.py` lets the rest happen.
"""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_livestorm.sandbox.clock import Timeline
from airflow_provider_livestorm.sandbox.days import Days
from airflow_provider_livestorm.sandbox.life import Life, Pace
from airflow_provider_livestorm.sandbox.makers import DAY, Maker, asks_for_email
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import Event, Person, Session, Workspace

__all__ = ["EPOCH", "PRESETS", "Preset", "generate"]

EPOCH = 1_770_000_000  # 2026-02-02T02:40:00Z: at night, so that the first hours are quiet
_HOURS = (9, 13, 16)  # UTC, of the sessions of a day
_REGISTRATIONS_MAX = 2500  # of one session, where they are drawn
# What some sessions are at the epoch, by their number in the workspace, so that no seed lacks one of them.
_PLACED = {7: "live", 8: "upcoming", 9: "past_not_started", 10: "on_demand", 11: "canceled"}
_DRAFT_EVERY, _ROOM_EVERY, _CANCELED_EVERY, _MISSED_EVERY = 11, 5, 17, 23


@dataclass(frozen=True, slots=True)
class Preset:
    """How large a workspace is.

    Attributes:
        sessions: in all, breakout rooms included.
        most: sessions of one event at most; the first event has so many.
        upcoming: sessions that lie ahead.
        people: who registered.
        registrations: in all; or of each session in turn, where a test needs exact numbers.
    """

    events: int
    sessions: int
    most: int
    upcoming: int
    people: int
    registrations: int | tuple[int, ...]
    pace: Pace
    breakout_rooms: bool = True


PRESETS = {
    "empty": Preset(0, 0, 0, 0, 0, 0, Pace(0, 0)),
    # Lists of none, of a page that is exactly full, of one more, of two full pages, of some.
    "tiny": Preset(6, 13, 3, 2, 160, (0, 50, 51, 100, 120, 7, 1, 33, 12, 5, 49, 2, 3), Pace(0.25, 10)),
    # A page of events that is exactly full, one of sessions, and one of people.
    "full-page": Preset(50, 50, 1, 4, 60, (50, *[1] * 49), Pace(0, 0), breakout_rooms=False),
    "small": Preset(40, 110, 8, 12, 1800, 3000, Pace(1, 30)),
    # A team that works with webinars: the volumes of a data team's production sync (api.md 3).
    "real": Preset(401, 1026, 68, 40, 56_000, 94_000, Pace(3, 92)),
}


def generate(preset: str, seed: int, epoch: float, settings: Settings) -> Life:
    """A workspace and what will happen in it; equal arguments give equal ones.

    Args:
        preset: one of PRESETS.
        seed: any number.
        epoch: UTC unix seconds around which its sessions lie.
        settings: those in force.
    """
    collecting = gc.isenabled()
    gc.disable()  # hundreds of thousands of records and no garbage: half the time would go into looking for it
    try:
        life = _Layout(PRESETS[preset], f"livestorm sandbox {preset} {seed}", int(epoch), settings).life
    finally:
        if collecting:
            gc.enable()
    return life


class _Layout:
    """Lays out the sessions, fills them, and lets their past happen."""

    def __init__(self, preset: Preset, seed: str, epoch: int, settings: Settings) -> None:
        self._preset = preset
        self._epoch = epoch
        self._maker = maker = Maker(seed, epoch)
        organization = str(uuid.UUID(int=maker.rng.getrandbits(128), version=4))
        self._workspace = workspace = Workspace(
            organization={
                "id": organization,
                "type": "organizations",
                "attributes": {"name": "Sandbox & Söhne", "slug": "sandbox", "parent_id": None},
            }
        )
        for number in range(5):
            user, host = maker.user(number)
            workspace.add_user(user, host)
        self._hosts = list(workspace.people.values())
        workspace.people_attributes = maker.people_attributes(self._hosts[0].id)
        self.life = Life(workspace, maker, Timeline(epoch), settings, preset.pace)
        sessions = self._sessions()
        self._people_left = preset.people
        counts = list(self._counts(sessions))
        self._registrations_left = sum(counts)
        # In order of time: nobody comes to know the workspace after they registered.
        for session, count in sorted(zip(sessions, counts, strict=True), key=lambda one: one[0].start):
            self._fill(session, count)
            self._live(session)
        if preset.events:
            Days(self.life, settings, preset.pace, epoch // DAY * DAY + DAY + 7 * 3600)

    # --- sessions -----

    def _sessions(self) -> list[Session]:
        preset, rng = self._preset, self._maker.rng
        if not preset.events:
            return []
        shares = self._shares()
        drafts = {number for number in range(preset.events) if _is_draft(number)}
        rooms = {number for number in range(preset.events) if preset.breakout_rooms and number % _ROOM_EVERY == 2}  # noqa: PLR2004 - one that `tiny` has
        rooms = {number for number in rooms if shares[number] > 1 and number not in drafts}
        starts = self._starts(preset.sessions - len(drafts) - len(rooms))
        rng.shuffle(starts)
        found: list[Session] = []
        for number, share in enumerate(shares):
            if number in drafts:
                mine = [self._epoch // DAY * DAY + 20 * DAY]
            else:
                mine = sorted(starts.pop() for _ in range(share - (number in rooms)))
            created = min(*mine, self._epoch) - rng.randint(20, 40) * DAY
            users = list(self._workspace.users.values())
            event = self._maker.event(number, created, users, draft=number in drafts)
            self._workspace.add_event(event)
            found += [
                self._session(event, start, len(found) + place, draft=number in drafts)
                for place, start in enumerate(mine)
            ]
            if number in rooms:
                found.append(self._breakout_room(found[-1]))
        return found

    def _starts(self, count: int) -> list[int]:
        """So many times: some ahead, the others evenly over the year before."""
        upcoming, day = self._preset.upcoming, self._epoch // DAY * DAY
        a_day = max(1, round(upcoming / 13))
        back = max(1.0, (count - upcoming) / 340)
        ahead = [day + (1 + k // a_day) * DAY + _HOURS[k % 3] * 3600 for k in range(upcoming)]
        return ahead + [day - int(1 + k / back) * DAY + _HOURS[k % 3] * 3600 for k in range(count - upcoming)]

    def _shares(self) -> list[int]:
        """How many sessions each event has: one at least, the first the most, few have many."""
        preset, rng = self._preset, self._maker.rng
        shares = [1] * preset.events
        shares[0] = preset.most
        weights = [rng.paretovariate(1.1) for _ in shares]
        left = preset.sessions - sum(shares)
        while left > 0:
            (number,) = rng.choices(range(preset.events), weights)
            if shares[number] < preset.most and not _is_draft(number):
                shares[number] += 1
                left -= 1
        return shares

    def _session(self, event: Event, start: int, number: int, *, draft: bool) -> Session:
        placed = None if draft else _PLACED.get(number)
        if placed == "live":
            start = self._epoch - 600
        elif placed in ("upcoming", "canceled"):
            start = self._epoch // DAY * DAY + 4 * DAY + _HOURS[0] * 3600
        elif placed == "past_not_started":
            start = self._epoch - 9 * DAY
        created = max(
            event.attributes["created_at"] + 60, min(start, self._epoch) - self._maker.rng.randint(7, 13) * DAY
        )
        status = "draft" if draft else "upcoming"
        if placed in ("on_demand", "canceled"):
            status = placed
        elif not draft and placed is None and start < self._epoch and number % _CANCELED_EVERY == _CANCELED_EVERY - 1:
            status = "canceled"
        session = self._maker.session(event, start, created, status)
        if status == "canceled":
            session.canceled_at = session.updated_at = min(self._epoch, start) - 2 * DAY
        self._workspace.add_session(session)
        return session

    def _breakout_room(self, parent: Session) -> Session:
        room = self._maker.session(parent.event, parent.start, parent.created_at, parent.status)
        room.name, room.parent, room.planned_duration = "Room 1", parent, parent.planned_duration
        room.canceled_at, room.updated_at = parent.canceled_at, parent.updated_at
        self._workspace.add_session(room)
        return room

    # --- people -----

    def _counts(self, sessions: list[Session]) -> Iterator[int]:
        """How many register for each session: as the preset says, or drawn so that few have very many."""
        wanted, rng = self._preset.registrations, self._maker.rng
        if isinstance(wanted, tuple):
            yield from (*wanted, *[0] * len(sessions))[: len(sessions)]
            return
        takers = [0.0 if one.status == "draft" or one.parent else rng.paretovariate(1.25) for one in sessions]
        left, weight = wanted, sum(takers)
        drawn: list[int] = []
        for taker in takers:
            count = min(round(left * taker / weight), _REGISTRATIONS_MAX) if weight else 0
            left, weight = left - count, weight - taker
            drawn.append(count)
        for number, session in enumerate(sessions):
            if session.parent is not None:  # the one before; a part of its people go to the room as well
                drawn[number] = drawn[number - 1] // 4
                drawn[number - 1] -= drawn[number]
        yield from drawn

    def _fill(self, session: Session, count: int) -> None:
        rng, maker = self._maker.rng, self._maker
        end = min(session.start - 60, self._epoch, session.canceled_at or self._epoch)
        span = max(1, end - session.created_at - 60)
        moments = sorted(session.created_at + 60 + int(span * rng.random() ** 0.5) for _ in range(count))
        hosts = min(len(self._hosts), 1 + count // 40) if count > 4 else 0  # noqa: PLR2004 - small lists stay simple
        sure = self._hosts[:hosts]
        if session.parent is not None:
            sure = [one.person for one in session.parent.people.values()][:count]
        for number, moment in enumerate(moments):
            person = sure[number] if number < len(sure) else self._participant(session, moment)
            self._workspace.register(maker.registration(session, person, moment))
            self._registrations_left -= 1

    def _participant(self, session: Session, moment: int) -> Person:
        """Somebody known or somebody new, so that in the end there are as many people as the preset says."""
        anonymous = not asks_for_email(session.event)
        fresh = self._maker.rng.random() * self._registrations_left < self._people_left
        person = None if fresh or anonymous else self._maker.known(session)
        if person is None:
            person = self._maker.newcomer(session.event, moment)
            self._workspace.add_person(person)
            self._people_left -= 1
        elif person.created_at > moment:  # they registered for a later session before
            person.created_at = person.updated_at = moment
        return person

    def _live(self, session: Session) -> None:
        if session.status != "upcoming":
            return
        number = sum(map(ord, (session.parent or session).id))  # any, but always the same
        self.life.expect(session, held=not self._missed(session, number))
        if session.start > self._epoch:
            drawn = self._maker.rng.paretovariate(1.6) * self._preset.pace.registrants * 0.375
            self.life.expect_people(session, int(drawn))

    def _missed(self, session: Session, number: int) -> bool:
        if session.start == self._epoch - 9 * DAY:
            return True
        return session.start != self._epoch - 600 and number % _MISSED_EVERY == 0


def _is_draft(number: int) -> bool:
    return number % _DRAFT_EVERY == _DRAFT_EVERY - 1
