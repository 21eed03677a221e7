"""What happens in the workspace by itself: people come and go, sessions are held, attendance settles, days pass.

Everything goes through the timeline, with the time at which it happens. People are asleep between 22:00 and 07:00 UTC:
so nothing but sessions changes in the first hours after the epoch, and a list read then stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_livestorm.sandbox.clock import Timeline
from airflow_provider_livestorm.sandbox.makers import DAY, Maker
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import (
    ChatMessage,
    Event,
    Person,
    Question,
    Recording,
    Registration,
    Session,
    Workspace,
)

__all__ = ["Life", "Pace"]

_WAKE, _AWAKE = 7 * 3600, 15 * 3600  # seconds of a UTC day
_AHEAD = 13  # days that a session is planned ahead
_LINES = (
    "Hello from Lyon!",
    "Could you share the slides?",
    'He said "no" <again>',
    "👏👏",
    "Merci, c'était très clair",
)
_ASKED = ("Is there an API?", "What does it cost?", "Will there be a replay?", "Und auf Deutsch?")


@dataclass(frozen=True, slots=True)
class Pace:
    """How much happens.

    Attributes:
        sessions_a_day: that are planned anew.
        registrants: of a session, on average.
        returning: the share of registrations that are of people known before.
    """

    sessions_a_day: float
    registrants: int
    returning: float = 0.4


class Life:
    """Lets things happen."""

    def __init__(self, workspace: Workspace, maker: Maker, timeline: Timeline, settings: Settings, pace: Pace) -> None:
        self.workspace = workspace
        self.maker = maker
        self.timeline = timeline
        self._settings = settings
        self._pace = pace
        self._share = 0.0  # of a session that was not planned yet

    # --- a session -----

    def expect(self, session: Session, *, held: bool = True) -> None:
        """Plan the hours of a session that lies ahead, or that is to have been held."""
        if held:
            self.timeline.at(session.start, self._start, session, session.start)
        else:
            self.timeline.at(session.start + session.planned_duration, self._miss, session, session.start)

    def expect_people(self, session: Session, count: int) -> None:
        """Plan that so many more will register before a session starts: most of them shortly before."""
        begin = self.timeline.now
        for _ in range(count):
            when = session.start - (session.start - begin) * self.maker.rng.random() ** 1.5
            self.timeline.at(max(begin + 1, min(self._daytime(when), session.start - 60)), self._arrive, session)

    def _daytime(self, when: float) -> float:
        day, second = divmod(int(when), DAY)
        return day * DAY + _WAKE + second * _AWAKE // DAY

    def _gone(self, session: Session) -> bool:
        return session.id not in self.workspace.sessions

    def _arrive(self, at: float, session: Session) -> None:
        if self._settings.life == "none" or self._gone(session) or session.status not in ("upcoming", "on_demand"):
            return
        rng = self.maker.rng
        person = self.maker.known(session) if rng.random() < self._pace.returning else None
        if person is None:
            person = self.maker.newcomer(session.event, int(at))
            self.workspace.add_person(person)
        registration = self.maker.registration(session, person, int(at))
        self.workspace.register(registration)
        if rng.random() < 0.02:  # noqa: PLR2004 - some change their mind
            self.timeline.at(self._daytime(at + DAY), self._leave, registration)

    def _leave(self, at: float, registration: Registration) -> None:
        if self._settings.life == "ordinary" and self._there(registration) and registration.session.status != "past":
            self.workspace.unregister(registration, at)

    def _there(self, registration: Registration) -> bool:
        session = registration.session
        return not self._gone(session) and session.people.get(registration.person.id) is registration

    def _miss(self, at: float, session: Session, planned: int) -> None:
        if not self._gone(session) and session.status == "upcoming" and session.start == planned:
            session.status = "past_not_started"
            self.workspace.touch_session(session, at)

    def _start(self, at: float, session: Session, planned: int) -> None:
        if self._gone(session) or session.status != "upcoming" or session.start != planned:
            return
        session.status, session.started_at = "live", int(at)
        self.workspace.touch_session(session, at)
        self.workspace.heard("session.started", session, int(at))
        duration = max(900, session.planned_duration + self.maker.rng.randint(-600, 900))
        said: list[tuple[float, int, Callable[..., None], Registration]] = []
        for number, registration in enumerate(session.people.values()):
            if not _comes(registration):
                continue
            said += [
                (at + (registration.luck >> (16 + line)) % duration, number, self._say, registration)
                for line in range((registration.luck >> 8 & 15) - 12)
            ]
            if registration.luck >> 12 & 15 == 0:
                said.append((at + (registration.luck >> 30) % duration, number, self._ask, registration))
        for when, _, action, registration in sorted(said, key=lambda one: one[:2]):
            self.timeline.at(when, action, registration)
        self.timeline.at(at + duration, self._end, session)

    def _say(self, at: float, registration: Registration) -> None:
        if self._there(registration) and registration.session.event.attributes["chat_enabled"]:
            text = self.maker.rng.choice(_LINES)
            message = ChatMessage(self.maker.id(), registration.person, text, int(at))
            registration.session.chat.append(message)
            registration.messages += 1
            self.workspace.touch(registration, at)

    def _ask(self, at: float, registration: Registration) -> None:
        if self._there(registration) and registration.session.event.attributes["questions_enabled"]:
            rng, moment = self.maker.rng, int(at)
            question = Question(self.maker.id(), registration.person, rng.choice(_ASKED), moment, moment)
            registration.session.questions.append(question)
            registration.questions += 1
            self.workspace.touch(registration, at)
            if rng.random() < 0.8:  # noqa: PLR2004 - most are answered, some on a later day
                later = at + rng.randint(60, 900) if rng.random() < 0.6 else self._daytime(at + DAY)  # noqa: PLR2004
                self.timeline.at(later, self._answer, registration, question)

    def _answer(self, at: float, registration: Registration, question: Question) -> None:
        if self._gone(registration.session):
            return
        hosts = [person for person in self.workspace.people.values() if person.role == "team_member"]
        question.responder = hosts[registration.luck % len(hosts)]
        question.orally = registration.luck & 1 == 1
        question.response = None if question.orally else "Yes. See https://example.com/help"
        question.responded_at = question.updated_at = int(at)

    def _end(self, at: float, session: Session) -> None:
        if self._gone(session) or session.status != "live":
            return
        session.status, session.ended_at = "past", int(at)
        self.workspace.touch_session(session, at)
        self.workspace.heard("session.ended", session, int(at))
        for registration in session.people.values():
            if _comes(registration) and registration.luck >> 20 & 3:
                self.workspace.attend(registration, at)
        self.timeline.at(at + self._settings.attendance_delay, self._settle, session)
        if session.event.attributes["recording_enabled"]:
            self.timeline.at(at + 1800, self._record, session)

    def _settle(self, at: float, session: Session) -> None:
        if self._gone(session):
            return
        duration = session.ended_at - session.started_at
        for registration in session.people.values():
            luck = registration.luck
            if _comes(registration):
                registration.attendance_rate = round(5 + (luck >> 22 & 1023) * 95 / 1023, 1)
                registration.attendance_duration = int(duration * registration.attendance_rate / 100)
                self.workspace.attend(registration, at)
                self.workspace.heard("people.attended", registration, int(at))
            else:
                self.workspace.heard("people.not_attended", registration, int(at))
            if luck >> 32 & 15 == 0:
                self.timeline.at(self._daytime(at + (1 + (luck >> 36) % 20) * DAY), self._replay, registration)

    def _replay(self, at: float, registration: Registration) -> None:
        if self._there(registration):
            registration.has_viewed_replay = True
            self.workspace.touch(registration, at)
            self.workspace.heard("people.watched_replay", registration, int(at))

    def _record(self, at: float, session: Session) -> None:
        if not self._gone(session):
            size = 200_000 + self.maker.rng.getrandbits(20)
            session.recordings.append(Recording(self.maker.id(), size, f"recording-{session.started_at}.mp4", session))

    # --- a day -----

    def new_day(self, at: float) -> None:
        """What a team does in a day; called at each day's begin."""
        self.timeline.at(at + DAY, self.new_day)
        if self._settings.life == "none":
            return
        rng, workspace, busy = self.maker.rng, self.workspace, self._pace.sessions_a_day / 3
        self._share += self._pace.sessions_a_day
        for number in range(int(self._share)):
            self.timeline.at(at + 3600 + number * 600, self._plan_session)
        self._share %= 1
        for session in workspace.sessions.values():
            if session.status == "on_demand":
                self.timeline.at(at + rng.randint(1, _AWAKE), self._arrive, session)
        for chance, happens in (
            (0.5, self._edit), (0.3, self._reschedule), (0.15, self._cancel), (0.2, self._tag),
            (0.5, self._anonymize), (0.1, self._remove_session), (0.03, self._remove_event),
        ):  # fmt: skip
            if rng.random() < chance * busy:
                self.timeline.at(at + rng.randint(1, _AWAKE), happens)

    def _some_event(self) -> Event | None:
        published = [one for one in self.workspace.events.values() if one.attributes["status"] == "published"]
        return self.maker.rng.choice(published) if published else None

    def _some_session(self, status: str) -> Session | None:
        found = [one for one in self.workspace.sessions.values() if one.status == status]
        return self.maker.rng.choice(found) if found else None

    def _plan_session(self, at: float) -> None:
        rng, workspace = self.maker.rng, self.workspace
        event = self._some_event() if rng.random() < 0.8 else None  # noqa: PLR2004
        if event is None:
            event = self.maker.event(len(workspace.events), int(at), list(workspace.users.values()))
            event.attributes |= {"published_at": int(at), "updated_at": int(at)}
            workspace.add_event(event)
            workspace.heard("event.published", event, int(at))
        day = int(at) // DAY * DAY + _AHEAD * DAY
        session = self.maker.session(event, day + rng.choice((9, 13, 16)) * 3600, int(at), "upcoming")
        workspace.add_session(session)
        self.expect(session, held=rng.random() < 0.95)  # noqa: PLR2004
        self.expect_people(session, int(rng.paretovariate(1.6) * self._pace.registrants * 0.375))

    def _edit(self, at: float) -> None:
        if event := self._some_event():
            title = event.attributes["title"].removesuffix(" (new)")
            event.attributes |= {"title": f"{title} (new)", "updated_at": int(at)}

    def _tag(self, _: float) -> None:
        if (event := self._some_event()) and "new" not in event.tags:
            event.tags.append("new")

    def _reschedule(self, at: float) -> None:
        if (session := self._some_session("upcoming")) and session.start > at + DAY:
            session.start += DAY
            self.workspace.touch_session(session, at)
            self.expect(session)

    def _cancel(self, at: float) -> None:
        if session := self._some_session("upcoming"):
            session.status, session.canceled_at = "canceled", int(at)
            self.workspace.touch_session(session, at)

    def _remove_session(self, at: float) -> None:
        if self._settings.life == "ordinary" and (session := self._some_session("past")):
            self.workspace.remove_session(session, at)

    def _remove_event(self, at: float) -> None:
        if self._settings.life == "ordinary" and (event := self._some_event()):
            self.workspace.remove_event(event, at)

    def _anonymize(self, at: float) -> None:
        if self._settings.life == "ordinary" and self.maker.pool:
            pool = self.maker.pool
            anonymize(self.workspace, pool.pop(self.maker.rng.randrange(len(pool))), at)


def anonymize(workspace: Workspace, person: Person, at: float) -> None:
    """Forget who somebody is, and what they answered."""
    person.first_name = person.last_name = person.timezone = None
    workspace.rename(person, f"{int(at)}+{person.id}@unknown.livestorm.co", int(at))
    for session in workspace.sessions.values():
        if registration := session.people.get(person.id):
            registration.answers, registration.tracking = {}, {}
            workspace.touch(registration, at)


def _comes(registration: Registration) -> bool:
    session = registration.session
    in_time = registration.created_at <= session.started_at
    return in_time and (registration.person.role == "team_member" or registration.luck % 10 < 6)  # noqa: PLR2004
