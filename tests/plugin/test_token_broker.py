"""The token broker over HTTP, with a lease of the test's own: who gets an answer, which one, and what it tells."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from fastapi.testclient import TestClient

from airflow_provider_livestorm.auth.assertion import ASSERTION_TYPE, AUDIENCE, sign_assertion
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentHere
from airflow_provider_livestorm.auth.token import TokenSet, fingerprint
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormReconnectRequiredError,
    LivestormTokenError,
)
from airflow_provider_livestorm.hooks.connection import ConnectionSettings
from airflow_provider_livestorm.plugin.token_broker import TokenBroker, create_app

CLIENT_ID = "the-client-id"
SECRET = "the-client-secret-of-forty-characters-or-so"
REFRESH = "the-refresh-token-that-stays-at-home"


class Lease:
    """Stands for a connection's lease: what is stored, and what a refresh comes to."""

    def __init__(self) -> None:
        self.token: TokenSet | None = None
        self.error: Exception | None = None
        self.refreshes = 0
        self.refused: list[str | None] = []
        self.go_on = threading.Event()
        self.done = threading.Event()

    def stored(self, *, refused: str | None = None) -> TokenSet | None:
        self.refused.append(refused)
        if isinstance(self.error, LivestormReconnectRequiredError | LivestormConfigurationError):
            raise self.error
        return self.token

    def get(self, *, refused: str | None = None) -> TokenSet:
        self.refreshes += 1
        assert self.go_on.wait(20)
        try:
            if self.error is not None:
                raise self.error
            self.token = TokenSet("the-access-token", time.time() + 100, 1, 100.0, "events:read")
            return self.token
        finally:
            self.done.set()


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
def clock() -> list[float]:
    """Seconds that the broker's clocks are ahead."""
    return [0.0]


@pytest.fixture
def http(lease: Lease, clock: list[float]) -> Iterator[TestClient]:
    def settings(conn_id: str) -> ConnectionSettings:
        if conn_id == "private":
            return ConnectionSettings(conn_id, None, SECRET)
        if conn_id not in ("conn", "team/conn"):
            raise LivestormConfigurationError("There is no connection")
        return ConnectionSettings(conn_id, CLIENT_ID, SECRET, extra={"refresh_token": REFRESH})

    broker = TokenBroker(
        settings=settings,
        lease=lambda _: lease,  # type: ignore[arg-type,return-value]
        proofs=SpentHere(),
        clock=lambda: time.time() + clock[0],
        monotonic=lambda: time.monotonic() + clock[0],
    )
    with TestClient(create_app(broker)) as client:
        yield client
    lease.go_on.set()


def proof(conn_id: str = "conn", secret: str = SECRET, client_id: str = CLIENT_ID) -> str:
    return sign_assertion(conn_id=conn_id, client_id=client_id, client_secret=secret)


def ask(http: TestClient, assertion: str | None = None, *, conn_id: str = "conn", **members: Any) -> Any:
    body = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion or proof(conn_id), **members}
    return http.post(f"/connections/{conn_id.replace('/', '%2F')}/access-token", json=body)


def test_a_stored_token_is_answered_at_once_and_only_the_access_token_crosses(http: TestClient, lease: Lease) -> None:
    lease.token = TokenSet("the-access-token", time.time() + 50, 7, 100.0, "events:read")
    answer = ask(http)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["access_token"], body["generation"], body["lifetime"], body["scope"]) == (
        "the-access-token",
        7,
        100,
        "events:read",
    )
    assert 49 < body["expires_in"] <= 50
    assert answer.headers["Cache-Control"] == "no-store"
    assert REFRESH not in answer.text
    assert SECRET not in answer.text
    assert lease.refreshes == 0


def test_many_callers_start_one_refresh_and_are_told_to_come_back(http: TestClient, lease: Lease) -> None:
    answers = [ask(http) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {202}
    assert answers[0].headers["Retry-After-Ms"] == "250"
    lease.go_on.set()
    assert lease.done.wait(20)
    assert ask(http).json()["access_token"] == "the-access-token"
    assert lease.refreshes == 1


def test_a_refused_token_is_passed_on_by_its_fingerprint(http: TestClient, lease: Lease) -> None:
    lease.token = TokenSet("t")
    ask(http, refused=fingerprint("old"))
    assert lease.refused == [fingerprint("old")]


def test_a_connection_id_with_a_slash_is_found(http: TestClient, lease: Lease) -> None:
    lease.token = TokenSet("t")
    assert ask(http, conn_id="team/conn").status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (LivestormReconnectRequiredError("reconnect it"), 409, "reconnect_required"),
        (LivestormConfigurationError("correct it"), 409, "configuration"),
    ],
)
def test_what_a_person_must_mend_is_told_as_such(
    http: TestClient, lease: Lease, error: Exception, status: int, kind: str
) -> None:
    lease.error = error
    answer = ask(http)
    assert answer.status_code == status
    assert answer.json() == {"error": kind, "message": str(error)}


def test_a_refresh_that_failed_is_told_and_not_begun_again_by_every_poll(
    http: TestClient, lease: Lease, clock: list[float]
) -> None:
    lease.error = LivestormTokenError("the token endpoint answered HTTP 503")
    lease.go_on.set()
    assert ask(http).status_code == 202
    assert lease.done.wait(20)
    answers = [ask(http) for _ in range(10)]
    assert answers[-1].status_code == 503
    assert answers[-1].json() == {"error": "unavailable", "message": "the token endpoint answered HTTP 503"}
    assert lease.refreshes == 1
    lease.error = None
    lease.done.clear()
    clock[0] += 6
    assert ask(http).status_code == 202
    assert lease.done.wait(20)
    assert lease.refreshes == 2


# --- proofs -----


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": AUDIENCE, "conn_id": "conn", "iat": now, "exp": now + 60, "jti": "j",
    }  # fmt: skip
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, None if algorithm == "none" else secret, algorithm=algorithm)  # type: ignore[arg-type]


def issued(ago: int, life: int = 60) -> dict[str, int]:
    """The times of a proof that was issued so many seconds ago, by the clock of now, late in a suite."""
    now = int(time.time())
    return {"iat": now - ago, "exp": now - ago + life}


FORGERIES: dict[str, Callable[[], str]] = {
    "wrong secret": lambda: signed("another-secret-of-at-least-thirty-two-bytes"),
    "alg none": lambda: signed(algorithm="none"),
    "another algorithm": lambda: signed(SECRET * 2, algorithm="HS512"),
    "expired": lambda: signed(**issued(200)),
    "from the future": lambda: signed(**issued(-600)),
    "lives too long": lambda: signed(**issued(0, life=3600)),
    "another connection": lambda: signed(conn_id="team/conn"),
    "no connection": lambda: signed(conn_id=None),
    "another audience": lambda: signed(aud="https://app.livestorm.co/oauth/token"),
    "another issuer": lambda: signed(iss="somebody"),
    "another subject": lambda: signed(sub="somebody"),
    "no expiry": lambda: signed(exp=None),
    "no id": lambda: signed(jti=None),
    "no time of issue": lambda: signed(iat=None),
    "garbage": lambda: "not.a.jwt",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_proof_is_refused_and_learns_nothing(http: TestClient, lease: Lease, forgery: str) -> None:
    lease.token = TokenSet("the-access-token")
    refused, unknown = ask(http, FORGERIES[forgery]()), ask(http, proof("nobody"), conn_id="nobody")
    assert refused.status_code == unknown.status_code == 401
    assert refused.content == unknown.content
    assert {**refused.headers} == {**unknown.headers}
    assert lease.refused == [], "the lease was not even asked"


def test_the_forgeries_differ_from_a_good_proof_in_one_thing_each(http: TestClient, lease: Lease) -> None:
    lease.token = TokenSet("the-access-token")
    assert ask(http, signed()).status_code == 200


def test_a_proof_works_once(http: TestClient, lease: Lease) -> None:
    lease.token = TokenSet("the-access-token")
    once = proof()
    assert ask(http, once).status_code == 200
    assert ask(http, once).status_code == 401


def test_a_connection_with_a_private_token_has_no_broker(http: TestClient, lease: Lease) -> None:
    """Its secret is the token itself; signing with an empty client id must open nothing."""
    lease.token = TokenSet("the-access-token")
    for client_id in ("", "nobody"):
        assert ask(http, proof("private", client_id=client_id), conn_id="private").status_code == 401


def test_another_assertion_type_is_refused(http: TestClient, lease: Lease) -> None:
    lease.token = TokenSet("the-access-token")
    assert ask(http, proof(), client_assertion_type="urn:something:else").status_code == 401


def test_the_plugin_mounts_it_where_the_client_looks() -> None:
    from airflow_provider_livestorm.plugin import LivestormPlugin  # noqa: PLC0415

    (app,) = LivestormPlugin().fastapi_apps
    assert app["url_prefix"] == "/livestorm"
    (door,) = (route for route in app["app"].routes if route.path == "/connections")
    paths = [route.path for route in door.routes]
    assert paths == ["/{connection_id:path}/access-token", "/{connection_id:path}/usage"]
