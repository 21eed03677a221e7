"""The commands and their arguments, defined once: for `airflow livestorm ...` and for the console script.

Every `airflow` command imports this, so it imports nothing but Airflow's own description of commands.
"""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import urlsplit

from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ActionCommand, Arg, GroupCommand, lazy_load_command

__all__ = ["EPILOG", "EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_OK", "EXIT_RETRY", "airflow_commands", "parser"]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_RETRY = 75  # EX_TEMPFAIL of sysexits.h
EXIT_INTERRUPTED = 130
EPILOG = (
    "Exit codes: 0 done; 1 failed, or something that a person must see to; 2 wrong command line; 75 failed, and trying"
    " again may help; 130 interrupted."
)
_HELP = "Connect to Livestorm, see how its connections are, and what a sync would take"

_LONGEST_WAIT = 86_400.0  # seconds; an operating system's own longest is not far
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

# Where a command is, if not in commands.py.
_ROOMS = {"connect": "connect", "streams": "sync", "plan": "sync", "find-person": "sync"}

_arg: Any = Arg  # which has no types


def _redirect_uri(text: str) -> str:
    """One that Livestorm may register: https, or http on loopback, so that no code crosses a network in clear text."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no URL: {error}") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if not secure or not host or port == 0 or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is neither https://... nor http://127.0.0.1:PORT/...")
    return text


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0 and up to {_LONGEST_WAIT:.0f}")
    return value


_CONN_ID = _arg(("conn_id",), metavar="CONN_ID", help="id of a connection of type livestorm")
_MAYBE_CONN_ID = _arg(("conn_id",), metavar="CONN_ID", nargs="?", help="id of a connection; all if left out")
_SCOPE = _arg(
    ("--scope",),
    action="append",
    metavar="SCOPE",
    help="what to ask for, such as events:read; may be repeated (default: all that only read)",
)
_REDIRECT_URI = _arg(
    ("--redirect-uri",),
    metavar="URL",
    type=_redirect_uri,
    help="as registered with Livestorm (default: that of the page, <[api] base_url>/livestorm/callback);"
    " http://127.0.0.1:PORT/... is listened on",
)
_PASTE = _arg(("--paste",), action="store_true", help="read the URL that the browser ended at, also for a loopback one")
_NO_BROWSER = _arg(("--no-browser",), action="store_true", help="print the URL, and open no browser")
_TIMEOUT = _arg(("--timeout",), type=_seconds, default=600.0, metavar="SECONDS", help="to wait for the browser (600)")
_DESTINATION = _arg(
    ("destination",), metavar="DESTINATION", help="folder or object storage URL that the sync writes to"
)
_STREAM = _arg(
    ("--stream",), action="append", metavar="STREAM", help="to plan for; may be repeated (default: all that are listed)"
)
_HASH_KEY = _arg(
    ("--hash-key-variable",), required=True, metavar="NAME", help="the Airflow Variable with the key that the sync used"
)
_MODE = _arg(("--mode",), choices=("cursor", "full"), default="cursor", help="of the run (cursor)")
_YES = _arg(("-y", "--yes"), action="store_true", help="do not ask")


def airflow_commands() -> list[GroupCommand]:
    """For Airflow 3, by the provider's metadata."""
    return [GroupCommand(name="livestorm", help=_HELP, epilog=EPILOG, subcommands=_commands())]


def parser() -> argparse.ArgumentParser:
    """For the console script."""
    made = argparse.ArgumentParser(prog="airflow-livestorm", description=_HELP, epilog=EPILOG)
    subparsers = made.add_subparsers(required=True, metavar="COMMAND")
    for command in _commands():
        one = subparsers.add_parser(command.name, help=command.help, description=command.description, epilog=EPILOG)
        for arg in command.args:
            arg.add_to_parser(one)
        one.set_defaults(func=command.func)
    # Taken care of before this parser is made; named here for --help.
    subparsers.add_parser("sandbox", help="Run a local Livestorm to write and try DAGs against", add_help=False)
    return made


def _commands() -> tuple[ActionCommand, ...]:
    return (
        _command(
            "connect",
            "Authorize a connection at Livestorm",
            _CONN_ID, _SCOPE, _REDIRECT_URI, _PASTE, _NO_BROWSER, _TIMEOUT,
            more="Prints a URL at Livestorm, where a person agrees; then stores the tokens in the connection.",
        ),
        _command("status", "Say how connections are, asking Livestorm nothing", _MAYBE_CONN_ID),
        _command("test", "Call Livestorm once, and say as whom a connection is known", _CONN_ID),
        _command("refresh", "Refresh the access token of a connection now", _CONN_ID),
        _command("disconnect", "Remove the tokens of a connection, and revoke them where possible", _CONN_ID, _YES),
        _command("quota", "Say what is left of the month's calls, and how many this Airflow made", _MAYBE_CONN_ID),
        _command("streams", "Say which streams there are, with their keys, cursors and calls"),
        _command(
            "plan",
            "Say how many calls a sync would take now, and why",
            _CONN_ID, _DESTINATION, _STREAM, _MODE,
            more="Reads the events and sessions, looks at what the destination holds, and writes nothing.",
        ),
        _command(
            "find-person",
            "Say in which files of a sync somebody is, by the hash of their address",
            _DESTINATION, _HASH_KEY,
            more="Reads an e-mail address from standard input, and names the files and the rows in them, from 0.",
        ),
    )  # fmt: skip


def _command(name: str, about: str, *args: Any, more: str | None = None) -> ActionCommand:
    return ActionCommand(
        name=name,
        help=about,
        description=more or f"{about}.",
        epilog=EPILOG,
        func=lazy_load_command(
            f"airflow_provider_livestorm.cli.{_ROOMS.get(name, 'commands')}.{name.replace('-', '_')}"
        ),
        args=(*args, ARG_OUTPUT, ARG_VERBOSE),
    )
