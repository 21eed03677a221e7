"""`connect`: by listening on loopback, and by pasting; what it refuses, and what it never shows."""

from __future__ import annotations

import io
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from airflow_provider_livestorm.cli import main
from airflow_provider_livestorm.cli.connect import _pasted
from airflow_provider_livestorm.exceptions import LivestormAuthorizationError
from airflow_provider_livestorm.hooks.account import LivestormAccount
from tests.cli.conftest import Shell, agree


def code_of(url: str) -> str:
    return dict(parse_qsl(urlsplit(url).query))["code"]


def test_it_listens_and_says_success_in_the_browser_after_the_tokens_are_stored(shell: Shell) -> None:
    url, rest = shell.run_until_url("connect", "conn", "--redirect-uri", shell.callback, "--output", "json")
    back = agree(url)
    page = requests.get(back, timeout=30)
    assert page.status_code == 200
    assert "Connected as" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    done = shell.end(rest)
    assert done.code == 0, done
    assert done.json["ok"] is True
    assert done.json["message"].startswith("Connected as ")
    assert f"The redirect URI {shell.callback} must be registered" in done.err
    status = shell.run("status", "conn", "--output", "json").json[0]
    assert (status["state"], status["scopes"]) == (
        "connected", ["identity:read", "events:read", "admin:read", "webhooks:read"],
    )  # fmt: skip
    assert code_of(back) not in done.out + done.err


def test_stray_requests_and_wrong_states_do_not_end_it(shell: Shell) -> None:
    url, rest = shell.run_until_url("connect", "conn", "--redirect-uri", shell.callback)
    root = shell.callback.removesuffix("/callback")
    back = agree(url)
    forged = f"{shell.callback}?code={code_of(back)}&state=forged"
    assert requests.get(f"{root}/favicon.ico", timeout=30).status_code == 404
    assert requests.get(shell.callback, timeout=30).status_code == 404
    assert requests.get(forged, timeout=30).status_code == 400
    rebound = requests.get(back, headers={"Host": "rebound.example"}, timeout=30)
    assert (rebound.status_code, code_of(back) in rebound.text) == (403, False)
    assert requests.get(f"{root}/start", timeout=30).status_code == 404, "no browser was opened"
    assert requests.get(back, timeout=30).status_code == 200
    assert shell.end(rest).code == 0


def test_a_denial_is_1_and_said_in_the_browser_too(shell: Shell) -> None:
    url, rest = shell.run_until_url("connect", "conn", "--redirect-uri", shell.callback)
    page = requests.get(agree(url, "deny"), timeout=30)
    assert page.status_code == 400
    assert "access was denied at Livestorm" in page.text
    done = shell.end(rest)
    assert done.code == 1
    assert "access was denied at Livestorm" in done.err
    assert done.out == ""


def test_who_never_comes_back_is_waited_for_so_long_and_no_longer(shell: Shell) -> None:
    done = shell.run("connect", "conn", "--redirect-uri", shell.callback, "--timeout", "0.05")
    assert done.code == 1
    assert "Nobody came back from Livestorm" in done.err


@pytest.mark.parametrize("whole", [True, False])
def test_the_address_that_the_browser_ended_at_may_be_pasted(shell: Shell, whole: bool) -> None:
    """By default Livestorm sends people to the page of the api-server, which cannot finish what was begun here."""
    url, rest = shell.run_until_url("connect", "conn", "--scope", "events:read", "--scope", "identity:read")
    back = agree(url)
    assert back.startswith(f"{shell.airflow.url}/livestorm/callback?")
    shell.type(back if whole else back.partition("?")[2])
    done = shell.end(rest)
    assert done.code == 0, done
    assert done.out.startswith("Connected as ")
    assert f"{shell.airflow.url}/livestorm/callback must be registered" in done.err
    assert code_of(back) not in done.out + done.err
    assert shell.run("status", "conn", "--output", "json").json[0]["scopes"] == ["identity:read", "events:read"]


def test_what_is_no_such_address_stores_nothing(shell: Shell) -> None:
    done = shell.run("connect", "conn", "--paste", "--redirect-uri", shell.callback, typed="https://example.com/\n")
    assert done.code == 1
    assert "What was pasted is not the address" in done.err


def test_a_pasted_answer_to_another_request_stores_nothing(shell: Shell) -> None:
    before = shell.run("status", "conn", "--output", "json").json
    url, rest = shell.run_until_url("connect", "conn", "--paste", "--redirect-uri", shell.callback)
    shell.type(f"{shell.callback}?code={code_of(agree(url))}&state=another")
    done = shell.end(rest)
    assert done.code == 1
    assert "its state is another" in done.err
    assert shell.run("status", "conn", "--output", "json").json == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), "There is no connection 'nobody'"),
        (("by_token",), "has no login, so no OAuth application"),
        (("conn", "--scope", "polls:read"), "There is no scope 'polls:read'"),
    ],
)
def test_what_cannot_be_connected_is_said(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    done = shell.run("connect", *arguments)
    assert done.code == 1
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_port_that_is_taken_is_said(shell: Shell) -> None:
    taken = f"{shell.sandbox.url}/callback"
    done = shell.run("connect", "conn", "--redirect-uri", taken)
    assert done.code == 1
    assert f"Cannot listen at {taken}" in done.err


@pytest.mark.parametrize("arguments", [(), ("--redirect-uri", "callback")])
def test_ctrl_c_is_130_and_stores_nothing(shell: Shell, arguments: tuple[str, ...]) -> None:
    before = shell.run("status", "conn", "--output", "json").json
    _, rest = shell.run_until_url(
        "connect", "conn", *(shell.callback if one == "callback" else one for one in arguments)
    )
    shell.interrupt()
    done = shell.end(rest)
    assert (done.code, done.out) == (130, "")
    assert done.err.endswith("Nothing was stored.\nInterrupted.\n")
    assert shell.run("status", "conn", "--output", "json").json == before


def test_ctrl_c_while_tokens_are_being_stored_does_not_say_that_none_were(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    account = LivestormAccount("conn")
    monkeypatch.setattr(account, "start_authorization", lambda **_: (SimpleNamespace(state="s"), "https://livestorm"))
    monkeypatch.setattr(account, "finish_authorization", interrupted)
    monkeypatch.setattr("airflow_provider_livestorm.cli.connect.LivestormAccount", lambda _: account)
    monkeypatch.setattr("sys.stdin", io.StringIO("https://example.com/?state=s&code=c\n"))
    assert main(["connect", "conn", "--redirect-uri", "https://example.com/"]) == 130
    said = capsys.readouterr().err
    assert said.endswith("Whether tokens were stored, `status conn` says.\nInterrupted.\n")
    assert "Nothing was stored" not in said


def test_ctrl_d_in_place_of_an_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object, **__: object) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", ended)
    with pytest.raises(LivestormAuthorizationError, match="What was pasted is not the address"):
        _pasted()
