"""What is left out, what is hashed, and how a person is found again."""

from __future__ import annotations

import datetime as dt
import json
import pathlib
from typing import Any

import pytest

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.defaults import DEFAULT_EXCLUDE
from airflow_provider_livestorm.sync.erasure import find_person
from airflow_provider_livestorm.sync.formats import FORMATS
from airflow_provider_livestorm.sync.planner import plan
from airflow_provider_livestorm.sync.privacy import Privacy, Veil, email_hash
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from tests import truth
from trials.syncing import client_of

KEY = "a long random text"


def sync(sandbox: SandboxProcess, folder: pathlib.Path, privacy: Privacy, *, file_format: str = "jsonl.gz") -> None:
    with client_of(sandbox) as client:
        now = dt.datetime.fromtimestamp(sandbox.now(), dt.UTC)
        made = plan(["all"], privacy=privacy)
        SyncRunner(client, Destination(folder), made, file_format=file_format, now=lambda: now).run()


def everything(folder: pathlib.Path) -> str:
    return json.dumps({stream: truth.published_rows(folder, stream) for stream in CATALOGUE if stream != "jobs"})


def test_device_and_whereabouts_are_left_out_unless_asked_for(sandbox: SandboxProcess, tmp_path: pathlib.Path) -> None:
    sync(sandbox, tmp_path / "default", Privacy())
    sync(sandbox, tmp_path / "all", Privacy(exclude=()))
    assert not set(DEFAULT_EXCLUDE) & set(truth.published_rows(tmp_path / "default", "session_people")[0])
    assert set(DEFAULT_EXCLUDE) <= set(truth.published_rows(tmp_path / "all", "session_people")[0])


@pytest.mark.parametrize("how", ["hashed", "exclude"])
def test_an_address_that_is_hidden_is_in_no_column_and_no_answer(
    sandbox: SandboxProcess, tmp_path: pathlib.Path, how: str
) -> None:
    hidden: dict[str, Any] = {"exclude": ()} | {how: ("email", "events.owner_email")}
    sync(sandbox, tmp_path, Privacy(**hidden, key=KEY))
    text = everything(tmp_path)
    addresses = {row["attributes"].get("email") for row in sandbox.truth("people")} - {None}
    assert addresses
    assert not [address for address in addresses if address in text]
    assert KEY not in text
    rows = truth.published_rows(tmp_path, "people")
    told = {row["id"]: row["attributes"].get("email") for row in sandbox.truth("people")}
    for row in rows:
        expected = email_hash(told[row["id"]], KEY) if told[row["id"]] else None
        assert row["email_hash"] == expected
        assert row.get("email") == (expected if how == "hashed" else None)


def test_the_hash_is_keyed_and_takes_an_address_as_people_write_it() -> None:
    assert email_hash(" Ada@Example.com ", KEY) == email_hash("ada@example.com", KEY)
    assert email_hash("ada@example.com", KEY) != email_hash("ada@example.com", "another")


@pytest.mark.parametrize("file_format", FORMATS)
def test_all_rows_of_a_person_are_found_by_the_address(
    sandbox: SandboxProcess, tmp_path: pathlib.Path, file_format: str
) -> None:
    sync(sandbox, tmp_path, Privacy(exclude=("email",), key=KEY), file_format=file_format)
    author = sandbox.truth("questions")[0]["attributes"]["question_author_id"]
    email = next(row["attributes"]["email"] for row in sandbox.truth("people") if row["id"] == author)

    found = find_person(Destination(tmp_path), email.upper(), KEY)

    counts = {one.stream: 0 for one in found}
    for one in found:
        counts[one.stream] += len(one.rows)
    people = [row for row in sandbox.truth("session_people") if row["id"] == author]
    answers = sum(len((row["attributes"].get("registrant_detail") or {}).get("fields", ())) for row in people)
    asked = [row for row in sandbox.truth("questions") if row["attributes"]["question_author_id"] == author]
    assert counts["people"] == 1
    assert counts["session_people"] == len(people)
    assert counts["registration_answers"] == answers
    assert counts["questions"] == len(asked)
    assert find_person(Destination(tmp_path), email, "another key") == []
    assert find_person(Destination(tmp_path), "nobody@example.com", KEY) == []


def test_a_key_is_in_no_repr_and_no_file(sandbox: SandboxProcess, tmp_path: pathlib.Path) -> None:
    privacy = Privacy(key=KEY)
    assert KEY not in repr(privacy)
    assert KEY not in plan(["people"], privacy=privacy).task()
    sync(sandbox, tmp_path, privacy)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_what_is_left_out_is_left_out_of_misfits_and_of_forms_too() -> None:
    veil = Veil(Privacy(exclude=("screen_width", "first_name")), "session_people")
    row = dict.fromkeys(column.name for column in CATALOGUE["session_people"].rows.columns)
    fields = [{"id": "first_name", "value": "Ada"}, {"id": "job", "value": "Countess"}]
    extra = {"registrant_detail": {"screen_width": 1440, "new": 1}}
    shown = veil.over({**row, "fields": fields, "_extra": extra})
    assert shown["fields"] == fields[1:]
    assert shown["_extra"] == {"registrant_detail": {"new": 1}}
    answer = {"field_id": "first_name", "value": "Ada", "_extra": None}
    assert Veil(Privacy(exclude=("first_name",)), "registration_answers").over(answer)["value"] is None
