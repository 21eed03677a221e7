"""A token's life and the record of its rotation, as values."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_livestorm.auth.token import (
    Grant,
    Lease,
    Refusal,
    TokenRecord,
    TokenSet,
    TokenState,
    fingerprint,
)

FRESH, STALE, INVALID = TokenState.FRESH, TokenState.STALE, TokenState.INVALID


@pytest.mark.parametrize(
    ("lifetime", "left", "state"),
    [
        (7200.0, 60.001, FRESH),
        (7200.0, 60.0, STALE),  # at most a minute before the end
        (7200.0, 0.001, STALE),
        (7200.0, 0.0, INVALID),
        (7200.0, -5.0, INVALID),
        (10.0, 1.001, FRESH),
        (10.0, 1.0, STALE),  # a tenth of a short life
        (None, 60.001, FRESH),
        (None, 60.0, STALE),
        (0.0, 0.001, FRESH),
    ],
)
def test_a_token_goes_stale_shortly_before_it_expires(lifetime: float | None, left: float, state: TokenState) -> None:
    assert TokenSet("a", expires_at=5_000.0 + left, lifetime=lifetime).state(5_000.0) is state


def test_a_token_of_unknown_life_is_fresh_until_the_api_refuses_it() -> None:
    assert TokenSet("a").state(1e12) is FRESH


@given(st.floats(1, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_token_never_gets_younger(life: float, one: float, other: float) -> None:
    token = TokenSet("a", expires_at=1e6 + life, lifetime=life)
    order = [FRESH, STALE, INVALID]
    earlier, later = sorted((one, other))
    assert order.index(token.state(1e6 + earlier)) <= order.index(token.state(1e6 + later))


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
times = st.floats(0, 4e9)
grants = st.builds(Grant, texts, st.none() | texts, st.none() | st.floats(0, 1e6), st.none() | texts)
extras = st.dictionaries(texts, texts).map(lambda extra: extra | {"refresh_token": "seed"})


@given(extras, st.lists(grants, min_size=1, max_size=3), times)
def test_a_record_is_read_as_it_was_written_and_all_else_stays(
    extra: dict[str, Any], given_: list[Grant], now: float
) -> None:
    for generation, grant in enumerate(given_, 1):
        record = TokenRecord.from_extra(extra).granted(grant, now)
        written = json.loads(json.dumps(record.into(extra)))
        assert TokenRecord.from_extra(written) == record
        assert record.generation == generation
        managed = {"refresh_token", "access_token", "expires_at", "scope", "token_state"}
        others = {name: value for name, value in extra.items() if name not in managed}
        assert others == {name: value for name, value in written.items() if name not in managed}
        extra = written


def granted() -> TokenRecord:
    return TokenRecord("seed").granted(Grant("access", "refresh", 100.0, "events:read"), 50.0)


def test_a_grant_ends_the_lease_and_the_refusal_and_counts_on() -> None:
    before = TokenRecord("seed", generation=4, lease=Lease("me", 1.0), refusal=Refusal("invalid_grant", "", 1.0, "x"))
    after = before.granted(Grant("access", "refresh", 100.0), 50.0)
    assert (after.refresh_token, after.generation, after.lease, after.refusal) == ("refresh", 5, None, None)
    assert after.token == TokenSet("access", 150.0, 5, 100.0)
    assert before.lease == Lease("me", 1.0), "records are values"


def test_a_grant_without_a_refresh_token_or_scope_keeps_those_at_hand() -> None:
    after = granted().granted(Grant("access-2"), 60.0)
    assert after.refresh_token == "refresh"
    assert after.token == TokenSet("access-2", None, 2, None, "events:read")


def test_half_a_surrogate_pair_has_a_fingerprint_too() -> None:
    assert fingerprint("\ud800") != fingerprint("\ud801")


def test_a_refusal_that_an_older_version_wrote_is_read() -> None:
    written = json.dumps({"refusal": {"error": "no verdict", "description": "down", "at": 7.0, "of": "x", "times": 2}})
    assert TokenRecord.from_extra({"token_state": written}).refusal == Refusal("no verdict", "down", 7.0, "x", 2)


def test_a_lease_and_a_refusal_are_kept_beside_the_token() -> None:
    refusal = Refusal("invalid_client", "who?", 7.0, "x", retry_after=60.0)
    leased = TokenRecord.from_extra(granted().leased("me", 9.0).into({}))
    assert (leased.lease, leased.token) == (Lease("me", 9.0), granted().token)
    refused = TokenRecord.from_extra(leased.refused(refusal).into({}))
    assert (refused.lease, refused.refusal, refused.token) == (None, refusal, granted().token)


def test_another_refresh_token_voids_the_access_token_and_the_lease_but_not_the_count() -> None:
    extra = granted().leased("me", 9.0).into({})
    for pasted in ("pasted", "", None):
        record = TokenRecord.from_extra(extra | {"refresh_token": pasted})
        assert (record.refresh_token, record.token, record.lease, record.generation) == (pasted or None, None, None, 1)


def test_a_voided_access_token_is_not_written_again() -> None:
    extra = granted().into({}) | {"refresh_token": "pasted"}
    written = TokenRecord.from_extra(extra).leased("me", 9.0).into(extra)
    assert "access_token" not in written
    assert "expires_at" not in written
    assert TokenRecord.from_extra(written).lease == Lease("me", 9.0)


def test_an_access_token_that_came_with_the_first_refresh_token_is_used() -> None:
    record = TokenRecord.from_extra({"refresh_token": "r", "access_token": "a", "expires_at": "150.5"})
    assert record.token == TokenSet("a", 150.5)


@pytest.mark.parametrize("broken", ["{", "[]", "null", '{"generation": "x"}', "7", 7, {}, [], None, "\x00", "\ud800"])
def test_a_token_state_that_a_person_broke_counts_as_none(broken: Any) -> None:
    record = TokenRecord.from_extra({"refresh_token": "r", "access_token": "a", "token_state": broken})
    assert (record.refresh_token, record.generation, record.lease) == ("r", 0, None)


@pytest.mark.parametrize(
    "odd", ["soon", "", None, [], {}, 10**400, float("inf"), "inf", float("nan")], ids=lambda odd: repr(odd)[:8]
)
def test_an_expiry_that_is_no_time_counts_as_unknown(odd: Any) -> None:
    record = TokenRecord.from_extra({"refresh_token": "r", "access_token": "a", "expires_at": odd})
    assert record.token == TokenSet("a")


@pytest.mark.parametrize("odd", [7, True, ["r"], {"r": 1}], ids=str)
def test_a_token_that_is_no_text_counts_as_none(odd: Any) -> None:
    """A person may write JSON of any shape; the error must be ours, about the connection, and not a TypeError."""
    extra = granted().into({})
    assert TokenRecord.from_extra(extra | {"refresh_token": odd}).refresh_token is None
    assert TokenRecord.from_extra(extra | {"access_token": odd}).token is None


@given(st.lists(texts, min_size=1, max_size=3), st.lists(texts, min_size=1, max_size=3))
def test_fingerprints_tell_secrets_apart_and_do_not_hold_them(one: list[str], other: list[str]) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) is (one == other)
    assert len(fingerprint(*one)) == 32
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_no_value_shows_a_secret() -> None:
    grant = Grant("the-access", "the-refresh", 1.0)
    record = TokenRecord("the-seed").granted(grant, 0.0).leased("me", 1.0)
    shown = repr((grant, record, record.token)) + str(record) + f"{record.token}"
    assert not any(secret in shown for secret in ("the-access", "the-refresh", "the-seed"))


_FIRST_READING = """
import sys
from airflow_provider_livestorm.auth.token import TokenRecord
called = []
sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
TokenRecord.from_extra({"token_state": '{"lease": {"owner": "somebody", "until": 1}}'})
sys.setprofile(None)
assert "from_extra" in called
assert "get_class_annotations" not in called, "msgspec works the types out at the first reading"
"""


def test_the_types_are_worked_out_before_threads_read_for_the_first_time() -> None:
    """msgspec 0.22 is not safe there: of many threads whose first reading is at once, one may crash Python."""
    done = subprocess.run([sys.executable, "-c", _FIRST_READING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
