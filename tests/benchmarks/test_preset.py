"""What changes between two syncs of scenario E: a hundredth of the sessions, half of them ahead."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from benchmarks.preset import changed, fewest_calls

SESSIONS = 400


def workspace() -> dict[str, Any]:
    sessions = []
    people = {}
    for number in range(SESSIONS):
        key = f"00000000-0000-4000-8000-{number:012d}"
        status = "upcoming" if number % 10 == 0 else "past"
        attributes = {"status": status, "updated_at": 1_770_000_000, "registrants_count": 1}
        sessions.append({"id": key, "attributes": attributes})
        detail = {"has_viewed_replay": False, "updated_at": 1}
        people[key] = [{"id": "a-person", "attributes": {"updated_at": 1, "registrant_detail": detail}}]
    return {"events": [{}] * 101, "sessions": sessions, "people": people}


def test_each_turn_changes_a_hundredth_half_of_it_ahead(tmp_path: pathlib.Path) -> None:
    before, seen = workspace(), set()
    for turn in (1, 2, 3):
        after = changed(before, turn)
        moved = {
            now["id"]: now["attributes"]["status"]
            for was, now in zip(before["sessions"], after["sessions"], strict=True)
            if was["attributes"]["updated_at"] < now["attributes"]["updated_at"]
        }
        assert sorted(moved.values()) == ["past", "past", "upcoming", "upcoming"]
        assert {key for key in after["people"] if after["people"][key] != before["people"][key]} == set(moved)
        assert seen.isdisjoint(moved)
        seen |= set(moved)
        for key, status in moved.items():
            people = after["people"][key]
            assert len({one["id"] for one in people}) == len(people) == (2 if status == "upcoming" else 1)
        files = [tmp_path / name for name in ("before", "after")]
        for file, one in zip(files, (before, after), strict=True):
            file.write_text(json.dumps(one))
        assert fewest_calls(*files) == 2 + 4  # what is new of events and of sessions, and each session that changed
        assert fewest_calls(files[1], files[1]) == 3 + SESSIONS  # three pages of events, and each session
        before = after
