"""`connect`: the authorization-code flow without Airflow's own page, for machines without a browser and Airflow 2."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import webbrowser
from argparse import Namespace
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_livestorm.auth.scopes import READ_ONLY
from airflow_provider_livestorm.cli.loopback import is_loopback, listening
from airflow_provider_livestorm.cli.output import Answer, answer_outcome, command, hint
from airflow_provider_livestorm.exceptions import LivestormAuthorizationError, LivestormConfigurationError
from airflow_provider_livestorm.hooks.account import LivestormAccount, Outcome
from airflow_provider_livestorm.hooks.connection import airflow_url, connect_page

__all__ = ["connect"]


@command
def connect(args: Namespace) -> Answer:
    """Send a person to Livestorm, take the code that they come back with, and store the tokens."""
    account = LivestormAccount(args.conn_id)
    redirect_uri = args.redirect_uri or _page_callback(args.conn_id)
    pending, url = account.start_authorization(redirect_uri=redirect_uri, scopes=args.scope or READ_ONLY)

    back = False

    def finish(answer: Mapping[str, str]) -> Outcome:
        nonlocal back
        back = True
        return account.finish_authorization(pending, answer)

    try:
        outcome = _ask(args, redirect_uri, url, pending.state, finish)
    except KeyboardInterrupt:
        hint(f"Whether tokens were stored, `status {args.conn_id}` says." if back else "Nothing was stored.")
        raise
    return answer_outcome(args, args.conn_id, ok=outcome.ok, message=outcome.message, retryable=outcome.retryable)


def _ask(
    args: Namespace, redirect_uri: str, url: str, state: str, finish: Callable[[Mapping[str, str]], Outcome]
) -> Outcome:
    hint(f"The redirect URI {redirect_uri} must be registered with Livestorm beforehand, letter for letter.")
    # At the page's own address an api-server listens, on this machine or another.
    if args.redirect_uri and is_loopback(redirect_uri) and not args.paste:
        with listening(redirect_uri) as listener:
            opened = _open(listener.offer(url)) if not args.no_browser and _has_browser() else None
            hint(f"Agree in the browser{' that was opened' if opened else ''}; or open this yourself:\n\n  {url}\n")
            return listener.wait(state, finish, timeout=args.timeout)
    hint(f"Open this in a browser, and agree there:\n\n  {url}\n")
    hint("Then copy the address that the browser ended at, and paste it here, whatever the page there says.")
    return finish(_pasted())


def _page_callback(conn_id: str) -> str:
    """Of the page in Airflow, which is what people register; it cannot finish what was begun here, and says so."""
    if connect_page(conn_id) is None:
        raise LivestormConfigurationError(
            "Airflow 2 has no page for Livestorm to send people back to: name one of your own by --redirect-uri, such"
            " as http://127.0.0.1:8765/callback, and have Livestorm register it."
        )
    return f"{airflow_url()}/livestorm/callback"


def _has_browser() -> bool:
    """Whether there is one, and it would be seen: else Python may start one that fills the terminal."""
    if sys.platform not in ("darwin", "win32") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _open(url: str) -> subprocess.Popen[bytes]:
    """In a process of its own: some browsers return when they are closed, and we must answer them before that."""
    return subprocess.Popen(  # noqa: S603 - of Python itself, with an address of our own
        [sys.executable, "-m", "webbrowser", url], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _pasted() -> dict[str, str]:
    """What a person pasted, unseen where there is a terminal: it holds a code."""
    prompt = "Address (it is not shown): "
    try:
        text = getpass.getpass(prompt, stream=sys.stderr) if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:  # Ctrl-D
        text = ""
    came = dict(parse_qsl(urlsplit(text.strip()).query or text.strip(), keep_blank_values=True))
    if "state" not in came:
        raise LivestormAuthorizationError(
            "What was pasted is not the address that Livestorm sends people back to: it has a state, and a code or an"
            " error. Nothing was stored. Start again."
        )
    return came
