"""What a team does in a day: plans sessions and events, changes them, removes them, forgets people."""

from __future__ import annotations

from airflow_provider_livestorm.sandbox.life import AWAKE, Life, Pace
from airflow_provider_livestorm.sandbox.makers import DAY
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import Event, Person, Session, Workspace

__all__ = ["Days"]

_AHEAD = 13  # days that a session is planned ahead


class Days:
    """Plans what happens in each day, from the first one on.

    Args:
        life: carries out what was planned.
        settings: those in force.
        pace: how much happens.
        begin: UTC unix seconds of the first day.
    """

    def __init__(self, life: Life, settings: Settings, pace: Pace, begin: int) -> None:
        self.workspace = life.workspace
        self.maker = life.maker
        self.timeline = life.timeline
        self._life = life
        self._settings = settings
        self._pace = pace
        self._share = 0.0  # of a session that was not planned yet
        self.timeline.at(begin, self.new_day)

    def new_day(self, at: float) -> None:
        """What a team does in a day; called at each day's begin."""
        self.timeline.at(at + DAY, self.new_day)
        if self._settings.life == "none":
            return
        rng, workspace, busy = self.maker.rng, self.workspace, self._pace.sessions_a_day / 3
        self.maker.roll("day", int(at))
        self._share += self._pace.sessions_a_day
        for number in range(int(self._share)):
            self.timeline.at(at + 3600 + number * 600, self._plan_session)
        self._share %= 1
        for session in workspace.sessions.values():
            if session.status == "on_demand" and not session.by_caller:
                self.timeline.at(at + rng.randint(1, AWAKE), self._life.arrive, session, int(at))
        for chance, happens in (
            (0.5, self._edit), (0.3, self._reschedule), (0.15, self._cancel), (0.2, self._tag),
            (0.5, self._anonymize), (0.1, self._remove_session), (0.03, self._remove_event),
        ):  # fmt: skip
            if rng.random() < chance * busy:
                self.timeline.at(at + rng.randint(1, AWAKE), happens)

    # What callers made is theirs: nothing of it is chosen, so that life goes on as it would without them.

    def _some_event(self, what: str, at: float) -> Event | None:
        self.maker.roll(what, int(at))
        events = self.workspace.events.values()
        published = [one for one in events if one.attributes["status"] == "published" and not one.by_caller]
        return self.maker.rng.choice(published) if published else None

    def _some_session(self, what: str, at: float, status: str) -> Session | None:
        self.maker.roll(what, int(at))
        sessions = self.workspace.sessions.values()
        found = [one for one in sessions if one.status == status and not one.by_caller and one.parent is None]
        return self.maker.rng.choice(found) if found else None

    def _plan_session(self, at: float) -> None:
        rng, workspace = self.maker.rng, self.workspace
        event = self._some_event("plan", at)
        if event is None or rng.random() < 0.2:  # noqa: PLR2004 - a share
            event = self.maker.event(rng.randint(1000, 9999), int(at), list(workspace.users.values()))
            event.attributes |= {"published_at": int(at), "updated_at": int(at)}
            workspace.add_event(event)
            workspace.heard("event.published", event, int(at))
        day = int(at) // DAY * DAY + _AHEAD * DAY
        session = self.maker.session(event, day + rng.choice((9, 13, 16)) * 3600, int(at), "upcoming")
        workspace.add_session(session)
        self._life.expect(session, held=rng.random() < 0.95)  # noqa: PLR2004 - a share
        self._life.expect_people(session, int(rng.paretovariate(1.6) * self._pace.registrants * 0.375))

    def _edit(self, at: float) -> None:
        if event := self._some_event("edit", at):
            title = event.attributes["title"].removesuffix(" (new)")
            event.attributes |= {"title": f"{title} (new)", "updated_at": int(at)}

    def _tag(self, at: float) -> None:
        if (event := self._some_event("tag", at)) and "new" not in event.tags:
            event.tags.append("new")

    def _reschedule(self, at: float) -> None:
        if (session := self._some_session("reschedule", at, "upcoming")) and session.start > at + DAY:
            self._life.move(session, session.start + DAY, at)

    def _cancel(self, at: float) -> None:
        if session := self._some_session("cancel", at, "upcoming"):
            for one in (session, *self.workspace.rooms(session)):
                one.status, one.canceled_at = "canceled", int(at)
                self.workspace.touch_session(one, at)

    def _remove_session(self, at: float) -> None:
        if self._settings.life == "ordinary" and (session := self._some_session("remove", at, "past")):
            self.workspace.remove_session(session, at)

    def _remove_event(self, at: float) -> None:
        if self._settings.life == "ordinary" and (event := self._some_event("remove", at)):
            self.workspace.remove_event(event, at)

    def _anonymize(self, at: float) -> None:
        if self._settings.life == "ordinary" and self.maker.pool:
            pool = self.maker.pool
            self.maker.roll("anonymize", int(at))
            anonymize(self.workspace, pool.pop(self.maker.rng.randrange(len(pool))), at)


def anonymize(workspace: Workspace, person: Person, at: float) -> None:
    """Forget who somebody is, and what they answered."""
    person.first_name = person.last_name = person.timezone = None
    workspace.rename(person, f"{int(at)}+{person.id}@unknown.livestorm.co", int(at))
    for session in workspace.sessions.values():
        if registration := session.people.get(person.id):
            registration.answers, registration.tracking = {}, {}
            workspace.touch(registration, at)
