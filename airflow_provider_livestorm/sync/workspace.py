"""The workspace's small lists: who it is, its team, its attributes of people, its webhooks, and jobs by their id."""

from __future__ import annotations

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.exceptions import LivestormResponseError
from airflow_provider_livestorm.sync.reader import Request
from airflow_provider_livestorm.sync.work import Work

__all__ = ["read_workspace"]

_LISTS = ("users", "people_attributes", "webhooks")


def read_workspace(work: Work) -> None:
    """Read those of them that are asked for, whole: none has a window."""
    if work.wants("organization"):
        _organization(work)
    for stream in _LISTS:
        if work.wants(stream):
            work.progress.step(stream)
            if read := work.reader.read(Request(stream, CATALOGUE[stream].path, None)):
                work.land(stream, "", read.resources())
    if work.wants("jobs"):
        work.progress.step("jobs", len(work.plan.jobs))
        for job in work.plan.jobs:
            if read := work.reader.read(Request("jobs", f"/jobs/{job}", None, many=False)):
                work.land("jobs", "", read.resources(), whole=False)
            work.progress.list_done()


def _organization(work: Work) -> None:
    """One source got the user's own document from /organization; /me then tells the organization (api.md 6.6)."""
    work.progress.step("organization")
    read = work.reader.read(Request("organization", "/organization", None, many=False))
    found = [one for one in read.resources() if one.type == "organizations"] if read else []
    if not found:
        read = work.reader.read(Request("organization", "/me", None, {"include": "organization"}, many=False))
        found = [one for document in read.documents() for one in document.included] if read else []
        found = [one for one in found if one.type == "organizations"]
    if not found:
        raise LivestormResponseError("organization: neither /organization nor /me tells which workspace this is.")
    work.land("organization", "", found)
