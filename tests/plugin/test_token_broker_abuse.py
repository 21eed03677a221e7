"""The token broker under abuse: crowds, replays, odd proofs, failures that nobody foresaw."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from fastapi.testclient import TestClient

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, AUDIENCE, sign_assertion
from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentHere
from airflow_provider_livestorm.auth.token import Grant, fingerprint
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormTokenError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings
from airflow_provider_livestorm.plugin import admission, token_broker
from airflow_provider_livestorm.plugin.token_broker import TokenBroker, create_app
from tests.auth.rotation import SEED, Clock, Doorkeeper, MemoryStore

CLIENT_ID = "the-client-id"
SECRET = "the-client-secret-of-forty-characters-or-so"
CROWD = 50
JSON = {"Content-Type": "application/json"}
MEMBERS = {"access_token", "generation", "expires_in", "lifetime", "scope"}


class House:
    """A broker with a lease of its own over a store in memory and a Doorkeeper that counts."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.stepped = 0.0
        self.store = MemoryStore()
        self.server = Doorkeeper()
        self.settings_error: Exception = LivestormConfigurationError("There is no connection")
        self.broker = TokenBroker(
            settings=self.settings, lease=self.lease, proofs=SpentHere(clock=self.now), clock=self.now,
            monotonic=lambda: time.monotonic() + self.ahead,
        )  # fmt: skip
        self.http = TestClient(create_app(self.broker), raise_server_exceptions=False)

    def now(self) -> float:
        return time.time() + self.ahead + self.stepped

    def settings(self, conn_id: str) -> ConnectionSettings:
        if conn_id != "conn":
            raise self.settings_error
        return ConnectionSettings(conn_id, CLIENT_ID, SECRET, extra={"refresh_token": SEED})

    def lease(self, _: ConnectionSettings) -> TokenLease:
        return TokenLease("conn", self.store, self.server, mask=lambda _: None, clock=self.now, sleep=Clock().sleep)

    def ask(self, assertion: str | None = None, *, conn_id: str = "conn", **members: Any) -> Any:
        body = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion or proof(conn_id), **members}
        return self.http.post(f"/connections/{conn_id}/access-token", content=json.dumps(body), headers=JSON)

    def settle(self) -> None:
        """Wait until no refresh is under way."""
        for refresh in list(self.broker._refreshes.values()):
            refresh.exception(20)


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    with house.http:
        yield house
    house.settle()


def proof(conn_id: str = "conn", secret: str = SECRET) -> str:
    return sign_assertion(conn_id=conn_id, client_id=CLIENT_ID, client_secret=secret)


def crowd(call: Callable[[], Any]) -> list[Any]:
    start = threading.Barrier(CROWD)

    def run(_: int) -> Any:
        start.wait(20)
        return call()

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(run, range(CROWD), timeout=40))


# --- crowds -----


def test_a_crowd_that_polls_until_it_has_a_token_causes_one_redemption(house: House) -> None:
    asked = threading.Semaphore(0)

    def poll() -> str:
        answer = house.ask()
        asked.release()
        for _ in range(20):
            if answer.status_code == 200:
                return str(answer.json()["access_token"])
            house.settle()
            answer = house.ask()
        raise AssertionError(answer.text)

    def until_all_have_asked() -> None:
        for _ in range(CROWD):
            assert asked.acquire(timeout=20)

    house.server.arriving.append(until_all_have_asked)
    assert set(crowd(poll)) == {"access-1"}
    assert (house.server.redeemed, house.server.reuses) == ([SEED], 0)


def test_of_a_crowd_with_one_proof_one_is_let_in(house: House) -> None:
    once = proof()
    answers = [answer.status_code for answer in crowd(lambda: house.ask(once))]
    assert sorted(answers) == [202] + [401] * (CROWD - 1)


# --- what crosses -----


def test_no_answer_holds_a_refresh_token_or_the_client_secret(house: House) -> None:
    answers = [house.ask()]
    house.settle()
    answers += [house.ask(), house.ask("garbage")]
    house.ahead += 61  # fresh tokens that are refused are replaced once a minute
    answers.append(house.ask(refused=fingerprint("access-1")))
    house.settle()
    answers += [house.ask(), house.ask(refused="x" * 65), house.ask(client_assertion_type=None)]
    house.server.valid.clear()
    house.ahead += 61
    answers.append(house.ask(refused=fingerprint("access-2")))
    house.settle()
    answers.append(house.ask(refused=fingerprint("access-2")))
    assert [answer.status_code for answer in answers] == [202, 200, 401, 202, 200, 422, 422, 202, 409]
    assert all(answer.json().keys() == MEMBERS for answer in answers if answer.status_code == 200)
    for answer in answers:
        crossed = answer.text + str(answer.headers)
        assert not any(secret in crossed for secret in (SEED, SECRET, "refresh-1", "refresh-2"))
        if answer.status_code != 422:
            assert answer.headers["Cache-Control"] == "no-store"


# --- proofs -----


def test_an_unknown_connection_and_a_wrong_key_are_told_the_same_byte_for_byte(house: House) -> None:
    wrong, unknown = house.ask(proof(secret="x" * 43)), house.ask(proof("nobody"), conn_id="nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert (wrong.content, wrong.headers.raw) == (unknown.content, unknown.headers.raw)


def test_the_time_of_a_refusal_does_not_tell_what_was_looked_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown connection may take longer to look for than a known one to decrypt, or less: none shows."""
    step, slow = 1.0, 0.1
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    found = house.settings

    def look(conn_id: str) -> ConnectionSettings:
        if conn_id == "nobody":
            time.sleep(slow)  # stands for a secrets backend's answer
        return found(conn_id)

    monkeypatch.setattr(admission, "_REFUSAL_STEP_SECONDS", step)
    monkeypatch.setattr(asyncio, "sleep", wait)
    house.broker.callers._settings = look
    for conn_id in ("conn", "nobody"):
        assert house.ask(proof(conn_id, secret="x" * 43), conn_id=conn_id).status_code == 401
    known, unknown = (wait for wait in waits if wait > token_broker._APART_SECONDS)  # the door waits too
    assert 0 < known < step
    assert 0 < unknown < step - slow, "what the look-up took is part of the step"


def test_a_crowd_is_given_turns_one_behind_the_other(house: House) -> None:
    """So that they do not come back all at once, nor so late that the new token waits for them."""
    now = time.monotonic()
    house.broker._monotonic = lambda: now
    house.server.arriving.append(lambda: None)
    turns = [int(house.broker._turn()) for _ in range(200)]
    assert turns[0] == 1000 * token_broker._NEXT_TURN_SECONDS
    apart = 1000 / token_broker._TURNS_A_SECOND
    assert all(abs(later - earlier - apart) < 2 for earlier, later in itertools.pairwise(turns[:90]))
    assert turns[-2:] == [1000 * token_broker._LAST_TURN_SECONDS] * 2, "none waits longer than that"


def test_a_crowd_looks_a_connection_up_once_a_moment(house: House) -> None:
    looks: list[str] = []
    found = house.settings

    def look(conn_id: str) -> ConnectionSettings:
        looks.append(conn_id)
        return found(conn_id)

    now = time.monotonic()
    house.broker._monotonic = lambda: now
    house.broker._settings = look
    assert {house.ask().status_code for _ in range(5)} <= {200, 202}
    assert len(looks) <= 2, "once, and once more after the refresh"
    now += 0.2
    house.ask()
    assert len(looks) <= 3


def test_a_connection_that_a_secrets_backend_denies_is_told_as_unknown(house: House) -> None:
    """Airflow raises AirflowSecretsBackendAccessDenied, a PermissionError, through get_connection_from_secrets."""
    unknown = house.ask(proof("nobody"), conn_id="nobody")
    house.settings_error = PermissionError("denied by policy")
    denied = house.ask(proof("denied"), conn_id="denied")
    assert (denied.status_code, denied.content) == (unknown.status_code, unknown.content)


@pytest.mark.parametrize("error", [ValueError("no IPv6"), AttributeError("no lower"), RuntimeError()], ids=repr)
def test_a_connection_that_cannot_be_read_is_told_as_unknown(
    house: House, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a person typed into it, who proved nothing does not learn that it is there; the log tells why."""
    unknown = house.ask(proof("nobody"), conn_id="nobody")
    house.settings_error = error
    odd = house.ask(proof("odd"), conn_id="odd")
    assert (odd.status_code, odd.content, odd.headers.raw) == (401, unknown.content, unknown.headers.raw)
    assert f"Connection 'odd' cannot be used: {type(error).__name__}" in caplog.text


def test_a_database_or_secrets_backend_that_is_away_is_no_verdict(house: House) -> None:
    house.settings_error = LivestormTokenError("Connection 'conn': secrets backend Vault failed; try again.")
    answer = house.ask(proof("away"), conn_id="away")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")


def signed(**changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": AUDIENCE, "conn_id": "conn", "iat": now, "exp": now + 60, "jti": "j",
    }  # fmt: skip
    return jwt.encode(claims | changes, SECRET, algorithm="HS256")


@pytest.mark.parametrize(
    "odd",
    [
        lambda: signed(exp=str(int(time.time()) + 60)),
        lambda: signed(iat=str(int(time.time()))),
        lambda: signed(jti=["j"]),
        lambda: "é.é.é",
        lambda: signed() + ".",
    ],
    ids=["exp a text", "iat a text", "jti a list", "not ASCII", "four parts"],
)
def test_an_odd_proof_is_refused_and_no_server_error(house: House, odd: Callable[[], str]) -> None:
    assert house.ask(odd()).status_code in (401, 422)


def test_a_look_is_for_those_who_ask_the_same(house: House) -> None:
    """Else one whose token was refused would be given it again, as long as others ask who know nothing of that."""
    house.ask()
    house.settle()
    house.ahead += 61  # fresh tokens that are refused are replaced once a minute
    now = time.monotonic()
    house.broker._monotonic = lambda: now
    assert house.ask().status_code == 200
    assert house.ask(refused=fingerprint("access-1")).status_code == 202


# --- clocks -----


def test_a_clock_that_steps_back_does_not_make_a_failure_last(house: House) -> None:
    house.server.failures = [LivestormTokenError("down")] * 3
    house.ask()
    house.settle()
    assert house.ask().status_code == 503
    house.stepped -= 3600
    house.ahead += 61  # a failed try is in the row, too, and the next one waits for its minute at most
    assert house.ask().status_code == 202


def test_a_clock_that_steps_back_does_not_make_a_look_last(house: House) -> None:
    house.ask()
    house.settle()
    assert house.ask().json()["access_token"] == "access-1"
    house.stepped -= 3600
    house.ahead += 1
    house.store.edit(access_token="access-of-another-api-server", generation=2)
    assert house.ask().json()["access_token"] == "access-of-another-api-server"


def test_a_clock_that_steps_back_does_not_put_turns_off(house: House) -> None:
    for _ in range(5):
        house.broker._turn()
    house.stepped -= 3600
    house.ahead += 5
    assert house.broker._turn() == "250"


# --- failures -----


def test_a_failure_that_nobody_foresaw_is_logged_told_and_not_begun_again_by_every_poll(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The client's error says that the api-server's log tells why; so it must."""
    tries: list[int] = []

    def break_down() -> None:
        tries.append(1)
        raise ZeroDivisionError("nobody foresaw this")

    caplog.set_level(logging.INFO)
    house.server.arriving += [break_down] * 5
    assert house.ask().status_code == 202
    house.settle()
    assert "nobody foresaw this" in caplog.text
    assert house.ask().status_code == 503
    assert len(tries) == 1


def test_a_person_who_corrects_the_connection_is_believed_soon(house: House) -> None:
    house.server.valid.clear()
    assert house.ask().status_code == 202
    house.settle()
    assert house.ask().json()["error"] == "reconnect_required"
    house.server.valid.add("pasted")
    house.store.edit(refresh_token="pasted")
    house.ahead += 6
    assert house.ask().status_code == 202
    house.settle()
    assert house.ask().json()["access_token"] == "access-1"


def test_an_expiry_that_json_cannot_say_does_not_break_the_answer(house: House) -> None:
    record = house.store.record.granted(Grant("access", "refresh", 100.0), house.now())
    house.store.put(record)
    house.store.edit(expires_at="inf")
    assert house.ask().status_code == 200
