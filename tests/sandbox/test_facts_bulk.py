"""Bulk registration and its jobs (api.md 2.1, 5, 6.5, 9)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.facts import NOBODY, Facts, Row, assert_refused, document

STATUSES = {"processing", "ended", "failed", "pending", "created", "queued", "completed"}
COUNTERS = {
    "items": {"total_items", "total_processed_items", "total_fail", "total_success"},
    "tasks": {"total_tasks", "total_processed_tasks", "total_fail", "total_success"},
    "succeeded": {"total_succeeded", "total_failed"},
}


def _task(email: str | None = None, **answers: Any) -> Row:
    told = {"email": email or f"{uuid.uuid4().hex}@p.example"} | answers
    return {"fields": [{"id": name, "value": value} for name, value in told.items()]}


def _emails(tasks: list[Row]) -> list[str]:
    return [field["value"] for task in tasks for field in task["fields"] if field["id"] == "email"]


def _send(facts: Facts, session: str, tasks: Any) -> requests.Response:
    return facts.post(f"/sessions/{session}/people/bulk", document("jobs", tasks=tasks))


def _done(facts: Facts, answer: requests.Response) -> tuple[str, Row]:
    """The job's id and its attributes once it is over."""
    assert answer.status_code == 202, answer.text
    job = answer.json()["data"]["id"]
    facts.sandbox.advance(600)
    return job, facts.data(f"/jobs/{job}")["attributes"]


@pytest.fixture
def session(facts: Facts) -> str:
    """An empty session of an event of its own."""
    return str(facts.new_session()["id"])


def test_fifty_people_register_at_once(facts: Facts, session: str) -> None:
    """5: at most 50 tasks, 202 `jobs`; it ends once all is good, and all tasks come in one answer (2.1)."""
    tasks = [_task() for _ in range(50)]
    answer = _send(facts, session, tasks)
    assert answer.json()["data"]["type"] == "jobs"
    job, told = _done(facts, answer)
    assert told["status"] == "ended"
    people = facts.whole(f"/sessions/{session}/people")
    assert {row["attributes"]["email"] for row in people} == set(_emails(tasks))
    rows = facts.data(f"/jobs/{job}/tasks")
    assert len(rows) == 50
    assert len({row["id"] for row in rows}) == 50


@pytest.mark.parametrize("count", [0, 51, 200])
def test_more_than_fifty_or_none_are_refused_whole(facts: Facts, session: str, count: int) -> None:
    """5: attributes.tasks[] of at most 50; nobody of a refused list registers."""
    assert_refused(_send(facts, session, [_task() for _ in range(count)]), 400, 422)
    facts.sandbox.advance(600)
    assert facts.data(f"/sessions/{session}/people") == []


def test_a_job_is_work_that_goes_on(facts: Facts, session: str) -> None:
    """5: 202 says that it is taken and not that it is done: the status is a running one, then ended (docs)."""
    answer = _send(facts, session, [_task()])
    assert answer.json()["data"]["attributes"]["status"] in STATUSES - {"ended", "failed", "completed"}
    assert _done(facts, answer)[1]["status"] == "ended"


def test_a_job_fails_if_one_task_fails_and_the_others_are_done(facts: Facts, session: str) -> None:
    """5: failed means that at least one task failed; 6.5: a task's row has the person, or errors."""
    known = _task()
    _done(facts, _send(facts, session, [known]))
    tasks = [_task(), known, _task()]
    job, told = _done(facts, _send(facts, session, tasks))
    assert told["status"] == "failed"
    assert (told["total_items"], told["total_processed_items"], told["total_fail"], told["total_success"]) == (
        3,
        3,
        1,
        2,
    )
    registered = {row["attributes"]["email"] for row in facts.whole(f"/sessions/{session}/people")}
    assert registered == set(_emails(tasks))
    rows = facts.data(f"/jobs/{job}/tasks")
    assert len(rows) == 3
    assert sum("error" in str(row).lower() and "registered" in str(row).lower() for row in rows) >= 1


@pytest.mark.parametrize("form", COUNTERS)
def test_counters_go_by_one_of_three_sets_of_names(facts: Facts, session: str, form: str) -> None:
    """6.5: a job's counters stand under conflicting names: a switch gives each set, with one name for one count."""
    facts.sandbox.configure(job_counters=form)
    _, told = _done(facts, _send(facts, session, [_task(), _task()]))
    assert COUNTERS[form] <= set(told)
    assert [told[name] for name in told if "_fail" in name] == [0]
    assert [told[name] for name in told if "_succ" in name] == [2]


def test_a_jobs_other_form_has_more_than_counters(facts: Facts, session: str) -> None:
    """6.5: the form with total_tasks has organization_id, source and input[] too."""
    facts.sandbox.configure(job_counters="tasks")
    told = _send(facts, session, [_task()]).json()["data"]["attributes"]
    assert {"organization_id", "source", "input"} <= set(told)


def test_the_ids_of_tasks_are_uuids(facts: Facts, session: str) -> None:
    """2: ids are UUID v4 strings everywhere."""
    job, _ = _done(facts, _send(facts, session, [_task()]))
    assert [uuid.UUID(row["id"]).version for row in facts.data(f"/jobs/{job}/tasks")] == [4]


@pytest.mark.parametrize("param", ["page[number]", "page[size]"])
def test_tasks_answer_500_to_any_page(facts: Facts, session: str, param: str) -> None:
    """2.1, 9: GET /jobs/{id}/tasks answers 500 when any page parameter is sent."""
    job, _ = _done(facts, _send(facts, session, [_task()]))
    assert facts.get(f"/jobs/{job}/tasks", **{param: 0 if "number" in param else 50}).status_code == 500
    assert facts.get(f"/jobs/{job}/tasks").status_code == 200


@pytest.mark.parametrize("spoils", ["job", "row"])
def test_an_unknown_field_is_named_for_the_job_or_for_its_row(facts: Facts, session: str, spoils: str) -> None:
    """9: `The field 'x' doesn't exist`, one per field; whether it spoils the whole job or the row is unknown."""
    facts.sandbox.configure(bulk_unknown_field=spoils)
    tasks = [_task(), _task(shoe_size="44")]
    answer = _send(facts, session, tasks)
    if spoils == "job":
        assert "The field 'shoe_size' doesn't exist" in assert_refused(answer, 400, 422)[0]["detail"]
        facts.sandbox.advance(600)
        assert facts.data(f"/sessions/{session}/people") == []
        return
    job, told = _done(facts, answer)
    assert told["status"] == "failed"
    assert "The field 'shoe_size' doesn't exist" in facts.get(f"/jobs/{job}/tasks").json().__str__().replace("\\", "")
    assert len(facts.data(f"/sessions/{session}/people")) == 1


@pytest.mark.parametrize("form", ["flat", "attributes"])
def test_a_task_has_its_fields_in_one_of_two_places(facts: Facts, session: str, form: str) -> None:
    """5: each task has the fields flat, or under `attributes`; who leans on the other one must hear of it."""
    facts.sandbox.configure(bulk_tasks=form)
    flat, nested = _task(), {"type": "people", "attributes": _task()}
    right, wrong = (flat, nested) if form == "flat" else (nested, flat)
    _, told = _done(facts, _send(facts, session, [right]))
    assert told["status"] == "ended"
    answer = _send(facts, session, [wrong])
    assert answer.status_code in (400, 422) or _done(facts, answer)[1]["status"] == "failed"
    assert len(facts.data(f"/sessions/{session}/people")) == 1


def test_a_task_may_say_where_somebody_came_from(facts: Facts, session: str) -> None:
    """5: a task has the fields of POST people, so referrer and utm_* too."""
    _done(
        facts,
        _send(facts, session, [_task(first_name="Ada") | {"utm_source": "bulk", "referrer": "https://r.example/"}]),
    )
    (row,) = facts.data(f"/sessions/{session}/people")
    detail = row["attributes"]["registrant_detail"]
    assert (detail["utm_source"], detail["referrer"]) == ("bulk", "https://r.example/")
    assert row["attributes"]["first_name"] == "Ada"


@pytest.mark.parametrize("tasks", ["all", {}, [1], [{}], [{"fields": "email"}], None], ids=str)
def test_tasks_that_are_none_register_nobody(facts: Facts, session: str, tasks: Any) -> None:
    """4: a bad body is 400 (or the job fails); nobody is registered."""
    answer = _send(facts, session, tasks)
    assert answer.status_code in (400, 422) or _done(facts, answer)[1]["status"] == "failed"
    assert facts.data(f"/sessions/{session}/people") == []


def test_what_does_not_exist_is_404(facts: Facts) -> None:
    """4: no such session, no such job: 404 with `record could not be found`."""
    for answer in (_send(facts, NOBODY, [_task()]), facts.get(f"/jobs/{NOBODY}"), facts.get(f"/jobs/{NOBODY}/tasks")):
        assert "record could not be found" in assert_refused(answer, 404)[0]["detail"]


def test_jobs_are_read_with_the_scope_of_events(facts: Facts, session: str, sandbox: SandboxProcess) -> None:
    """1.3: events:read covers jobs (by inference), and a bulk registration needs events:write."""
    job, _ = _done(facts, _send(facts, session, [_task()]))
    reader = Facts(sandbox, scope="events:read")
    assert reader.get(f"/jobs/{job}").status_code == 200
    assert reader.get(f"/jobs/{job}/tasks").status_code == 200
    assert _send(reader, session, [_task()]).status_code == 403
    assert Facts(sandbox, scope="identity:read").get(f"/jobs/{job}").status_code == 403
