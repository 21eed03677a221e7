"""What callers change of the people of a session: one by one, or in bulk."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UnsetType

from airflow_provider_livestorm.sandbox.answers import TRACKING, answers, keep_answers, tracking
from airflow_provider_livestorm.sandbox.bodies import JobIn, PersonIn, sent
from airflow_provider_livestorm.sandbox.documents import named
from airflow_provider_livestorm.sandbox.errors import ApiError, broken, not_found
from airflow_provider_livestorm.sandbox.limits import PERIOD
from airflow_provider_livestorm.sandbox.service import Answer, Call, Service, found
from airflow_provider_livestorm.sandbox.world import Job, Person, Registration, Resource, Session

__all__ = [
    "EMAIL",
    "bulk",
    "job",
    "job_tasks",
    "refuse_more_contacts",
    "register",
    "unregister",
    "unregister_by_email",
    "update",
]

BULK_MAX = 50  # tasks of a job (api.md 5)
_SECONDS_A_TASK = 0.1
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = re.compile(rf"(?=.{{1,254}}$)[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+")
_OPEN = ("upcoming", "live", "on_demand", "past")  # of which sessions one may register for, nothing is published


def register(service: Service, call: Call, session_id: str) -> Answer:
    """Register a person; the contact is made where there is none."""
    session = service.session(session_id)
    told = _attributes(call)
    values = _checked(service, session, told)
    registration = _register(service, session, told, values, call.now)
    return Answer({"data": service.documents.registration(registration)}, 201)


def update(service: Service, call: Call, session_id: str, person_id: str) -> Answer:
    """Change answers; it is done at once, and the answer comes late (api.md 9)."""
    registration = service.registration(session_id, person_id)
    told = _attributes(call)
    if any(one.id == "email" for one in told.fields):
        raise broken("Email can't be changed")
    values = _values(service, registration.session, told)
    before = {one["id"]: one["value"] for one in answers(registration)}
    registration.answers = before | values
    registration.tracking = {name: text for name, text in tracking(registration).items() if text is not None}
    registration.tracking |= _tracking(told)
    _name(service, registration.person, values, call.now)
    service.workspace.touch(registration, call.now)
    delay = float(service.settings.person_update_delay)
    return Answer({"data": service.documents.registration(registration)}, 200, delay)


def unregister(service: Service, call: Call, session_id: str, person_id: str) -> Answer:
    """Take a person out of a session."""
    service.workspace.unregister(service.registration(session_id, person_id), call.now)
    return Answer(None, 204)


def unregister_by_email(service: Service, call: Call, session_id: str) -> Answer:
    """Take the person of this address out of a session."""
    session, email = service.session(session_id), call.query.filters.get("email")
    if not email:
        raise ApiError(400, "Bad request", "filter[email] is missing")
    person = service.workspace.person_with(email)
    if person is None or person.id not in session.people:
        raise not_found()
    service.workspace.unregister(session.people[person.id], call.now)
    return Answer(None, service.settings.removal_by_email)


# --- in bulk -----


def bulk(service: Service, call: Call, session_id: str) -> Answer:
    """A job that registers up to 50 people, one after another as the clock goes."""
    session = service.session(session_id)
    attributes: JobIn | UnsetType = call.body.attributes
    if isinstance(attributes, UnsetType) or not 1 <= len(attributes.tasks) <= BULK_MAX:
        raise ApiError(400, "Bad request", f"tasks must be a list of 1 to {BULK_MAX}")
    tasks = [_task(service, one) for one in attributes.tasks]
    if service.settings.bulk_unknown_field == "job":
        for task in tasks:
            _values(service, session, task)
    refuse_more_contacts(service, None, call.now)
    made = Job(service.maker.id(), session, tasks, call.now, service.workspace.organization["id"])
    service.workspace.jobs[made.id] = made
    for number in range(len(tasks)):
        service.life.timeline.at(service.clock.now() + (number + 1) * _SECONDS_A_TASK, _work, service, made)
    return Answer({"data": service.documents.job(made)}, 202)


def job(service: Service, _: Call, job_id: str) -> Answer:
    """How far a job is."""
    return Answer({"data": service.documents.job(_job(service, job_id))})


def job_tasks(service: Service, call: Call, job_id: str) -> Answer:
    """All tasks of a job at once: any parameter of paging breaks it (api.md 9)."""
    one = _job(service, job_id)
    if any(name.startswith("page") for name in call.query.others):
        raise ApiError(500, "Internal server error", "Something went wrong")
    count = len(one.tasks)
    waiting = [_result(one, number, {"status": "pending"}) for number in range(len(one.results), count)]
    meta = {
        "record_count": count, "page_count": 1, "items_per_page": count,
        "current_page": 0, "previous_page": None, "next_page": None,
    }  # fmt: skip
    return Answer({"data": [*one.results, *waiting], "meta": meta})


def _result(job: Job, number: int, attributes: Resource) -> Resource:
    return {"id": named(f"{job.id} {number}"), "type": "tasks", "attributes": attributes}


def _job(service: Service, job_id: str) -> Job:
    return found(service.workspace.jobs, job_id)


def _task(service: Service, task: dict[str, Any]) -> PersonIn:
    """A task in the form that is set: its fields flat, or under `attributes` (api.md 5)."""
    if service.settings.bulk_tasks == "attributes":
        task = task.get("attributes", {})
    try:
        return msgspec.convert(task, PersonIn)
    except msgspec.ValidationError as error:
        raise ApiError(400, "Bad request", f"A task could not be read: {error}") from None


def _work(at: float, service: Service, job: Job) -> None:
    number = len(job.results)
    told: PersonIn = job.tasks[number]
    try:
        if job.session.id not in service.workspace.sessions:
            raise not_found()
        values = _checked(service, job.session, told)
        registration = _register(service, job.session, told, values, int(at))
        result: dict[str, Any] = {"status": "ended", "person_id": registration.person.id}
    except ApiError as error:
        result = {"status": "failed", "errors": error.entries()}
    job.results.append(_result(job, number, result))
    if len(job.results) == len(job.tasks):
        failed = any(one["attributes"]["status"] == "failed" for one in job.results)
        job.status = "failed" if failed else "ended"
        service.workspace.heard("job.ended", job, int(at))


# --- one registration -----


def _attributes(call: Call) -> PersonIn:
    attributes: PersonIn | UnsetType = call.body.attributes
    if isinstance(attributes, UnsetType):
        raise ApiError(400, "Bad request", "attributes are missing")
    return attributes


def _values(service: Service, session: Session, told: PersonIn) -> dict[str, Any]:
    """The answers by field id, each fit for its field; ApiError for an unknown field or a wrong form."""
    form = {field["id"]: field for field in session.event.attributes["fields"]}
    values: dict[str, Any] = {}
    unknown = [f"The field '{one.id}' doesn't exist" for one in told.fields if one.id not in form]  # api.md 4
    if unknown:
        raise ApiError(service.settings.unknown_field, "Invalid field", *unknown)
    for one in told.fields:
        field = form[one.id]
        several = field["type"] == "multiple"
        if several != isinstance(one.value, list):
            raise broken(f"The field '{one.id}' takes {'a list of texts' if several else 'a text'}")
        if several and not set(one.value) <= {item["value"] for item in field["options"]["items"]}:
            raise broken(f"The field '{one.id}' does not have such an option")
        values[one.id] = one.value
    return values


def _checked(service: Service, session: Session, told: PersonIn) -> dict[str, Any]:
    """The answers of somebody who may register."""
    values = _values(service, session, told)
    missing = [one["id"] for one in session.event.attributes["fields"] if one["required"] and not values.get(one["id"])]
    if missing:
        raise broken(f"The field '{missing[0]}' can't be blank")
    email = values.get("email")
    if email is not None and not EMAIL.fullmatch(email):
        raise broken("Email is invalid")
    if session.status not in _OPEN:
        raise broken("The session does not take registrations")
    known = service.workspace.person_with(email) if email is not None else None
    if known is not None and known.id in session.people:
        raise ApiError(service.settings.registered_already, "Conflict", "The person is registered already")
    return values


def _register(service: Service, session: Session, told: PersonIn, values: dict[str, Any], now: int) -> Registration:
    email = values.get("email")
    person = service.workspace.person_with(email) if email is not None else None
    refuse_more_contacts(service, person, now)
    if person is None:
        person = service.maker.stranger(email, now)
        service.workspace.add_person(person)
    _name(service, person, values, now)
    registration = service.maker.registration(session, person, now)
    registration.answers, registration.tracking = values, _tracking(told)
    service.workspace.register(registration)
    return registration


def _name(service: Service, person: Person, values: dict[str, Any], now: int) -> None:
    names = {name: values[name] for name in ("first_name", "last_name") if name in values}
    if names:
        keep_answers(service.workspace, person)
    for name, text in names.items():
        setattr(person, name, text)
    if names:
        person.updated_at = now


def _tracking(told: PersonIn) -> dict[str, str]:
    return {name: text for name, text in sent(told).items() if name in TRACKING}


def refuse_more_contacts(service: Service, person: Person | None, now: int) -> None:
    """402 where the plan's allowance is used up (api.md 4): counted are those who registered in the last 30 days."""
    limit = service.settings.contacts_limit
    if not limit:
        return
    people = {one.person.id for one in service.workspace.registrations() if one.created_at > now - PERIOD}
    if len(people) >= limit and (person is None or person.id not in people):
        raise ApiError(402, "Payment required", "The allowance of active contacts is used up")
