"""The Variable as a token store: one writes, all others read, and nobody waits for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.stores import variable
from airflow_provider_livestorm.auth.stores.variable import VariableReader, VariableStore
from airflow_provider_livestorm.auth.token import fingerprint
from airflow_provider_livestorm.exceptions import LivestormReconnectRequiredError, LivestormTokenError
from tests.auth.rotation import LIFE, SEED, Clock, Doorkeeper

NAME = "livestorm_token__conn"


class Variables:
    """Airflow's Variables, as far as they are asked for."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.broken = False

    def get(self, key: str, default: Any) -> Any:
        if self.broken:
            raise RuntimeError("the Execution API is away")
        return self.values.get(key, default)

    def set(self, key: str, value: str) -> None:
        if self.broken:
            raise RuntimeError("the Execution API is away")
        self.values[key] = value


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    found = Variables()
    monkeypatch.setattr(variable, "Variable", found)
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


def writer(server: Doorkeeper, clock: Clock, seed: str = SEED) -> TokenLease:
    store = VariableStore("conn", seed)
    return TokenLease("conn", store, server, mask=lambda _: None, clock=clock, sleep=clock.sleep)


def reader(clock: Clock, masked: list[str] | None = None) -> VariableReader:
    mask = masked.append if masked is not None else lambda _: None
    return VariableReader("conn", mask=mask, patience=20, clock=clock, sleep=clock.sleep)


def test_what_the_writer_stores_the_readers_get(variables: Variables, clock: Clock) -> None:
    server, masked = Doorkeeper("strict"), list[str]()
    written = writer(server, clock).get()
    assert reader(clock, masked).get() == written
    assert masked == ["refresh-1", written.access_token], "the rotated refresh token is in no Connection"
    assert set(variables.values) == {NAME}, "its name holds `token`: Airflow hides the value"
    assert SEED not in variables.values[NAME]


def test_the_writer_refreshes_before_the_token_ends_and_not_before_it_must(variables: Variables, clock: Clock) -> None:
    server = Doorkeeper("strict")
    writer(server, clock).get(min_left=60)
    clock.now += LIFE - 61
    assert writer(server, clock).get(min_left=60).generation == 1
    clock.now += 2
    assert writer(server, clock).get(min_left=60).generation == 2
    assert reader(clock).get().generation == 2
    assert server.reuses == 0


def test_a_reader_waits_for_the_writer_and_then_names_the_dag(variables: Variables, clock: Clock) -> None:
    begun = clock.now
    with pytest.raises(LivestormTokenError, match="Is the refresh DAG of this connection switched on") as caught:
        reader(clock).get()
    assert caught.value.retryable
    assert 20 <= clock.now - begun < 30
    token = writer(Doorkeeper("strict"), clock).get()
    with pytest.raises(LivestormTokenError, match="no fresh access token"):
        reader(clock).get(refused=fingerprint(token.access_token))


def test_a_dead_refresh_token_is_said_at_once(variables: Variables, clock: Clock) -> None:
    server = Doorkeeper("strict")
    server.valid.clear()
    with pytest.raises(LivestormReconnectRequiredError):
        writer(server, clock).get()
    begun = clock.now
    with pytest.raises(LivestormReconnectRequiredError, match="refresh DAG takes it from there"):
        reader(clock).get()
    assert clock.now == begun


def test_a_new_seed_wins(variables: Variables, clock: Clock) -> None:
    server = Doorkeeper("strict")
    writer(server, clock).get()
    server.valid.add("another-seed")
    assert writer(server, clock, "another-seed").get().access_token == "access-2"
    assert writer(server, clock, SEED).get().access_token == "access-2", "an old configuration takes what is there"
    assert server.reuses == 0


@pytest.mark.parametrize("text", ["no json", "[]", '"text"'])
def test_what_somebody_else_wrote_is_said_with_the_remedy(variables: Variables, clock: Clock, text: str) -> None:
    variables.values[NAME] = text
    for act in (reader(clock).get, writer(Doorkeeper("strict"), clock).get):
        with pytest.raises(LivestormTokenError, match="Delete it, and save a new refresh token"):
            act()


def test_an_airflow_that_is_away_is_worth_a_retry(variables: Variables, clock: Clock) -> None:
    variables.broken = True
    with pytest.raises(LivestormTokenError, match=r"could not be read \(RuntimeError\)") as caught:
        reader(clock).get()
    assert caught.value.retryable
    variables.broken = False
    store = VariableStore("conn", SEED)
    seen = store.read()
    variables.values[NAME] = json.dumps({"refresh_token": "somebody else's"})
    assert store.compare_and_swap(seen, {}) is None
