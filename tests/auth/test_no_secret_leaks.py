"""No secret in a message, a repr, a log record, or anything that a traceback would print."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import pytest
import requests
import requests_mock

from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.oauth import TOKEN_URL, OAuthClient
from airflow_provider_livestorm.auth.stores import Snapshot
from airflow_provider_livestorm.auth.stores.broker import BrokerClient
from airflow_provider_livestorm.exceptions import LivestormError, LivestormTokenError
from airflow_provider_livestorm.hooks.connection import ConnectionSettings
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.auth.rotation import Clock, MemoryStore

SECRETS = (
    "the-client-secret-of-forty-characters-or-so",
    "the-old-refresh",
    "the-new-refresh",
    "the-new-access",
    "the-old-access",
    "the-code",
)
SECRET, OLD, REFRESH, ACCESS, OLD_ACCESS, CODE = SECRETS
PAIR = {"access_token": ACCESS, "refresh_token": REFRESH, "token_type": "Bearer", "expires_in": 60}
BROKER = "http://airflow.example/livestorm/connections/conn/access-token"


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def chain(error: BaseException | None, known: tuple[BaseException, ...] = ()) -> Iterator[BaseException]:
    """An error and all it came of: what a traceback prints, and also what `from None` keeps from it."""
    if error is None or error in known:
        return
    yield error
    yield from chain(error.__cause__, (*known, error))
    yield from chain(error.__context__, (*known, error))


def shown(error: BaseException) -> str:
    parts = ["".join(traceback.format_exception(error))]
    parts += [f"{one} {one!r} {one.args} {getattr(one, '__notes__', '')}" for one in chain(error)]
    return "\n".join(parts)


def assert_silent(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []


def oauth(clock: Clock | None = None) -> OAuthClient:
    clock = clock or Clock()
    return OAuthClient("client", SECRET, sleep=clock.sleep, monotonic=clock)


def a_lease(store: MemoryStore) -> TokenLease:
    clock = Clock()
    return TokenLease("conn", store, oauth(clock), mask=lambda _: None, clock=clock, sleep=clock.sleep)


def a_store() -> MemoryStore:
    return MemoryStore({"refresh_token": OLD, "access_token": OLD_ACCESS, "expires_at": 1})


CALLS: dict[str, Callable[[], object]] = {
    "refresh": lambda: oauth().refresh(OLD, within=30),
    "exchange": lambda: oauth().exchange(CODE, redirect_uri="https://a.example/"),
    "lease": lambda: a_lease(a_store()).get(),
}


def echoing(error: str) -> Callable[[Any, Any], dict[str, str]]:
    """An OAuth error whose words are what was sent and granted; where they are cut, a part of a secret could stay."""

    def document(request: Any, _: Any) -> dict[str, str]:
        sent = "\r\n".join(value for _, value in parse_qsl(request.text))
        words = f"{'long ' * 55}{sent} {ACCESS}, {REFRESH}; {request.text}"
        return {
            "error": error or words, "error_description": words, "access_token": ACCESS, "refresh_token": REFRESH,
        }  # fmt: skip

    return document


ANSWERS: list[Any] = [
    {"status_code": 400, "json": {"error": "invalid_grant", "error_description": "revoked"}},
    {"status_code": 401, "json": {"error": "invalid_client"}},
    {"status_code": 400, "json": {"error": "invalid_scope"}},
    *(
        pytest.param({"status_code": status, "json": echoing(error)}, id=f"echo with {status}")
        for status, error in ((400, "invalid_grant"), (401, "invalid_client"), (403, ""))
    ),
    pytest.param({"status_code": 400, "json": {"error": {"message": ACCESS}}}, id="echo in an object"),
    {"status_code": 500, "text": f"<html>{ACCESS}"},
    {"status_code": 429, "text": REFRESH},
    {"status_code": 200, "text": f"{{'access_token': '{ACCESS}'"},
    {"status_code": 200, "json": [ACCESS]},
    {"status_code": 307, "headers": {"Location": f"https://evil.example/{REFRESH}"}},
    {"exc": requests.exceptions.ReadTimeout},
    {"exc": requests.exceptions.SSLError},
]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
@pytest.mark.parametrize("call", CALLS)
def test_a_failure_at_the_token_endpoint_shows_no_secret(
    wire: requests_mock.Mocker, records: pytest.LogCaptureFixture, call: str, answer: dict[str, Any]
) -> None:
    wire.post(TOKEN_URL, [answer])
    with pytest.raises(LivestormError) as caught:
        CALLS[call]()
    assert "the-" not in str(caught.value), "not even the beginning of one"
    assert_silent(shown(caught.value))
    assert_silent(records.text)


@pytest.mark.parametrize("written", [lambda text: text, quote, quote_plus])
@pytest.mark.parametrize("status", [400, 403])
def test_what_the_server_echoes_is_starred_out_of_what_is_told_and_kept(
    wire: requests_mock.Mocker, status: int, written: Callable[[str], str]
) -> None:
    """The row's description is shown to nobody; but it is what each task, and the api-server's log, is told."""
    token, secret = "a refresh/token+of it", "a secret & more"
    words = f"no {written(token)} of {written(secret)},\n {ACCESS}"
    error = {"error": "invalid_grant", "error_description": words} if status == 400 else {"error": words}
    wire.post(TOKEN_URL, status_code=status, json=error | {"access_token": ACCESS})
    clock, store = Clock(), MemoryStore({"refresh_token": token})
    client = OAuthClient("client", secret, sleep=clock.sleep, monotonic=clock)
    with pytest.raises(LivestormError, match=r"no \*{3} of \*{3}, \*{3}"):
        TokenLease("conn", store, client, mask=lambda _: None, clock=clock, sleep=clock.sleep).get()
    assert store.record.refusal is not None
    assert "no *** of ***, ***" in store.record.refusal.description


def test_a_store_that_stays_down_after_a_redemption_shows_no_secret(
    wire: requests_mock.Mocker, records: pytest.LogCaptureFixture
) -> None:
    class Down(MemoryStore):
        def compare_and_swap(self, seen: Snapshot, extra: dict[str, Any]) -> Snapshot | None:
            if self.revision:
                raise LivestormTokenError("the database is down")
            return super().compare_and_swap(seen, extra)

    wire.post(TOKEN_URL, json=PAIR)
    with pytest.raises(LivestormTokenError, match="is down") as caught:
        a_lease(Down({"refresh_token": OLD})).get()
    assert "could not be stored yet" in records.text
    assert_silent(shown(caught.value) + records.text)


def test_a_refresh_that_works_shows_no_secret(wire: requests_mock.Mocker, records: pytest.LogCaptureFixture) -> None:
    wire.post(TOKEN_URL, json=PAIR)
    store = a_store()
    lease = a_lease(store)
    token = lease.get()
    assert token.access_token == ACCESS
    assert "refreshed, generation 1" in records.text
    assert_silent(records.text + repr((lease, token, store.record, store.read(), oauth())))


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 200, "text": f"<html>{ACCESS}"},
        {"status_code": 200, "json": {"access_token": ACCESS}},
        {"status_code": 401, "json": {"error": "unauthorized", "message": "no"}},
        {"status_code": 404, "text": REFRESH},
        {"status_code": 503, "text": REFRESH},
        {"exc": requests.exceptions.ConnectionError},
    ],
    ids=str,
)
def test_the_broker_client_shows_no_secret(
    wire: requests_mock.Mocker, records: pytest.LogCaptureFixture, answer: dict[str, Any]
) -> None:
    clock = Clock()
    client = BrokerClient(
        "conn", client_id="client", client_secret=SECRET, url="http://airflow.example",
        mask=lambda _: None, clock=clock, sleep=clock.sleep,
    )  # fmt: skip
    wire.post(BROKER, [answer])
    with pytest.raises(LivestormError) as caught:
        client.get(refused="a-fingerprint")
    proofs = [request.json()["client_assertion"] for request in wire.request_history]
    assert_silent(shown(caught.value) + records.text + repr(client) + "".join(proofs))
    assert not any(proof in shown(caught.value) + records.text for proof in proofs)


def test_settings_show_no_secret() -> None:
    settings = ConnectionSettings("conn", "client", SECRET, extra={"refresh_token": OLD, "access_token": OLD_ACCESS})
    assert_silent(f"{settings} {settings!r} {settings.oauth()!r}")


def test_the_libraries_below_log_no_secret_at_debug(sandbox: SandboxProcess, records: pytest.LogCaptureFixture) -> None:
    """Over a real socket, so that urllib3 logs as it does."""
    grant = sandbox.grant()
    client = OAuthClient(grant["client_id"], grant["client_secret"], sandbox.token_url)
    pair = client.refresh(grant["refresh_token"], within=30)
    sandbox.configure(extra_routes="present")
    client.revoke(pair.refresh_token or "")
    assert "/oauth/token" in records.text, "urllib3 was heard"
    for secret in (grant["client_secret"], grant["refresh_token"], pair.access_token, pair.refresh_token):
        assert secret not in records.text
