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

from airflow_provider_livestorm.sandbox.generate import EPOCH, PRESETS, generate
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.world import Workspace

Row = dict[str, Any]


def events(workspace: Workspace) -> list[Row]:
    return [workspace.event(event, EPOCH)["attributes"] for event in workspace.events.values()]


def sessions(workspace: Workspace) -> list[Row]:
    return [workspace.session(session, EPOCH)["attributes"] for session in workspace.sessions.values()]


def people(workspace: Workspace) -> list[Row]:
    return [person for session in workspace.sessions for person in workspace.people_of(session).values()]


def fingerprint(workspace: Workspace) -> str:
    whole = [events(workspace), sessions(workspace), people(workspace), workspace.organization, workspace.users]
    return hashlib.sha256(msgspec.json.encode(whole)).hexdigest()


@pytest.fixture(scope="module")
def small() -> Workspace:
    return generate("small", 1, EPOCH)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_seed_gives_the_same_workspace_in_every_process(preset: str) -> None:
    """Also where strings hash otherwise: an order that came out of a set would show."""
    code = (
        "from tests.sandbox.test_generate import *\n"
        f"print(fingerprint(generate({preset!r}, 7, EPOCH)))"
    )  # fmt: skip
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert done.stdout.strip() == fingerprint(generate(preset, 7, EPOCH))


def test_another_seed_gives_another_workspace() -> None:
    assert fingerprint(generate("tiny", 7, EPOCH)) != fingerprint(generate("tiny", 8, EPOCH))


def test_a_sandbox_serves_the_workspace_of_its_seed_and_tells_its_hash() -> None:
    with SandboxProcess(preset="tiny", seed=7, epoch=EPOCH) as sandbox, requests.Session() as web:
        assert [row["id"] for row in sandbox.truth("sessions")] == list(generate("tiny", 7, EPOCH).sessions)
        answer = web.get(f"{sandbox.url}/_sandbox/truth/session_people", timeout=10)
        assert answer.headers["X-Sandbox-Sha256"] == hashlib.sha256(answer.content).hexdigest()
        assert sandbox.status()["made_from"] == {"preset": "tiny", "seed": 7, "epoch": EPOCH}


@pytest.mark.parametrize("seed", range(1, 6))
def test_tiny_has_lists_of_every_length_that_matters(seed: int) -> None:
    workspace = generate("tiny", seed, EPOCH)
    assert len(workspace.events) == 6
    lengths = {len(workspace.people_of(session)) for session in workspace.sessions}
    assert lengths >= {0, 50, 51, 100, 120}
    found = {row["status"] for row in sessions(workspace)}
    assert found >= {"upcoming", "live", "past", "past_not_started", "canceled"}


def test_full_page_fills_a_page_of_each_list_exactly() -> None:
    workspace = generate("full-page", 1, EPOCH)
    assert len(workspace.events) == len(workspace.sessions) == 50
    assert {session.event_id for session in workspace.sessions.values()} == set(workspace.events)
    assert max(len(workspace.people_of(session)) for session in workspace.sessions) == 50


def test_empty_has_no_event() -> None:
    assert not generate("empty", 1, EPOCH).events


def test_small_is_a_middling_workspace(small: Workspace) -> None:
    assert len(small.events) == 40
    assert 90 < len(small.sessions) < 130
    assert 2500 < len(people(small)) < 3500
    assert 1300 < len({person["id"] for person in people(small)}) <= 1800


def test_sessions_and_events_have_every_status_at_the_start(small: Workspace) -> None:
    found = {row["status"] for row in sessions(small)}
    assert found == {"upcoming", "live", "past", "past_not_started", "canceled", "draft"}
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
    assert {type(detail["screen_height"]) for detail in details} == {str}
    team = [row for row in rows if row["role"] == "team_member"]
    assert team
    assert all((row["registrant_detail"]["password_key"] is None) == (row["role"] == "team_member") for row in rows)
    assert max(Counter(person["id"] for person in people(small)).values()) > 3
    forms = {tuple(field["id"] for field in row["fields"]) for row in events(small)}
    assert len(forms) > 5, "each event asks for other things"


def test_sessions_move_from_upcoming_to_live_to_past_with_the_clock() -> None:
    with SandboxProcess(preset="tiny") as sandbox:
        upcoming = next(row for row in sandbox.truth("sessions") if row["attributes"]["status"] == "upcoming")

        def now() -> Row:
            return next(row["attributes"] for row in sandbox.truth("sessions") if row["id"] == upcoming["id"])

        sandbox.advance(upcoming["attributes"]["estimated_started_at"] - sandbox.now() + 60)
        live = now()
        assert live["status"] in ("live", "past_not_started")
        event = next(row for row in sandbox.truth("events") if row["id"] == live["event_id"])
        assert event["attributes"]["scheduling_status"] in ("live", "not_started")
        sandbox.advance(4 * 3600)
        past = now()
    assert past["status"].startswith("past")
    assert past["updated_at"] >= live["updated_at"] >= upcoming["attributes"]["updated_at"]
