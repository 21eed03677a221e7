"""The made-up workspaces: the same for the same seed, and with all that users meet (docs/livestorm/api.md 6, 9)."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from typing import Any

import msgspec
import pytest
import requests

from airflow_provider_livestorm.sandbox.documents import Documents
from airflow_provider_livestorm.sandbox.generate import EPOCH, PRESETS, generate
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import Workspace

Row = dict[str, Any]


DOCUMENTS = Documents(Settings(incomplete_people="none"))


def made(preset: str, seed: int) -> Workspace:
    return generate(preset, seed, EPOCH, Settings()).workspace


def events(workspace: Workspace) -> list[Row]:
    return [DOCUMENTS.event(event)["attributes"] for event in workspace.events.values()]


def sessions(workspace: Workspace) -> list[Row]:
    return [DOCUMENTS.session(session)["attributes"] for session in workspace.sessions.values()]


def people(workspace: Workspace) -> list[Row]:
    return [DOCUMENTS.registration(one) for one in workspace.registrations()]


def fingerprint(workspace: Workspace) -> str:
    said = [
        DOCUMENTS.chat_message(session, message) for session in workspace.sessions.values() for message in session.chat
    ]
    whole = [events(workspace), sessions(workspace), people(workspace), said, workspace.organization, workspace.users]
    return hashlib.sha256(msgspec.json.encode(whole)).hexdigest()


@pytest.fixture(scope="module")
def small() -> Workspace:
    return made("small", 1)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_seed_gives_the_same_workspace_in_every_process(preset: str) -> None:
    """Also where strings hash otherwise: an order that came out of a set would show."""
    code = (
        "from tests.sandbox.test_generate import *\n"
        f"print(fingerprint(made({preset!r}, 7)))"
    )  # fmt: skip
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert done.stdout.strip() == fingerprint(made(preset, 7))


def test_another_seed_gives_another_workspace() -> None:
    assert fingerprint(made("tiny", 7)) != fingerprint(made("tiny", 8))


def test_a_sandbox_serves_the_workspace_of_its_seed_and_tells_its_hash() -> None:
    with SandboxProcess(preset="tiny", seed=7, epoch=EPOCH) as sandbox, requests.Session() as web:
        assert [row["id"] for row in sandbox.truth("sessions")] == list(made("tiny", 7).sessions)
        answer = web.get(f"{sandbox.url}/_sandbox/truth/session_people", timeout=10)
        assert answer.headers["X-Sandbox-Sha256"] == hashlib.sha256(answer.content).hexdigest()
        assert sandbox.status()["made_from"] == {"preset": "tiny", "seed": 7, "epoch": EPOCH}


@pytest.mark.parametrize("seed", range(1, 6))
def test_tiny_has_lists_of_every_length_that_matters(seed: int) -> None:
    workspace = made("tiny", seed)
    assert len(workspace.events) == 6
    lengths = {len(session.people) for session in workspace.sessions.values()}
    assert lengths >= {0, 50, 51, 100, 120}
    found = {row["status"] for row in sessions(workspace)}
    assert found >= {"upcoming", "live", "past", "past_not_started", "on_demand", "canceled"}


def test_full_page_fills_a_page_of_each_list_exactly() -> None:
    workspace = made("full-page", 1)
    assert len(workspace.events) == len(workspace.sessions) == 50
    assert {session.event.id for session in workspace.sessions.values()} == set(workspace.events)
    assert max(len(session.people) for session in workspace.sessions.values()) == 50


def test_empty_has_no_event() -> None:
    assert not made("empty", 1).events


def test_small_is_a_middling_workspace(small: Workspace) -> None:
    assert len(small.events) == 40
    assert len(small.sessions) == 110
    assert len(people(small)) == 3000
    assert len({person["id"] for person in people(small)}) == 1805, "of them five of the team"


def test_sessions_and_events_have_every_status_at_the_start(small: Workspace) -> None:
    found = {row["status"] for row in sessions(small)}
    assert found == {"upcoming", "live", "past", "past_not_started", "on_demand", "canceled", "draft"}
    assert {row["scheduling_status"] for row in events(small)} >= {"live", "upcoming", "ended", "draft"}
    drafts = [row for row in events(small) if row["status"] == "draft"]
    assert drafts
    assert all(row["published_at"] == 0 for row in drafts)
    assert any(row["breakout_room_parent_session_id"] for row in sessions(small))


def test_never_is_nought_and_duration_null(small: Workspace) -> None:
    for row in sessions(small):
        assert (row["started_at"] > 0) == (row["status"] in ("live", "past"))
        assert (row["ended_at"] > 0) == (row["duration"] is not None) == (row["status"] == "past")
        assert (row["canceled_at"] > 0) == (row["status"] == "canceled")


def test_nothing_was_changed_in_the_future(small: Workspace) -> None:
    rows = [*events(small), *sessions(small), *(person["attributes"] for person in people(small))]
    assert max(row["updated_at"] for row in rows) <= EPOCH
    assert all(row["created_at"] <= row["updated_at"] for row in rows)
    details = [person["attributes"]["registrant_detail"] for person in people(small)]
    assert all(detail["created_at"] <= detail["updated_at"] <= EPOCH for detail in details)


def test_registrations_have_the_oddities_that_users_meet(small: Workspace) -> None:
    rows = [person["attributes"] for person in people(small)]
    details = [row["registrant_detail"] for row in rows]
    answers = [field for detail in details for field in detail["fields"]]
    assert any(len(field["id"]) > 100 for field in answers)
    assert any(isinstance(field["value"], list) and len(field["value"]) > 1 for field in answers)
    assert any(row["email"].endswith("@unknown.livestorm.co") and row["first_name"] is None for row in rows)
    assert any(not detail["attended"] and detail["attendance_rate"] is None for detail in details)
    assert any((row["first_name"] or "").isascii() is False for row in rows)
    assert {type(detail["screen_height"]) for detail in details} == {str, type(None)}
    team = [row for row in rows if row["role"] == "team_member"]
    assert team
    assert all((row["registrant_detail"]["password_key"] is None) == (row["role"] == "team_member") for row in rows)
    assert max(Counter(person["id"] for person in people(small)).values()) > 3
    forms = {tuple(field["id"] for field in row["fields"]) for row in events(small)}
    assert len(forms) > 5, "each event asks for other things"


def test_sessions_move_from_upcoming_to_live_to_past_with_the_clock() -> None:
    with SandboxProcess(preset="small", life="none") as sandbox:
        ahead = [row for row in sandbox.truth("sessions") if row["attributes"]["status"] == "upcoming"]
        start = min(row["attributes"]["estimated_started_at"] for row in ahead)
        ids = {row["id"] for row in ahead if row["attributes"]["estimated_started_at"] == start}

        def now() -> dict[str, Row]:
            return {row["id"]: row["attributes"] for row in sandbox.truth("sessions") if row["id"] in ids}

        sandbox.advance(start - sandbox.now() + 300)
        live = {key: row for key, row in now().items() if row["status"] == "live"}
        assert live
        events = {row["id"]: row["attributes"]["scheduling_status"] for row in sandbox.truth("events")}
        assert all(events[row["event_id"]] == "live" for row in live.values())
        sandbox.advance(4 * 3600)
        past = now()
    assert {row["status"] for row in past.values()} <= {"past", "past_not_started"}
    before = {row["id"]: row["attributes"] for row in ahead}
    for key, row in live.items():
        assert past[key]["status"] == "past"
        assert past[key]["updated_at"] > row["updated_at"] > before[key]["updated_at"]
