"""`connect`: the authorization-code flow without Airflow's own page, for machines without a browser and Airflow 2."""

from __future__ import annotations

import getpass
import os
import sys
import webbrowser
from argparse import Namespace
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_livestorm.auth.scopes import READ_ONLY
from airflow_provider_livestorm.cli.loopback import is_loopback, listening
from airflow_provider_livestorm.cli.output import command, hint, print_outcome
from airflow_provider_livestorm.exceptions import LivestormAuthorizationError, LivestormConfigurationError
from airflow_provider_livestorm.hooks.account import LivestormAccount, Outcome
from airflow_provider_livestorm.hooks.connection import airflow_url, connect_page

__all__ = ["connect"]


@command
def connect(args: Namespace) -> int:
    """Send a person to Livestorm, take the code that they come back with, and store the tokens."""
    account = LivestormAccount(args.conn_id)
    redirect_uri = args.redirect_uri or _page_callback(args.conn_id)
    pending, url = account.start_authorization(redirect_uri=redirect_uri, scopes=args.scope or READ_ONLY)

    def finish(answer: Mapping[str, str]) -> Outcome:
        return account.finish_authorization(pending, answer)

    hint(f"The redirect URI {redirect_uri} must be registered with Livestorm beforehand, letter for letter.")
    # At the page's own address an api-server listens, on this machine or another.
    if args.redirect_uri and is_loopback(redirect_uri) and not args.paste:
        with listening(redirect_uri) as listener:
            opened = not args.no_browser and _has_screen() and webbrowser.open(listener.start_url)
            hint(f"Agree in the browser{' that was opened' if opened else ''}; or open this yourself:\n\n  {url}\n")
            outcome = listener.wait(url, pending.state, finish, timeout=args.timeout)
    else:
        hint(f"Open this in a browser, and agree there:\n\n  {url}\n")
        hint("Then copy the address that the browser ended at, and paste it here, whatever the page there says.")
        outcome = finish(_pasted())
    return print_outcome(args, args.conn_id, ok=outcome.ok, message=outcome.message, retryable=outcome.retryable)


def _page_callback(conn_id: str) -> str:
    """Of the page in Airflow, which is what people register; it cannot finish what was begun here, and says so."""
    if connect_page(conn_id) is None:
        raise LivestormConfigurationError(
            "Airflow 2 has no page for Livestorm to send people back to: name one of your own by --redirect-uri, such"
            " as http://127.0.0.1:8765/callback, and have Livestorm register it."
        )
    return f"{airflow_url()}/livestorm/callback"


def _has_screen() -> bool:
    """Whether a browser would be seen: else Python may start one that fills the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _pasted() -> dict[str, str]:
    """What a person pasted, unseen where there is a terminal: it holds a code."""
    prompt = "Address (it is not shown): "
    text = getpass.getpass(prompt, stream=sys.stderr) if sys.stdin.isatty() else sys.stdin.readline()
    came = dict(parse_qsl(urlsplit(text.strip()).query or text.strip(), keep_blank_values=True))
    if "state" not in came:
        raise LivestormAuthorizationError(
            "What was pasted is not the address that Livestorm sends people back to: it has a state, and a code or an"
            " error. Nothing was stored. Start again."
        )
    return came
