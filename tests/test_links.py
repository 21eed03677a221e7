"""Links to Livestorm: noted by the task, read by Airflow; in a real Airflow's own words where that decides."""

from __future__ import annotations

import json
import pathlib
from typing import Any, ClassVar

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_livestorm import links
from airflow_provider_livestorm.api.records import Event, Session
from airflow_provider_livestorm.links import LINK_KEY, LivestormEventLink, LivestormSessionLink, note_links
from airflow_provider_livestorm.operators.recordings import LivestormDownloadRecordingsOperator
from airflow_provider_livestorm.provider_info import get_provider_info
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow

EVENT = Event(id="1", registration_link="https://app.livestorm.co/acme/launch")
SESSION = Session(id="2", room_link="https://app.livestorm.co/p/2")


class Notes:
    """Stands for a task instance and for XCom."""

    kept: ClassVar[dict[str, Any]] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.kept[key] = value

    def get_value(self, *, ti_key: Any, key: str) -> Any:
        return self.kept.get(key)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    one = Notes()
    one.kept.clear()
    monkeypatch.setattr(XCom, "get_value", one.get_value)
    return one


def found() -> list[str]:
    return [link().get_link(None, ti_key=None) for link in (LivestormEventLink, LivestormSessionLink)]  # type: ignore[arg-type]


def test_what_a_task_notes_is_where_its_links_lead(notes: Notes) -> None:
    note_links({"ti": notes}, event=EVENT, session=SESSION)  # type: ignore[typeddict-item]
    assert found() == [EVENT.registration_link, SESSION.room_link]


def test_links_that_were_not_noted_lead_nowhere(notes: Notes) -> None:
    assert found() == ["", ""]
    note_links({"ti": notes}, session=SESSION)  # type: ignore[typeddict-item]
    assert found() == ["", SESSION.room_link]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://app.livestorm.co/", "", None])
def test_only_the_web_is_linked_to(notes: Notes, url: str | None) -> None:
    note_links({"ti": notes}, event=Event(id="1", registration_link=url))  # type: ignore[typeddict-item]
    assert notes.kept == {}


@pytest.mark.parametrize("noted", [None, "https://a.example/", ["x"]])
def test_what_others_left_under_that_key_is_no_link(notes: Notes, noted: Any) -> None:
    notes.kept[LINK_KEY] = noted
    assert found() == ["", ""]


def test_airflow_knows_them() -> None:
    """Airflow 2.11 opens no link that the provider does not name."""
    named = [getattr(links, path.rpartition(".")[2]) for path in get_provider_info()["extra-links"]]
    assert named == [type(link) for link in LivestormDownloadRecordingsOperator.operator_extra_links]
    assert [link().name for link in named] == ["Livestorm event", "Livestorm session"]


_DAG = """
import os
import pendulum
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_livestorm.operators.recordings import LivestormDownloadRecordingsOperator

with DAG(dag_id="recordings", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:
    LivestormDownloadRecordingsOperator(
        task_id="recordings",
        session_ids="{{ [var.value.session_id] }}",
        destination=os.environ["LIVESTORM_DESTINATION"],
    )
"""
_LINKS = """
import json
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
with create_session() as session:
    print(json.dumps({one.key: one.value for one in session.query(XComModel) if one.key.startswith("_link_")}))
"""


def test_a_run_in_airflow_3_leaves_the_links_where_its_ui_looks(
    tmp_path: pathlib.Path, sandbox: SandboxProcess
) -> None:
    """In XComs of the links' own names, which Airflow fills when a task has ended."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "recordings.py").write_text(_DAG)
    session = sandbox.truth("recordings")[0]["attributes"]["session_id"]
    members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
    airflow = LocalAirflow(
        tmp_path / "airflow",
        dags=dags,
        settings={
            "AIRFLOW_CONN_LIVESTORM_DEFAULT": json.dumps(members),
            "AIRFLOW_VAR_SESSION_ID": session,
            "LIVESTORM_DESTINATION": str(tmp_path / "data"),
        },
    )
    airflow.migrate()
    done = airflow.run("dags", "test", "recordings", check=False)
    assert len(list((tmp_path / "data").glob("*/*.mp4"))) == 1, done.stdout + done.stderr
    kept = airflow.python(_LINKS)
    assert kept["_link_LivestormSessionLink"] == f"https://app.livestorm.co/p/{session}"
    assert kept["_link_LivestormEventLink"].startswith("https://app.livestorm.co/")
