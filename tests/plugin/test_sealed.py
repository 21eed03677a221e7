"""What the page keeps in a browser: only we can write it, it ends, and it fits into a request."""

from __future__ import annotations

from collections.abc import Iterator

import jwt
import pytest
import time_machine

from airflow_provider_livestorm.auth.authorization import PendingAuthorization
from airflow_provider_livestorm.plugin import sealed

NOW = 1_790_000_000.0
PENDING = PendingAuthorization(
    "conn", "https://airflow.example/livestorm/callback", "events:read", "the-state", "the-verifier", NOW + 900
)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "get_signing_key", lambda *_: "airflow's own secret key, which is long enough")


def test_what_is_kept_comes_back() -> None:
    kept = sealed.open_pending(sealed.seal_pending(PENDING, user="7", embedded=True))
    assert kept == (PENDING, "7", True)
    answer = {"code": "c", "state": "s"}
    assert sealed.open_answer(sealed.seal_answer(answer, now=NOW)) == answer
    notice = sealed.seal_notice(ok=False, conn_id="conn", message="Denied.", user="7", now=NOW)
    assert sealed.open_notice(notice, user="7") == {"kind": "error", "conn_id": "conn", "message": "Denied."}


def test_a_notice_is_for_whom_it_was_written() -> None:
    notice = sealed.seal_notice(ok=True, conn_id="conn", message="Connected.", user="7", now=NOW)
    assert sealed.open_notice(notice, user="8") is None


def test_what_somebody_else_wrote_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    notice = sealed.seal_notice(ok=True, conn_id="conn", message="Connected.", user="7", now=NOW)
    pending = sealed.seal_pending(PENDING, user="7", embedded=True)
    assert sealed.open_pending(notice) is None, "one kind does not stand for another"
    assert sealed.open_notice(pending, user="7") is None
    unsigned = jwt.encode({"aud": "pending", "exp": NOW + 900}, "", algorithm="none")
    with_airflows = jwt.encode(
        {"aud": "pending", "exp": NOW + 900}, "airflow's own secret key, which is long enough", algorithm="HS256"
    )
    for text in (unsigned, with_airflows, "", None, "no token", pending[:-2]):
        assert sealed.open_pending(text) is None
        assert sealed.open_answer(text) == {}
    monkeypatch.setattr(sealed, "get_signing_key", lambda *_: "the key of another Airflow")
    assert sealed.open_pending(pending) is None


def test_what_is_too_old_is_nothing() -> None:
    old = PendingAuthorization("conn", "u", "s", "state", "verifier", NOW - 1)
    assert sealed.open_pending(sealed.seal_pending(old, user="7", embedded=True)) is None
    assert sealed.open_answer(sealed.seal_answer({"code": "c"}, now=NOW - sealed.ANSWER_SECONDS - 1)) == {}


@pytest.mark.parametrize("letter", ["x", "é", "界", "𝄞"])
def test_a_message_of_any_length_fits_into_a_cookie(letter: str) -> None:
    notice = sealed.seal_notice(ok=True, conn_id="c" * 250, message=letter * 9_999, user="7", now=NOW)
    assert len(f"{sealed.NOTICE_COOKIE}={notice}") < 4096
    kept = sealed.open_notice(notice, user="7")
    assert kept is not None
    assert set(kept["message"]) == {letter}


def test_of_many_that_were_begun_the_newest_stay() -> None:
    cookies = {"_token": "Airflow's", "livestorm_pending_bad": "no token"}
    for number in range(6):
        begun = PendingAuthorization("conn", "u", "s", f"state {number}", "v", NOW + 100 + number)
        cookies[sealed.pending_cookie(begun.state)] = sealed.seal_pending(begun, user="7", embedded=False)
    gone = sealed.surplus(cookies)
    assert "livestorm_pending_bad" in gone
    assert "_token" not in gone
    assert {name for name in cookies if name not in gone} == {
        "_token", *(sealed.pending_cookie(f"state {number}") for number in (3, 4, 5)),
    }  # fmt: skip
