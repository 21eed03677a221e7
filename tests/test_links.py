"""Links to Livestorm: noted by the task, read by Airflow; in a real Airflow's own words where that decides."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_livestorm import links
from airflow_provider_livestorm.api.records import Event, Session
from airflow_provider_livestorm.links import LINK_KEY, LivestormEventLink, LivestormSessionLink, note_links
from airflow_provider_livestorm.operators.recordings import LivestormDownloadRecordingsOperator
from airflow_provider_livestorm.provider_info import get_provider_info

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
