"""The contacts of the workspace. They follow from the people of sessions, and are counted against Livestorm's list.

Livestorm gives no window for its list of contacts (api.md 8), which is the longest of all: one call tells how many
there are. Where the sessions did not tell of all of them, the end of the list is looked at, and in a full run all of
it.
"""

from __future__ import annotations

import logging

from airflow_provider_livestorm.api.client import PAGE_SIZE_MAX
from airflow_provider_livestorm.api.json_api import Document, Resource
from airflow_provider_livestorm.api.resources import PEOPLE
from airflow_provider_livestorm.sync.ledger import digest
from airflow_provider_livestorm.sync.reader import Request
from airflow_provider_livestorm.sync.work import Work

__all__ = ["read_people"]

_STREAM = "people"
_DIFFERENCE = "contacts that are not known"
_LAST_PAGES = 5  # that are looked through for contacts that no session tells of

log = logging.getLogger(__name__)


def read_people(work: Work) -> None:
    """Write what changed of the contacts; after the people of sessions."""
    if not work.wants(_STREAM):
        return
    work.progress.step(_STREAM)
    if not work.wants("session_people", "registration_answers"):
        _list(work)
        return
    if work.plan.mode == "interval":
        _write(work)
        return
    if work.plan.filters.narrows:
        _write(work)  # of the sessions that are wanted: Livestorm's list knows all
        return
    first = _page(work, 0)
    counted = first.meta.record_count
    if work.everything or work.knowledge.people_agree is None:
        work.knowledge.people_agree = all(_same(work, one) for one in first.many)
        whole = work.knowledge.people_agree and _expected(work) == counted
        log.info("The contacts %s from the people of sessions.", "follow" if whole else "do not all follow")
    else:
        whole = work.knowledge.people_agree
    if not whole:
        work.ledger.waiting.let_go(_STREAM)
        _list(work)
        return
    _write(work)
    _take(work, first.many)
    if counted is not None and (known := work.ledger.known(_STREAM)) and known.rows != counted:
        _reconcile(work, counted)


def _reconcile(work: Work, counted: int) -> None:
    difference = counted - work.ledger.count(_STREAM)
    if work.ledger.fact(_DIFFERENCE) == difference and not work.plan.reconcile_calls:
        return  # it was looked for, and said
    last = -(-counted // PAGE_SIZE_MAX) - 1
    for number in range(last, max(0, last - _LAST_PAGES), -1):
        if work.ledger.count(_STREAM) >= counted:
            break
        _take(work, _page(work, number).many)
    known, pages = work.ledger.count(_STREAM), -(-counted // PAGE_SIZE_MAX)
    if known == counted:
        return
    work.ledger.set_fact(_DIFFERENCE, counted - known)
    if pages <= work.plan.reconcile_calls:
        _list(work)
        return
    log.warning(
        "people: Livestorm counts %s contacts, and %s are known. The difference is found by a run in mode 'full', or by"
        " one with reconcile_calls of %s or more.",
        f"{counted:,}", f"{known:,}", f"{pages:,}",
    )  # fmt: skip


def _list(work: Work) -> None:
    if read := work.reader.read(Request(_STREAM, PEOPLE.path, None)):
        work.land(_STREAM, "", read.resources(), wanted=work.in_roles())


def _page(work: Work, number: int) -> Document:
    params = {"page[number]": number, "page[size]": PAGE_SIZE_MAX}
    read = work.reader.read(Request(_STREAM, PEOPLE.path, None, params, many=False))
    assert read is not None  # noqa: S101 - /people is there
    return next(iter(read.documents()))


def _expected(work: Work) -> int:
    """Contacts that are known, with those that are new in this run."""
    fresh = sum(work.ledger.row(_STREAM, "", row["id"]) is None for _, _, row in work.ledger.waiting.rows(_STREAM))
    return work.ledger.count(_STREAM) + fresh


def _same(work: Work, resource: Resource) -> bool:
    # What Livestorm adds to a person one day has no column yet, and does not follow.
    sink, row = work.sinks[_STREAM], {**PEOPLE.rows.row(resource), "_extra": None}
    held, known = work.ledger.waiting.held(_STREAM, "", row["id"]), work.ledger.row(_STREAM, "", row["id"])
    mine = digest(sink.shown(held[1]).json) if held else known[0] if known else b""
    return mine == digest(sink.shown(row).json)


def _take(work: Work, resources: list[Resource]) -> None:
    """Take in contacts as Livestorm itself tells them: they may have changed where no session showed it."""
    work.put(_STREAM, "", [(None, PEOPLE.rows.row(one)) for one in resources if not _same(work, one)])


def _write(work: Work) -> None:
    work.put(_STREAM, "", ((at, row) for _, at, row in work.ledger.waiting.rows(_STREAM)))
