"""What a client puts in the Authorization header, and how a crowd of its threads shares one token."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_livestorm.auth.credentials import ApiToken, OAuthCredential
from airflow_provider_livestorm.auth.token import TokenSet, fingerprint
from airflow_provider_livestorm.exceptions import LivestormTokenError
from tests.auth.rotation import Clock

CROWD = 50


class Source:
    """Gives a token that lives 100 s, another one each time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[str | None] = []
        self.errors: list[Exception] = []

    def get(self, *, refused: str | None = None) -> TokenSet:
        self.asked.append(refused)
        if self.errors:
            raise self.errors.pop()
        number = len(self.asked)
        return TokenSet(f"access-{number}", self.clock.now + 100, number, 100.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(clock: Clock) -> Source:
    return Source(clock)


@pytest.fixture
def credential(source: Source, clock: Clock) -> OAuthCredential:
    return OAuthCredential(source, clock=clock)


def test_a_private_token_is_sent_bare_and_cannot_be_renewed() -> None:
    token = ApiToken("the-private-token")
    assert token.authorization() == "the-private-token"
    assert token.renew("the-private-token") is False
    assert "the-private-token" not in repr(token)


def test_a_fresh_token_is_kept_and_a_stale_one_is_not(
    credential: OAuthCredential, source: Source, clock: Clock
) -> None:
    assert [credential.authorization() for _ in range(3)] == ["Bearer access-1"] * 3
    clock.now += 89
    assert credential.authorization() == "Bearer access-1"
    clock.now += 1
    assert credential.authorization() == "Bearer access-2"
    assert source.asked == [None, None]


def test_a_refused_token_is_told_to_the_source_by_its_fingerprint(credential: OAuthCredential, source: Source) -> None:
    refused = credential.authorization()
    assert credential.renew(refused) is True
    assert source.asked == [None, fingerprint("access-1")]
    assert credential.authorization() == "Bearer access-2"


def test_a_late_refusal_of_an_older_token_asks_nobody(credential: OAuthCredential, source: Source) -> None:
    refused = credential.authorization()
    for _ in range(3):
        assert credential.renew(refused) is True
    assert credential.authorization() == "Bearer access-2"
    assert len(source.asked) == 2


def test_a_source_that_failed_is_asked_again(credential: OAuthCredential, source: Source) -> None:
    source.errors.append(LivestormTokenError("not now"))
    with pytest.raises(LivestormTokenError):
        credential.authorization()
    refused = credential.authorization()
    source.errors.append(LivestormTokenError("not now"))
    with pytest.raises(LivestormTokenError):
        credential.renew(refused)
    assert credential.renew(refused) is True
    assert source.asked == [None, None, fingerprint("access-2"), fingerprint("access-2")]


def crowd(credential: OAuthCredential, refused: str | None) -> set[str]:
    start = threading.Barrier(CROWD)

    def call(_: int) -> str:
        start.wait(20)
        if refused is not None:
            assert credential.renew(refused)
        return credential.authorization()

    with ThreadPoolExecutor(CROWD) as pool:
        return set(pool.map(call, range(CROWD), timeout=40))


def test_fifty_threads_without_a_token_ask_once(credential: OAuthCredential, source: Source) -> None:
    assert crowd(credential, None) == {"Bearer access-1"}
    assert len(source.asked) == 1


def test_fifty_threads_that_were_refused_at_once_ask_once(credential: OAuthCredential, source: Source) -> None:
    assert crowd(credential, credential.authorization()) == {"Bearer access-2"}
    assert source.asked == [None, fingerprint("access-1")]


def test_neither_the_credential_nor_its_source_shows_the_token(credential: OAuthCredential) -> None:
    token = credential.token()
    assert "access-1" not in repr(credential) + repr(token) + repr(vars(credential))


def test_a_signal_handler_may_ask_while_its_own_thread_is_asking() -> None:
    """Airflow's SIGTERM handler runs `on_kill` on top of whatever the main thread was doing, and that may call, too."""
    done = threading.Event()

    class Source:
        depth = 0

        def get(self, *, refused: str | None = None) -> TokenSet:
            self.depth += 1
            return TokenSet("inner") if self.depth > 1 else TokenSet(credential.token().access_token + ", outer")

    credential = OAuthCredential(Source())

    def work() -> None:
        credential.token()
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(10), "it waits for itself"
