"""The listener by itself: whom it sends on, when it gives up, and that no failure is lost in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from airflow_provider_livestorm.cli import connect
from airflow_provider_livestorm.cli.loopback import Loopback, listening
from airflow_provider_livestorm.exceptions import LivestormAuthorizationError
from airflow_provider_livestorm.hooks.account import Outcome
from scripts.local_airflow import free_port

AT_LIVESTORM = "https://app.livestorm.example/oauth/authorize?state=the-state"


@pytest.fixture
def uri() -> str:
    return f"http://127.0.0.1:{free_port()}/start"  # the path that it sends browsers on from, at worst


@pytest.fixture
def listener(uri: str) -> Iterator[Loopback]:
    with listening(uri) as listener:
        yield listener


@pytest.fixture
def browser() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as browser:
        yield browser


def connected(_: Mapping[str, str]) -> Outcome:
    return Outcome(ok=True, message="Connected as <b>Ada</b>.")


def get(browser: ThreadPoolExecutor, url: str) -> Future[requests.Response]:
    return browser.submit(requests.get, url, timeout=30, allow_redirects=False)


def test_a_browser_is_sent_on_once_and_comes_back_to_the_same_path(
    listener: Loopback, uri: str, browser: ThreadPoolExecutor
) -> None:
    start = listener.offer(AT_LIVESTORM)
    assert "state" not in start, "it is in the browser's command line"
    asked = [get(browser, url) for url in (start, start, f"{uri}?state=the-state&code=c")]
    assert listener.wait("the-state", connected, timeout=30).ok
    sent, again, back = (one.result() for one in asked)
    assert (sent.status_code, sent.headers["Location"]) == (302, AT_LIVESTORM)
    assert again.status_code == 404
    assert "Connected as &lt;b&gt;Ada" in back.text
    assert (back.headers["Referrer-Policy"], back.headers["Cache-Control"]) == ("no-referrer", "no-store")


def test_where_no_browser_was_opened_nobody_learns_the_state(
    listener: Loopback, uri: str, browser: ThreadPoolExecutor
) -> None:
    asked, _ = get(browser, uri), get(browser, f"{uri}?state=the-state&code=c")
    listener.wait("the-state", connected, timeout=30)
    assert asked.result().status_code == 404


def test_what_goes_wrong_in_an_unforeseen_way_ends_it_at_once(
    listener: Loopback, uri: str, browser: ThreadPoolExecutor
) -> None:
    def broken(_: Mapping[str, str]) -> Outcome:
        raise RuntimeError("secret words")

    asked = get(browser, f"{uri}?state=the-state&code=c")
    with pytest.raises(RuntimeError, match="secret words"):
        listener.wait("the-state", broken, timeout=30)
    page = asked.result()
    assert (page.status_code, "secret words" in page.text) == (500, False)


def test_who_asks_for_other_things_does_not_lengthen_the_wait(
    listener: Loopback, uri: str, browser: ThreadPoolExecutor
) -> None:
    asked = get(browser, uri.replace("/start", "/favicon.ico"))
    moments = iter([0.0, 599.0, 600.0])
    with pytest.raises(LivestormAuthorizationError, match="in 600 s; nothing was stored"):
        listener.wait("the-state", connected, timeout=600.0, monotonic=lambda: next(moments))
    assert asked.result().status_code == 404


def test_a_browser_that_returns_when_it_is_closed_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is one that waits for a file, and then writes another, and says so on its standard output."""
    go, gone = tmp_path / "go", tmp_path / "gone"
    os.mkfifo(go)
    os.mkfifo(gone)
    monkeypatch.setenv("BROWSER", f"sh -c 'echo opened; cat {go}; echo $0 > {gone}' %s")
    monkeypatch.setenv("DISPLAY", ":0")
    assert connect._has_browser()
    child = connect._open("http://127.0.0.1:1/start")
    go.write_text("")  # were it waited for, nobody would come to here
    assert gone.read_text() == "http://127.0.0.1:1/start\n"
    assert child.wait(30) == 0
    assert capfd.readouterr().out == ""


def test_no_browser_is_looked_for_where_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("BROWSER", "true %s")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not connect._has_browser()
