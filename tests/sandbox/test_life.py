"""What happens in the workspace as its clock is moved: what, when, and the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_livestorm.sandbox import truth
from airflow_provider_livestorm.sandbox.clock import Clock
from airflow_provider_livestorm.sandbox.connections import Connections
from airflow_provider_livestorm.sandbox.faults import Faults
from airflow_provider_livestorm.sandbox.generate import EPOCH, generate
from airflow_provider_livestorm.sandbox.makers import Maker
from airflow_provider_livestorm.sandbox.recordings import Storage
from airflow_provider_livestorm.sandbox.service import Service
from airflow_provider_livestorm.sandbox.settings import Settings

Row = dict[str, Any]
HOUR, DAY = 3600, 86_400
CHANGING = ("events", "sessions", "session_people", "people", "chat_messages", "questions", "recordings", "event_tags")


class Workspace:
    """A workspace whose time stands still unless it is moved."""

    def __init__(self, preset: str = "small", seed: int = 1, **settings: Any) -> None:
        chosen = Settings()
        chosen.change({"incomplete_people": "none"} | settings)
        self.now = float(EPOCH)
        clock = Clock(EPOCH, monotonic=lambda: 0.0)
        life = generate(preset, seed, EPOCH, chosen)
        faults = Faults(Connections(), lambda path, how: None, dict)
        storage = Storage(lambda: life.workspace.sessions, clock.now, faults)
        self.service = Service(life, chosen, clock, storage, Maker("callers", EPOCH))
        self.heard: list[tuple[str, int]] = []
        life.workspace.heard = lambda name, _, at: self.heard.append((name, at))

    def to(self, when: float) -> None:
        self.service.clock.advance(when - self.now)
        self.now = when
        self.service.catch_up()

    def rows(self, stream: str) -> dict[tuple[str, str], Row]:
        return {(row.get("session_id", ""), row["id"]): row["attributes"] for row in truth.rows(self.service, stream)}

    def all(self) -> dict[str, list[Row]]:
        return {stream: list(truth.rows(self.service, stream)) for stream in CHANGING}


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


def sessions_that_end(workspace: Workspace) -> Iterator[tuple[tuple[str, str], Row]]:
    """Sessions ahead that will be held, as they are when they have ended."""
    before = workspace.rows("sessions")
    workspace.to(EPOCH + 3 * DAY)
    for key, row in workspace.rows("sessions").items():
        if row["status"] == "past" and before.get(key, row)["status"] == "upcoming":
            yield key, row


def test_one_move_and_many_moves_lead_to_the_same_workspace() -> None:
    """Nor does it matter that somebody looks in between."""
    one, many = Workspace(), Workspace()
    one.to(EPOCH + 12 * DAY)
    for step in range(1, 12 * 5 + 1):
        many.to(EPOCH + step * DAY / 5)
        many.rows("sessions")
    assert one.heard == many.heard
    assert one.all() == many.all()


def test_the_first_hours_change_nothing_but_sessions_that_are_on(workspace: Workspace) -> None:
    """So a first run of a demo or a test reads lists that stand still."""
    before = workspace.rows("session_people")
    workspace.to(EPOCH + 3 * HOUR)
    after = workspace.rows("session_people")
    assert after.keys() == before.keys()
    assert workspace.rows("people") == Workspace().rows("people")


def test_registrations_arrive_for_sessions_ahead(workspace: Workspace) -> None:
    before = workspace.rows("session_people")
    workspace.to(EPOCH + DAY)
    fresh = workspace.rows("session_people").keys() - before.keys()
    assert len(fresh) > 10
    sessions = workspace.rows("sessions")
    for session, person in fresh:
        row = workspace.rows("session_people")[session, person]
        assert EPOCH < row["registrant_detail"]["created_at"] <= EPOCH + DAY
        assert row["registrant_detail"]["created_at"] <= sessions["", session]["estimated_started_at"]


def test_sessions_start_and_end_at_their_hour(workspace: Workspace) -> None:
    ended = list(sessions_that_end(workspace))
    assert len(ended) > 1
    for _, row in ended:
        assert 0 <= row["started_at"] - row["estimated_started_at"] < 300, "nobody begins to the second"
        assert row["ended_at"] - row["started_at"] == row["duration"] >= 900
    assert sum(name == "session.ended" for name, _ in workspace.heard) >= len(ended)


@pytest.mark.parametrize("delay", [0, 14_400, 100_000])
def test_attendance_settles_so_long_after_the_end_and_not_before(delay: int) -> None:
    workspace = Workspace(attendance_delay=delay)
    (_, session), row = next(sessions_that_end(workspace))
    end = row["ended_at"]
    workspace = Workspace(attendance_delay=delay)

    def rates() -> set[float | None]:
        people = workspace.rows("session_people").items()
        return {one["registrant_detail"]["attendance_rate"] for key, one in people if key[0] == session}

    if delay:
        workspace.to(end + delay - 1)
        assert rates() == {None}
    workspace.to(end + delay)
    assert rates() > {None}, "who was not there has none"
    told = [name for name, at in workspace.heard if at == end + delay]
    assert {"people.attended", "people.not_attended"} <= set(told)
    counted = workspace.rows("sessions")["", session]["attendees_count"]
    people = [one for key, one in workspace.rows("session_people").items() if key[0] == session]
    assert counted == sum(one["registrant_detail"]["attended"] for one in people) > 0


def test_replays_are_watched_days_later(workspace: Workspace) -> None:
    before = {
        key for key, row in workspace.rows("session_people").items() if row["registrant_detail"]["has_viewed_replay"]
    }
    workspace.to(EPOCH + 10 * DAY)
    sessions = workspace.rows("sessions")
    later = [
        row["registrant_detail"]["updated_at"] - sessions["", key[0]]["ended_at"]
        for key, row in workspace.rows("session_people").items()
        if row["registrant_detail"]["has_viewed_replay"] and key not in before
    ]
    assert later
    assert min(later) >= DAY / 2
    assert max(later) > 5 * DAY


def test_questions_are_asked_in_the_session_and_answered_after_some_time(workspace: Workspace) -> None:
    before = workspace.rows("questions")
    workspace.to(EPOCH + 9 * DAY)
    fresh = {key: row for key, row in workspace.rows("questions").items() if key not in before}
    assert fresh
    answered = [row for row in fresh.values() if row["responded_at"]]
    assert 0 < len(answered) < len(fresh)
    for row in answered:
        assert row["responded_at"] == row["updated_at"] > row["created_at"]
        assert row["response_author_id"]
    assert any(row["responded_at"] - row["created_at"] > 6 * HOUR for row in answered), "some on a later day"


def test_records_are_deleted_and_anonymized_within_a_month(workspace: Workspace) -> None:
    before = workspace.all()
    emails = {row["id"]: row["attributes"]["email"] for row in before["people"]}
    workspace.to(EPOCH + 30 * DAY)
    for stream in ("sessions", "session_people"):
        gone = {(row.get("session_id"), row["id"]) for row in before[stream]} - {
            (row.get("session_id"), row["id"]) for row in truth.rows(workspace.service, stream)
        }
        assert gone, stream
    people = workspace.rows("people")
    anonymous = [
        id_ for (_, id_), row in people.items()
        if id_ in emails and row["email"] != emails[id_] and row["email"].endswith("@unknown.livestorm.co")
    ]  # fmt: skip
    assert anonymous
    for (_, person), row in workspace.rows("session_people").items():
        if person in anonymous:
            assert row["email"] == people["", person]["email"]
            assert row["first_name"] is None
            told = row["registrant_detail"]
            assert all(field["value"] is None for field in told["fields"] if field["id"] != "email"), (
                "forgotten as well"
            )
            assert emails[person] not in str(row)


def test_life_can_be_without_deletions(workspace: Workspace) -> None:
    workspace = Workspace(life="no_deletions")
    before = workspace.all()
    workspace.to(EPOCH + 30 * DAY)
    for stream in CHANGING:
        keys = {
            (row.get("session_id"), row.get("event_id"), row["id"]) for row in truth.rows(workspace.service, stream)
        }
        assert {(row.get("session_id"), row.get("event_id"), row["id"]) for row in before[stream]} <= keys, stream


def test_life_can_be_nothing_but_the_hours_of_sessions() -> None:
    workspace = Workspace(life="none")
    before = workspace.all()
    workspace.to(EPOCH + 30 * DAY)
    after = workspace.all()
    assert [row["id"] for row in after["events"]] == [row["id"] for row in before["events"]]
    assert [row["id"] for row in after["session_people"]] == [row["id"] for row in before["session_people"]]
    statuses = {row["attributes"]["status"] for row in after["sessions"]}
    assert "live" not in statuses
    assert {row["attributes"]["status"] for row in before["sessions"]} > statuses


@pytest.mark.parametrize("moves", ["stays", "moves"])
def test_what_moves_a_sessions_updated_at_is_as_set(moves: str) -> None:
    workspace = Workspace(session_updates=moves, event_updates=moves, life="no_deletions")
    before = workspace.rows("sessions")
    registered = {key[0] for key in workspace.rows("session_people")}
    workspace.to(EPOCH + DAY)
    people = workspace.rows("session_people")
    after = workspace.rows("sessions")
    came = {
        key[0] for key, row in people.items()
        if row["registrant_detail"]["created_at"] > EPOCH and after["", key[0]]["status"] == "upcoming"
        and key[0] in registered
    }  # fmt: skip
    assert came
    moved = {session for session in came if after["", session]["updated_at"] > EPOCH}
    still = {session for session in came if after["", session]["updated_at"] == before["", session]["updated_at"]}
    assert (moved == came) if moves == "moves" else (len(still) > len(came) / 2), "a few are rescheduled themselves"


def test_who_registered_after_the_start_did_not_come_and_not_all_are_seen_at_once(workspace: Workspace) -> None:
    (_, session), row = next(sessions_that_end(workspace))
    fresh = Workspace()
    fresh.to(row["ended_at"])
    seen = sum(
        one["registrant_detail"]["attended"] for key, one in fresh.rows("session_people").items() if key[0] == session
    )
    assert 0 < seen < row["attendees_count"]
    record = fresh.service.workspace.sessions[session]
    late = fresh.service.maker.registration(record, fresh.service.maker.stranger(None, 1), row["started_at"] + 60)
    fresh.service.workspace.register(late)
    fresh.to(row["ended_at"] + DAY)
    assert not late.attended


def test_what_happens_by_itself_tells_when() -> None:
    """A cancellation and a new hour move the session's own updated_at."""
    both: list[tuple[Row, Row]] = []
    for seed in range(1, 9):
        workspace = Workspace(seed=seed)
        before = workspace.rows("sessions")
        workspace.to(EPOCH + 13 * DAY)
        both += [(before[key], row) for key, row in workspace.rows("sessions").items() if key in before]
    canceled = [row for old, row in both if row["status"] == "canceled" != old["status"]]
    moved = [row for old, row in both if row["estimated_started_at"] != old["estimated_started_at"]]
    assert canceled
    assert moved
    for row in canceled:
        assert row["updated_at"] >= row["canceled_at"] > EPOCH
    for row in moved:
        assert row["updated_at"] > EPOCH
        assert not row["started_at"] or row["started_at"] >= row["estimated_started_at"]


def test_what_is_forgotten_is_forgotten_whole(workspace: Workspace) -> None:
    people = {key[1]: row["email"] for key, row in workspace.rows("people").items()}
    workspace.to(EPOCH + 30 * DAY)
    forgotten = {
        key[1] for key, row in workspace.rows("people").items() if people.get(key[1], row["email"]) != row["email"]
    }
    assert forgotten
    for key, row in workspace.rows("session_people").items():
        if key[1] in forgotten:
            told = row["registrant_detail"]
            names = ("browser_name", "os_name", "screen_width", "ip_city", "ip_country_code", "utm_source", "referrer")
            assert [told[name] for name in names] == [None] * len(names)
            assert row["timezone"] is None
