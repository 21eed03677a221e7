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
    Question,
    Recording,
    Registration,
    Session,
    Workspace,
)

__all__ = ["AWAKE", "Life", "Pace"]

_WAKE, AWAKE = 7 * 3600, 15 * 3600  # seconds of a UTC day
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

    # --- a session -----

    def expect(self, session: Session, *, held: bool = True) -> None:
        """Plan the hours of a session that lies ahead, or that is to have been held."""
        if held:
            # Nobody begins to the second.
            self.timeline.at(session.start + int(session.id[:2], 16), self._start, session, session.start)
        else:
            self.timeline.at(session.start + session.planned_duration, self._miss, session, session.start)

    def expect_people(self, session: Session, count: int) -> None:
        """Plan that so many more will register before a session starts: most of them shortly before."""
        begin = self.timeline.now
        self.maker.roll("expect people", session.id)
        for number in range(count):
            when = session.start - (session.start - begin) * self.maker.rng.random() ** 1.5
            self.timeline.at(max(begin + 1, min(self._daytime(when), session.start - 60)), self.arrive, session, number)

    def _daytime(self, when: float) -> float:
        day, second = divmod(int(when), DAY)
        return day * DAY + _WAKE + second * AWAKE // DAY

    def _gone(self, session: Session) -> bool:
        return session.id not in self.workspace.sessions

    def arrive(self, at: float, session: Session, number: int) -> None:
        """Somebody registers, the `number`th of whom it is told."""
        if self._settings.life == "none" or self._gone(session) or session.status not in ("upcoming", "on_demand"):
            return
        rng = self.maker.rng
        self.maker.roll("arrive", session.id, number)
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
        self.maker.roll("start", session.id)
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
            self.maker.roll("say", registration.session.id, registration.person.id, registration.messages)
            text = self.maker.rng.choice(_LINES)
            message = ChatMessage(self.maker.id(), registration.person, text, int(at))
            registration.session.chat.append(message)
            registration.messages += 1
            self.workspace.touch(registration, at)

    def _ask(self, at: float, registration: Registration) -> None:
        if self._there(registration) and registration.session.event.attributes["questions_enabled"]:
            rng, moment = self.maker.rng, int(at)
            self.maker.roll("ask", registration.session.id, registration.person.id, registration.questions)
            question = Question(self.maker.id(), registration.person, rng.choice(_ASKED), moment, moment)
            registration.session.questions.append(question)
            registration.questions += 1
            self.workspace.touch(registration, at)
            if rng.random() < 0.8:  # noqa: PLR2004 - most are answered, some on a later day
                later = at + rng.randint(60, 900) if rng.random() < 0.6 else self._daytime(at + DAY)  # noqa: PLR2004 - a share
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
            self.maker.roll("record", session.id)
            size = 200_000 + self.maker.rng.getrandbits(20)
            session.recordings.append(Recording(self.maker.id(), size, f"recording-{session.started_at}.mp4", session))

    def move(self, session: Session, start: int, at: float) -> None:
        """Plan a session, and its breakout rooms, for another time."""
        for one in (session, *self.workspace.rooms(session)):
            one.start = start
            self.workspace.touch_session(one, at)
            self.expect(one)


def _comes(registration: Registration) -> bool:
    session = registration.session
    in_time = registration.created_at <= session.started_at
    return in_time and (registration.person.role == "team_member" or registration.luck % 10 < 6)  # noqa: PLR2004 - six in ten
