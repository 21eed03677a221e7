"""`airflow-livestorm sandbox`: run a sandbox until Ctrl-C."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import signal
import socket
import sys
import threading
from urllib.parse import urlsplit

from airflow_provider_livestorm.sandbox.settings import Settings

__all__ = ["run"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(argv: list[str]) -> int:
    """Run the command; returns the exit code: 0, or 2 where it could not start."""
    for module in ("starlette", "uvicorn"):
        if importlib.util.find_spec(module) is None:
            return _refuse(f"{module} is missing: pip install 'airflow-provider-livestorm[sandbox]'")
    from airflow_provider_livestorm.sandbox.generate import EPOCH, PRESETS  # noqa: PLC0415 - as above
    from airflow_provider_livestorm.sandbox.server import listen  # noqa: PLC0415 - needs what is optional

    options = _parser(list(PRESETS), EPOCH).parse_args(argv)
    settings = Settings()
    try:
        settings.change({name: value for name, value in vars(options).items() if name in vars(settings)})
    except ValueError as error:
        return _refuse(str(error))
    if options.host not in _LOOPBACK:
        print(f"Warning: on {options.host} anyone who reaches this machine can use and control it.", file=sys.stderr)
    try:
        listener = listen(options.host, options.port)
    except (OSError, OverflowError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        return _refuse(f"cannot listen on {options.host}:{options.port}: {reason}")
    with listener:
        return _serve(listener, options, settings)


def _serve(listener: socket.socket, options: argparse.Namespace, settings: Settings) -> int:
    from airflow_provider_livestorm.sandbox.app import REDIRECT_URIS, create_app  # noqa: PLC0415 - needs what is optional
    from airflow_provider_livestorm.sandbox.connections import Connections  # noqa: PLC0415 - as above
    from airflow_provider_livestorm.sandbox.same_site import names_of  # noqa: PLC0415 - as above
    from airflow_provider_livestorm.sandbox.server import serve  # noqa: PLC0415 - as above

    address, port = listener.getsockname()[:2]
    connections = Connections()
    app = create_app(
        preset=options.preset, seed=options.seed, epoch=options.epoch, settings=settings, connections=connections,
        redirect_uris=tuple(options.redirect_uri or REDIRECT_URIS), names=names_of(options.host, address),
    )  # fmt: skip
    gc.freeze()  # the workspace stays: nobody need look through it for garbage
    if options.exit_with_parent:
        _exit_with_parent()
    host = f"[{options.host}]" if ":" in options.host else options.host
    serve(app, listener, connections, lambda: _say_ready(f"http://{host}:{port}", options))
    return 0


def _parser(presets: list[str], epoch: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="airflow-livestorm sandbox", description="Run a local Livestorm.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes any free one (default: 8765)")
    parser.add_argument("--preset", choices=presets, default="small", help="size of the workspace (default: small)")
    parser.add_argument("--seed", type=int, default=1, help="of the data; the same seed gives the same workspace")
    parser.add_argument(
        "--redirect-uri", action="append", type=_redirect_uri, metavar="URL",
        help="that the OAuth application registers: https, or http on loopback; may be repeated",
    )  # fmt: skip
    parser.add_argument("--epoch", type=int, default=epoch, help="its time at the start, unix seconds")
    for setting in Settings().described():
        flag, default, choices = f"--{setting['name'].replace('_', '-')}", setting["value"], setting["choices"]
        if choices is None:
            parser.add_argument(flag, type=int, default=default, metavar="N", help=f"{setting['about']} ({default})")
        else:
            parser.add_argument(flag, type=type(default), choices=choices, default=default, help=setting["about"])
    parser.add_argument("--ready-json", action="store_true", help="say the address as a line of JSON, for programs")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input does")
    return parser


def _redirect_uri(text: str) -> str:
    """Livestorm registers https alone (api.md 1.2), Doorkeeper no fragment; a local Airflow has http on loopback."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port  # the port is read for its error
    except ValueError:
        host = None
    if not host or "#" in text or not (url.scheme == "https" or (url.scheme == "http" and host in _LOOPBACK)):
        raise argparse.ArgumentTypeError(f"{text!r} is not https, or http on loopback, without a fragment")
    return text


def _say_ready(url: str, options: argparse.Namespace) -> None:
    if options.ready_json:
        print(json.dumps({"url": url}), flush=True)
        return
    print(
        f"Livestorm sandbox, preset {options.preset}, seed {options.seed}\n"
        f"  page         {url}/_sandbox/\n"
        f"  API          {url}/v1\n"
        f"  token URL    {url}/oauth/token\n"
        f"  authorize    {url}/oauth/authorize\n"
        f"  credentials  curl {url}/_sandbox/credentials\n"
        f"  a grant      curl -X POST {url}/_sandbox/grants\n"
        f"  counters     curl {url}/_sandbox/status\n"
        "Ctrl-C stops it.",
        flush=True,
    )


def _exit_with_parent() -> None:
    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _refuse(reason: str) -> int:
    print(f"airflow-livestorm sandbox: {reason}", file=sys.stderr)
    return 2
