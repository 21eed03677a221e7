"""A person saves the Connection while its token is being refreshed: neither the edit nor the token may be lost."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import requests

from airflow_provider_livestorm.auth.stores.broker import BrokerClient
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from trials.naive import NaiveStore
from trials.outcome import Bar, Outcome
from trials.row import Listener, Row
from trials.stage import Stage, sandbox

__all__ = ["edit", "edit_at_commit", "naive_edit", "paste"]

ANSWER_SECONDS = 0.3  # the token endpoint's
_SPREAD_SECONDS = 0.35  # so that some edits fall around the commit, and some behind it


def edit(stage: Stage, count: int = 100) -> Outcome:
    """Another description and another member of `extra`; the form was opened before the refresh."""
    with sandbox() as livestorm:
        livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS, times=0)
        row, client = stage.connect("edit", livestorm)
        found = [_edit(stage, livestorm, row, client, number) for number in range(count)]
        counters = livestorm.status()["counters"]
    return Outcome(
        "edit",
        count,
        [
            Bar.equal("edits that survived", sum(one["edit"] for one in found), count),
            Bar.equal("new tokens that survived and work", sum(one["token"] for one in found), count),
            Bar.equal("reuses of spent tokens", counters["reuses_of_spent_tokens"], 0),
        ],
        _figures(found),
    )


def paste(stage: Stage, count: int = 100) -> Outcome:
    """The same with a refresh token of a new authorization in the form."""
    with sandbox() as livestorm:
        livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS, times=0)
        row, client = stage.connect("paste", livestorm)
        found = [_edit(stage, livestorm, row, client, number, pasted=True) for number in range(count)]
        counters = livestorm.status()["counters"]
    return Outcome(
        "edit, pasted token",
        count,
        [
            Bar.equal("edits that survived", sum(one["edit"] for one in found), count),
            Bar.equal("pasted tokens that won and work", sum(one["token"] for one in found), count),
            Bar.equal("reuses of spent tokens", counters["reuses_of_spent_tokens"], 0),
        ],
        _figures(found),
    )


def edit_at_commit(stage: Stage, count: int = 20) -> Outcome:
    """A save that read the row before the new token was stored, and writes it right after, as Airflow's own may.

    A lock of the judge's holds both writes up, so that they come in just this order each time.
    """
    with sandbox() as livestorm:
        livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS, times=0)
        row, client = stage.connect("edit_at_commit", livestorm)
        found = [_edit_at_commit(stage, livestorm, row, client, number) for number in range(count)]
        counters = livestorm.status()["counters"]
    return Outcome(
        "edit, at the commit",
        count,
        [
            Bar.equal("commits that a save undid", sum(one["undone"] for one in found), count),
            Bar.equal("new tokens that came back", sum(one["token"] for one in found), count),
            Bar.equal("edits that survived", sum(one["edit"] for one in found), count),
            Bar.equal("reuses of spent tokens", counters["reuses_of_spent_tokens"], 0),
        ],
    )


def _edit_at_commit(
    stage: Stage, livestorm: SandboxProcess, row: Row, client: dict[str, Any], number: int
) -> dict[str, Any]:
    """One such refresh and save; what became of them."""
    old, begun = row.expire(), time.time()
    form = stage.api("GET", f"/connections/{row.conn_id}")
    with closing(Listener(stage.database, row.conn_id)) as listener, ThreadPoolExecutor(2) as pool:
        refreshed = pool.submit(_broker(stage, client, refused=f"none of {number}"))  # so that it looks anew
        listener.wait()  # for the lease
        with row.locked() as waiting:
            waiting(1)  # the commit
            saved = pool.submit(_save, stage, form, number)
            waiting(2)  # the save, which has read the row
        saved.result()
        refreshed.result()
        listener.wait()  # for the commit and the save, which may be told as one
        newest = livestorm.newest_refresh_token()
        undone = any(
            one.extra.get("refresh_token") == old["refresh_token"]
            and one.generation == _generation(old)
            and one.extra.get("note") == f"edit {number}"
            for one in row.writes(begun)
        )
        with suppress(TimeoutError):
            while row.read()["refresh_token"] != newest:
                listener.wait(5)
    extra = row.read()
    return {
        "undone": undone,
        "token": extra["refresh_token"] == newest,
        "edit": extra.get("note") == f"edit {number}" and row.description() == f"edit {number}",
    }


def naive_edit(stage: Stage, count: int = 10) -> Outcome:
    """The same edit beside the naive store, which must lose some."""
    with sandbox() as livestorm:
        livestorm.add_fault(path_prefix="/oauth/token", delay=ANSWER_SECONDS, times=0)
        row, client = stage.connect("naive_edit", livestorm)
        store = NaiveStore(uri=stage.database.uri, fernet=stage.database.fernet, **client)
        lost = 0
        for number in range(count):
            row.write(row.read() | {"expires_at": 0})
            form = stage.api("GET", f"/connections/{row.conn_id}")
            with ThreadPoolExecutor(1) as pool:
                refreshed = pool.submit(store.get)
                time.sleep(_chance(number).uniform(0, _SPREAD_SECONDS))  # when people come is anybody's guess
                _save(stage, form, number)
                refreshed.result()
            lost += row.read().get("note") != f"edit {number}"
    return Outcome("edit, naive control", count, [Bar.at_least("edits lost", lost, 1)])


def _figures(found: list[dict[str, Any]]) -> dict[str, Any]:
    missed = [one for one in found if not (one["edit"] and one["token"])]
    return {
        "saved_before_the_commit": sum(one["early"] for one in found),
        "missed": len(missed),
        "missed_details": missed[:10],
    }


def _chance(number: int) -> random.Random:
    return random.Random(f"edit {number}")


def _save(stage: Stage, form: dict[str, Any], number: int, **members: Any) -> None:
    """Save the form: its secrets are `***`, which Airflow replaces by what is stored."""
    extra = json.loads(form["extra"]) | {"note": f"edit {number}"} | members
    body = {name: form[name] for name in ("connection_id", "conn_type", "host", "login")}
    body |= {"description": f"edit {number}", "extra": json.dumps(extra)}
    stage.api("PATCH", f"/connections/{form['connection_id']}", json=body)


def _edit(
    stage: Stage, livestorm: SandboxProcess, row: Row, client: dict[str, Any], number: int, *, pasted: bool = False
) -> dict[str, Any]:
    """One refresh and one edit; which of the two survived."""
    old = row.expire()
    form = stage.api("GET", f"/connections/{row.conn_id}")
    before = livestorm.status()["counters"]["refreshes"]
    new = {"refresh_token": livestorm.grant()["refresh_token"]} if pasted else {}
    delay, begun = _chance(number).uniform(0, _SPREAD_SECONDS), time.time()
    with closing(Listener(stage.database, row.conn_id)) as listener, ThreadPoolExecutor(1) as pool:
        refreshed = pool.submit(_broker(stage, client, refused=f"none of {number}"))  # so that it looks anew
        listener.wait()  # for the lease
        time.sleep(delay)  # when people come is anybody's guess
        _save(stage, form, number, **new)
        refreshed.result()
    token, problem = "", None
    try:
        token = _broker(stage, client, refused=f"nor of {number}")()
    except Exception as error:  # noqa: BLE001 - whatever it is, the trial wants to count it
        problem = f"{type(error).__name__}: {error}"
    extra, writes = row.read(), row.writes(begun)
    saved = next((one.at for one in writes if one.extra.get("note") == f"edit {number}"), float("inf"))
    committed = next((one.at for one in writes if one.generation > _generation(old)), float("inf"))
    spent = livestorm.status()["counters"]["refreshes"] - before
    # A pasted token has no access token yet: it won if it was redeemed, and what came of it is stored. A form that was
    # opened before the refresh brings the old expiry back, which leads to one more.
    kept = extra["refresh_token"] == livestorm.newest_refresh_token() and spent >= 1 + pasted
    works = (
        token and requests.get(f"{livestorm.api_url}/ping", headers={"Authorization": f"Bearer {token}"}, timeout=10).ok
    )
    if problem:
        row.write(extra | {"refresh_token": livestorm.grant()["refresh_token"]})
    return {
        "number": number,
        "edit": extra.get("note") == f"edit {number}" and row.description() == f"edit {number}",
        "token": bool(kept and works),
        "kept": kept,
        "spent": spent,
        "works": bool(works),
        "early": saved < committed,
        "saved_s_after_lease": round(delay, 4),
        "problem": problem,
    }


def _generation(extra: dict[str, Any]) -> int:
    return int(json.loads(extra.get("token_state") or "{}").get("generation") or 0)


def _broker(stage: Stage, client: dict[str, Any], refused: str | None = None) -> Callable[[], str]:
    broker = BrokerClient(**client, url=stage.urls[0], mask=lambda _: None)
    return lambda: broker.get(refused=refused).access_token
