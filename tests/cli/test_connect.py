"""`connect`: by listening on loopback, and by pasting; what it refuses, and what it never shows."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

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
    first = requests.get(f"{root}/start", timeout=30, allow_redirects=False)
    assert (first.status_code, first.headers["Location"]) == (302, url)
    assert requests.get(f"{root}/start", timeout=30).status_code == 404, "once"
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
    rest = shell.begin("connect", "conn", "--scope", "events:read", "--no-browser", typed="")
    done = shell.end(rest)
    assert done.code == 1
    assert "What was pasted is not the address" in done.err
    assert f"{shell.airflow.url}/livestorm/callback must be registered" in done.err

    pasted = Pasted(shell, whole)
    done = pasted.done
    assert done.code == 0, done
    assert done.out.startswith("Connected as ")
    assert pasted.code not in done.out + done.err


class Pasted:
    """A person who opens the URL, agrees, and pastes: the command reads what is typed after it has said the URL."""

    def __init__(self, shell: Shell, whole: bool) -> None:
        script = _PASTE.format(argv=["connect", "conn"])
        answer = json.loads(json.dumps(shell.airflow.python(script, {"whole": whole})))
        from tests.cli.conftest import Done  # noqa: PLC0415 - beside its one use

        self.code = answer.pop("pasted_code")
        self.done = Done(**answer)


_PASTE = """
import contextlib, io, json, sys
from urllib.parse import parse_qsl, urlsplit
import requests
from airflow_provider_livestorm.cli import main
whole = json.load(sys.stdin)["whole"]
out, err = io.StringIO(), io.StringIO()
class Typing:
    code = ""
    def isatty(self): return False
    def readline(self):
        (url,) = (word for word in err.getvalue().split() if "/oauth/authorize?" in word)
        asked = dict(parse_qsl(urlsplit(url).query)) | {{"decision": "authorize"}}
        answer = requests.post(url.partition("?")[0], data=asked, allow_redirects=False, timeout=30)
        back = answer.headers["Location"]
        Typing.code = dict(parse_qsl(urlsplit(back).query))["code"]
        return (back if whole else back.partition("?")[2]) + "\\n"
sys.stdin = Typing()
with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    code = main({argv})
print(json.dumps({{"code": code, "out": out.getvalue(), "err": err.getvalue(), "pasted_code": Typing.code}}))
"""


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
