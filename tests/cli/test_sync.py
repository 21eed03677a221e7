"""`streams`, `plan` and `find-person`, on a real metadata database and the sandbox."""

from __future__ import annotations

import pathlib

from airflow_provider_livestorm.api.resources import CATALOGUE
from tests.cli.conftest import Shell


def test_streams_prints_the_catalogue(shell: Shell) -> None:
    found = shell.run("streams", "--output", "json").json
    assert [one["stream"] for one in found] == list(CATALOGUE)
    assert found[0]["columns"]["id"] == "text"
    assert "session_people" in shell.run("streams").out


def test_plan_says_what_a_sync_would_take_and_writes_nothing(shell: Shell, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "out"
    streams = ("--stream", "events", "--stream", "session_people")
    found = shell.run("plan", "by_token", str(folder), *streams, "--output", "json")
    assert found.code == 0, found.err
    assert [(one["stream"], one["least"]) for one in found.json] == [
        ("events", 1),
        ("session_people", 0),
    ]  # an empty one
    assert not folder.exists()
    told = shell.run("plan", "by_token", str(folder), *streams)
    assert "calls left this month" in told.out
    assert "in mode cursor" in told.out


def test_plan_of_what_cannot_be_is_one_sentence(shell: Shell, tmp_path: pathlib.Path) -> None:
    done = shell.run("plan", "by_token", str(tmp_path), "--stream", "webinars")
    assert done.code == 1
    assert "There is no stream 'webinars'" in done.out + done.err


def test_find_person_needs_its_key(shell: Shell, tmp_path: pathlib.Path) -> None:
    done = shell.run("find-person", str(tmp_path), "--hash-key-variable", "nothing", typed="ada@example.com\n")
    assert done.code == 1
    assert "There is no Airflow Variable 'nothing'" in done.out + done.err
