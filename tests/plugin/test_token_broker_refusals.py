"""What the token endpoint refused, told by two api-servers to a crowd: what it is asked, and when it is asked again."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, sign_assertion
from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.oauth import GrantRefusedError
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentHere
from airflow_provider_livestorm.exceptions import LivestormTokenError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings
from airflow_provider_livestorm.plugin.token_broker import TokenBroker, create_app
from tests.auth.rotation import Clock, Doorkeeper, MemoryStore

SECRET = "the-client-secret-of-forty-characters-or-so"
# what the token endpoint says: how often an hour of constant demand asks it (a 503 sooner at first), the answer
HOUR: dict[str, tuple[Exception, int, tuple[int, str]]] = {
    "invalid_grant": (GrantRefusedError("invalid_grant", "revoked"), 1, (409, "reconnect_required")),
    "invalid_client": (GrantRefusedError("invalid_client", ""), 60, (409, "configuration")),
    "unauthorized_client": (GrantRefusedError("unauthorized_client", ""), 60, (409, "configuration")),
    "503": (LivestormTokenError("Livestorm's token endpoint is down."), 64, (503, "unavailable")),
}  # fmt: skip


class House:
    """Api-servers over one store and one Doorkeeper, on a clock that is moved."""

    def __init__(self, servers: int = 2) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.server = Doorkeeper()
        self.client_secret = SECRET
        self.asked = 0
        self.brokers: list[TokenBroker] = []
        self.https: list[TestClient] = []
        for number in range(servers):
            self.start(number)

    def start(self, number: int) -> None:
        """Start an api-server, or start it again: what it knew is gone."""
        broker = TokenBroker(
            settings=self.settings, lease=self.lease, proofs=SpentHere(clock=self.clock), clock=self.clock,
            monotonic=self.clock,
        )  # fmt: skip
        self.brokers[number:] = [broker, *self.brokers[number + 1 :]]
        self.https[number:] = [TestClient(create_app(broker)), *self.https[number + 1 :]]

    def settings(self, conn_id: str) -> ConnectionSettings:
        return ConnectionSettings(conn_id, "client", self.client_secret)

    def lease(self, settings: ConnectionSettings) -> TokenLease:
        server = _Signed(self.server, settings.secret)
        return TokenLease("conn", self.store, server, mask=lambda _: None, clock=self.clock, sleep=self.clock.sleep)

    def refuse(self, error: Exception) -> None:
        def count() -> None:
            self.asked += 1
            self.server.arriving.append(count)

        self.server.failures = [error] * 10_000
        self.server.arriving = [count]

    def ask(self, number: int) -> Any:
        """Ask until the answer is not "come back"."""
        for _ in range(10):
            proof = sign_assertion(conn_id="conn", client_id="client", client_secret=self.client_secret)
            body = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof}
            answer = self.https[number].post("/connections/conn/access-token", json=body)
            if answer.status_code != 202:
                return answer
            for refresh in list(self.brokers[number]._refreshes.values()):
                refresh.exception(20)
        raise AssertionError("it never came to an answer")


class _Signed:
    """The Doorkeeper as a client with this secret meets it."""

    client_id = "client"

    def __init__(self, server: Doorkeeper, client_secret: str) -> None:
        self.client_secret = client_secret
        self.refresh = server.refresh


@pytest.mark.parametrize("case", HOUR)
def test_an_hour_of_a_crowd_costs_the_token_endpoint_a_call_a_minute(case: str) -> None:
    error, most, told = HOUR[case]
    house = House()
    house.refuse(error)
    for second in range(0, 3600, 10):
        if second in (1200, 2400):
            house.start(0)
            house.start(1)
        for number in (0, 1):
            answer = house.ask(number)
            assert (answer.status_code, answer.json()["error"]) == told
            assert answer.json()["message"].startswith("Connection 'conn': Livestorm")
        house.clock.now += 10
    assert house.asked <= most
    assert house.asked >= most * 0.9


@pytest.mark.parametrize("case", HOUR)
def test_a_pasted_refresh_token_is_taken_at_once_by_the_api_server_that_was_not_asked_before(case: str) -> None:
    house = House()
    house.refuse(HOUR[case][0])
    house.ask(0)
    house.server.failures.clear()
    house.server.valid.add("pasted")
    house.store.edit(refresh_token="pasted")
    assert house.ask(1).status_code == 200
    assert house.server.redeemed == ["pasted"]


@pytest.mark.parametrize("case", ["invalid_grant", "invalid_client", "unauthorized_client"])
@pytest.mark.parametrize("mended", ["token", "secret"])
def test_what_mends_a_refusal_is_taken_at_once_by_the_api_server_that_was_refused(case: str, mended: str) -> None:
    house = House()
    house.refuse(HOUR[case][0])
    house.ask(0)
    house.server.failures.clear()
    if mended == "token":
        house.server.valid.add("pasted")
        house.store.edit(refresh_token="pasted")
    else:
        house.client_secret = f"{SECRET}-corrected"
    assert house.ask(0).status_code == 200
