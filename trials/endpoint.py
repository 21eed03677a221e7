"""The token endpoint fails in every way that it has: what callers of two api-servers get, what it costs, what remains.

And a crowd with a token that is dead: it costs the endpoint a call a minute at most, whoever asks and however often.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from trials.asking import SERVED, Told, asking, calls_of, endings, is_clear
from trials.outcome import Bar, Outcome
from trials.row import Row
from trials.stage import Stage, sandbox

__all__ = ["CASES", "QUICK", "dead", "endpoint"]

UNAVAILABLE, RECONNECT, CONFIGURATION = (
    "LivestormBrokerError",
    "LivestormReconnectRequiredError",
    "LivestormConfigurationError",
)
_SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Case:
    """A fault of the token endpoint.

    Attributes:
        fault: a rule of the sandbox for /oauth/token.
        ends: how all callers end, where the old token dies at once (strict) and where it does not (grace).
        calls: what the endpoint sees at most until the callers have ended.
        patience: of the callers, seconds.
        mended: whether the connection works once the fault is gone, strict and grace.
        says: words in every error.
        asks: seconds for which the endpoint asks everybody to wait: they pass before the callers come again.
    """

    fault: dict[str, Any]
    ends: tuple[str, str] = (SERVED, SERVED)
    calls: int = 2
    patience: float = 12.0
    mended: tuple[bool, bool] = (True, True)
    says: str = ""
    asks: float = 0.0

    def words(self, rotation: str) -> str:
        """What has to come of it."""
        at = int(rotation == "grace")
        if self.mended[at]:
            return f"{self.ends[at]}; token kept; once it is over {SERVED}; 0 spent token sent"
        return f"{self.ends[at]}; token lost; once it is over {RECONNECT}; 1 spent token sent"


def _lost(fault: dict[str, Any], patience: float = 12.0) -> Case:
    """Its work was done and its answer lost: in strict rotation, so is the token."""
    return Case(fault, (RECONNECT, SERVED), patience=patience, mended=(False, True))


CASES: dict[str, Case] = {
    # Five tries under the lease, and one more five seconds later.
    "503 for good": Case({"status": 503, "times": 0}, (UNAVAILABLE,) * 2, 6, says="answered HTTP 503"),
    "200 with HTML for good": Case(
        {"status": 200, "body": "html", "times": 0}, (UNAVAILABLE,) * 2, 6, says="no OAuth document"
    ),
    "429 of the month": Case(
        {"body": "monthly-limit", "times": 0}, (UNAVAILABLE,) * 2, 3, says="raise the monthly limit", asks=86_400.0
    ),  # the whole period; after a day somebody looks whether it still holds
    "429 of the second, once": Case({"status": 429}),
    "500 with HTML, once": Case({"body": "html"}),
    "502 twice": Case({"status": 502, "times": 2}, calls=3),
    "cut before it rotated": Case({"body": "reset"}),
    "cut after it rotated": _lost({"body": "reset", "when": "after"}),
    "cut amid the answer": _lost({"body": "truncate"}),
    "half of the document": _lost({"body": "invalid-json"}),
    "HTML after it rotated": _lost({"body": "html", "when": "after"}),
    "time-out after it rotated": _lost({"delay": 12, "status": 504, "when": "after"}, 40.0),
    "drips its answer": _lost({"body": "drip", "delay": 40}, 60.0),
}
QUICK = ("429 of the second, once", "cut after it rotated", "half of the document")


def endpoint(stage: Stage, count: int = 10, cases: Sequence[str] = tuple(CASES)) -> Outcome:
    """Each case in both rotations, with so many callers at once."""
    jobs = [(name, rotation) for name in cases for rotation in ("strict", "grace")]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        stories = list(pool.map(lambda job: _one(stage, count, *job), jobs))
    return Outcome(
        "endpoint",
        count,
        [bar for story in stories for bar in story["bars"]],
        {story["case"]: story["told"] for story in stories},
    )


def _one(stage: Stage, count: int, name: str, rotation: str) -> dict[str, Any]:
    case, title = CASES[name], f"{name}, {rotation}"
    with sandbox(rotation=rotation) as livestorm:
        row, client = stage.connect(f"endpoint {title}".replace(" ", "_").replace(",", ""), livestorm)
        before = row.read()["refresh_token"]
        livestorm.add_fault(path_prefix="/oauth/token", **case.fault)
        with asking(stage.urls, client, count, patience=case.patience) as callers:
            told = [one.result() for one in callers]
        calls, stored = calls_of(livestorm), row.read()
        livestorm.clear_faults()
        if case.asks:
            _grow_older(row, case.asks)
        with asking(stage.urls, client, 2) as callers:
            later = [one.result() for one in callers]
        newest = row.read()["refresh_token"] == livestorm.newest_refresh_token()
        reuses = livestorm.status()["counters"]["reuses_of_spent_tokens"]
    return {
        "case": title,
        "told": {
            "endings": endings(told),
            "calls": calls,
            "longest_s": round(max(one.seconds for one in told), 1),
            "stored": "the old token" if stored["refresh_token"] == before else "a new token",
            "afterwards": endings(later),
            "reuses_of_spent_tokens": reuses,
            "message": next((one.text for one in told if one.ending != SERVED), None),
        },
        "bars": [
            Bar.same(title, _words(told, later, newest, reuses), case.words(rotation)),
            Bar.at_most(f"{title}: calls", calls, case.calls),
            Bar.same(f"{title}: its error", "clear" if is_clear(told) and _says(told, case) else "not clear", "clear"),
        ],
    }


def _words(told: list[Told], later: list[Told], newest: bool, reuses: int) -> str:
    kept = "kept" if newest else "lost"
    return f"{endings(told)}; token {kept}; once it is over {endings(later)}; {reuses} spent token sent"


def _says(told: list[Told], case: Case) -> bool:
    return all(case.says in one.text for one in told if one.ending != SERVED)


def dead(stage: Stage, count: int = 50, minutes: int = 5) -> Outcome:
    """A dead token and a wrong secret, and a crowd that comes anew each minute; then a person mends it."""
    return Outcome("dead token", count, [*_dead(stage, count, minutes), *_wrong_secret(stage, count, minutes)])


def _dead(stage: Stage, count: int, minutes: int) -> list[Bar]:
    with sandbox() as livestorm:
        row, client = stage.connect("dead", livestorm)
        livestorm.revoke()
        told = _minutes(stage, row, client, count, minutes)
        calls = calls_of(livestorm)
        row.write(row.read() | {"refresh_token": livestorm.grant()["refresh_token"]})
        with asking(stage.urls, client, count, patience=5.0) as callers:
            later = [one.result() for one in callers]
    return [
        Bar.same("dead token: callers end", endings(told), RECONNECT),
        Bar.equal("dead token: one line that names the connection", int(is_clear(told)), 1),
        Bar.equal(f"dead token: calls in {minutes} minutes", calls, 1),
        Bar.same("dead token: once another is pasted", endings(later), SERVED),
        Bar.at_most("dead token: last caller served after that, s", max(one.seconds for one in later), 3.0),
    ]


def _wrong_secret(stage: Stage, count: int, minutes: int) -> list[Bar]:
    with sandbox() as livestorm:
        row, client = stage.connect("wrong_secret", livestorm)
        wrong = client | {"client_secret": f"{client['client_secret']}-no-more"}
        _save_secret(stage, row, wrong)
        told = _minutes(stage, row, wrong, count, minutes)
        calls = calls_of(livestorm)
        _save_secret(stage, row, client)
        with asking(stage.urls, client, count, patience=5.0) as callers:
            later = [one.result() for one in callers]
    return [
        Bar.same("wrong secret: callers end", endings(told), CONFIGURATION),
        Bar.equal("wrong secret: one line that names the connection", int(is_clear(told)), 1),
        Bar.equal(f"wrong secret: calls in {minutes} minutes", calls, minutes),
        Bar.same("wrong secret: once it is corrected", endings(later), SERVED),
        Bar.at_most("wrong secret: last caller served after that, s", max(one.seconds for one in later), 3.0),
    ]


def _minutes(stage: Stage, row: Row, client: dict[str, Any], count: int, minutes: int) -> list[Told]:
    """A crowd each minute: what the row remembers is made a minute older, as no clock of an api-server can be moved."""
    told = []
    for _ in range(minutes):
        with asking(stage.urls, client, count) as callers:
            told += [one.result() for one in callers]
        _grow_older(row, 60)
    return told


def _grow_older(row: Row, seconds: float) -> None:
    """What the row remembers of a refusal is so much older now."""
    extra = row.read()
    state = json.loads(extra["token_state"])
    state["refusal"]["at"] -= seconds
    row.write(extra | {"token_state": json.dumps(state)})


def _save_secret(stage: Stage, row: Row, client: dict[str, Any]) -> None:
    form = stage.api("GET", f"/connections/{row.conn_id}")
    body = {name: form[name] for name in ("connection_id", "conn_type", "host", "login", "extra")}
    stage.api("PATCH", f"/connections/{row.conn_id}", json=body | {"password": client["client_secret"]})
