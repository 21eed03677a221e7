"""A call of the token endpoint ends, whatever the other end does with its bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests

from airflow_provider_livestorm.auth import oauth
from airflow_provider_livestorm.auth.deadline import limit_call
from airflow_provider_livestorm.auth.oauth import OAuthClient
from airflow_provider_livestorm.exceptions import LivestormTokenError
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.auth.sick_server import serving


@pytest.fixture
def client(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuthClient]:
    monkeypatch.setattr(oauth, "TIMEOUT", (0.2, 0.3))
    grant = sandbox.credentials()
    yield OAuthClient(grant["client_id"], grant["client_secret"], sandbox.token_url)
    sandbox.clear_faults()


def test_an_answer_that_drips_is_cut(sandbox: SandboxProcess, client: OAuthClient) -> None:
    """No two of its bytes are as far apart as the time-out between two bytes."""
    sandbox.add_fault(path_prefix="/oauth/token", body="drip", delay=20)
    begun = time.monotonic()
    with pytest.raises(LivestormTokenError, match="no complete answer"):
        client.refresh(sandbox.grant()["refresh_token"], within=0.6)
    assert time.monotonic() - begun < 5


def test_a_prompt_answer_is_not(sandbox: SandboxProcess, client: OAuthClient) -> None:
    assert client.refresh(sandbox.grant()["refresh_token"], within=0.6).access_token


def call_late(web: requests.Session, url: str) -> None:
    with limit_call(web, 0.001):
        time.sleep(0.05)
        web.get(url, timeout=5)


def test_a_call_that_is_not_begun_in_time_is_cut_as_well(sandbox: SandboxProcess) -> None:
    with requests.Session() as web, pytest.raises(requests.exceptions.RequestException):
        call_late(web, f"{sandbox.api_url}/ping")


def test_the_timer_does_not_outlive_the_call(sandbox: SandboxProcess) -> None:
    with requests.Session() as web:
        with limit_call(web, 0.2):
            assert web.get(f"{sandbox.api_url}/ping", timeout=5).status_code == 401
        time.sleep(0.3)
        assert web.get(f"{sandbox.api_url}/ping", timeout=5).status_code == 401


def test_a_session_that_was_cut_can_call_again_and_one_that_was_not_keeps_its_connection(
    sandbox: SandboxProcess,
) -> None:
    def opened() -> int:
        return int(sandbox.status()["counters"]["connections_opened"])

    with requests.Session() as web:
        for number in (1, 2, 3):
            before = opened()
            with limit_call(web, 5):
                assert web.get(f"{sandbox.api_url}/ping", timeout=5).status_code == 401
            assert opened() - before == (number == 1)
        with pytest.raises(requests.exceptions.RequestException):
            call_late(web, f"{sandbox.api_url}/ping")
        with limit_call(web, 5):
            assert web.get(f"{sandbox.api_url}/ping", timeout=5).status_code == 401


def test_an_answer_without_a_length_is_not_taken_for_complete_where_it_was_cut() -> None:
    """It ends where the connection does, and so does one that is cut."""
    with (
        serving(lambda talk: (talk.say(b"HTTP/1.1 200 OK\r\n\r\n{"), talk.wait())) as server,
        requests.Session() as web,
        pytest.raises(requests.exceptions.ReadTimeout),
        limit_call(web, 0.2),
    ):
        web.get(server.url, timeout=5)


@pytest.mark.parametrize("way", ["a TLS handshake", "a proxy's tunnel"])
def test_what_comes_between_connecting_and_asking_is_cut_as_well(way: str) -> None:
    """Its time-out, too, starts anew with each byte."""
    begun = time.monotonic()
    with serving(lambda talk: talk.wait()) as server, requests.Session() as web:
        if way == "a proxy's tunnel":
            web.proxies = {"https": server.url}
            url = "https://livestorm.example/"
        else:
            url = server.url.replace("http:", "https:")
        with pytest.raises(requests.exceptions.RequestException), limit_call(web, 0.2):
            web.get(url, timeout=5)
        assert time.monotonic() - begun < 3
