"""A stand-in for the api-server, for the looks of the Livestorm page alone: the page's files, and what a test answers.

It serves them as the api-server does, behind a path prefix and with the same Content-Security-Policy, by themselves and
in a frame with the sandbox of Airflow's UI. Used by test_page_*.py.
"""

from __future__ import annotations

import contextlib
import copy
import http.server
import json
import pathlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import airflow_provider_livestorm.plugin

__all__ = ["CALLS", "NOW", "PREFIX", "PageServer", "connection", "serving", "untold"]

ASSETS = pathlib.Path(airflow_provider_livestorm.plugin.__file__).parent / "assets"
PREFIX = "/team/airflow"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
# Of Airflow 3.3's UI (`r2t` in its bundle): no window may be opened, and none but the frame's own moved.
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-downloads"
# Once the frame has loaded, the UI puts its address into its own, which drops the query it was opened with.
FRAME = """<!doctype html><html lang=en class="{theme}"><link rel=icon href=data:,><title>Airflow</title>
<body style="margin:0"><iframe title=Livestorm src="{prefix}/livestorm/" sandbox="{sandbox}"
style="border:0;width:100%;height:100vh;display:block"></iframe><script>
const frame = document.querySelector("iframe");
frame.onload = () =>
  history.replaceState(null, "", "{prefix}/plugin/livestorm" + frame.contentWindow.location.pathname);
</script>"""
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
NOW = 1_795_525_200.0  # 2026-11-24 13:00 UTC
DAYS = [f"2026-10-{day}" for day in range(26, 32)] + [f"2026-11-{day:02}" for day in range(1, 25)]
CALLS = [3, 18, 41, 22, 57, 12, 0, 0, 35, 61, 44, 28, 90, 17, 4, 33, 52, 47, 66, 203]
CALLS += [12, 0, 31, 58, 72, 49, 38, 20, 9, 26]
SCOPES = [
    ("identity:read", "who you are, and the workspace's name", False),
    ("events:read", "events and sessions, with their registrants", False),
    ("admin:read", "webhooks and the people of the team", False),
    ("events:write", "create and change events and sessions", True),
    ("admin:write", "create and remove webhooks", True),
]


def connection(conn_id: str = "livestorm_default", **members: Any) -> dict[str, Any]:
    """A connection that is well, as the api-server tells of it, but for the given members."""
    return {
        "conn_id": conn_id,
        "kind": "oauth",
        "state": "connected",
        "reason": None,
        "may_edit": True,
        "connected_as": "Ada Lovelace (ada@example.com)",
        "workspace": "Analytical Engines",
        "checked_at": NOW - 300,
        "scopes": ["identity:read", "events:read", "admin:read"],
        "refreshed_at": NOW - 720,
        "expires_at": NOW + 6_520,
        "kept_elsewhere": False,
        "quota": {
            "limit": 10_000,
            "remaining": 6_842,
            "at": NOW - 300,
            "resets_at": None,
            "resets_at_estimated": False,
        },
        "calls": [{"day": day, "calls": number} for day, number in zip(DAYS, CALLS, strict=True)],
    } | members


def untold(conn_id: str, **members: Any) -> dict[str, Any]:
    """A connection of which nothing is known."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("connected_as", "workspace", "checked_at", "refreshed_at", "expires_at", "quota")
    )
    return connection(conn_id, **{**nothing, "scopes": [], "calls": [], **members})


@dataclass
class PageServer:
    """Where the page is, what it is told next, and what it asked for.

    Attributes:
        url: of the host, without the prefix.
        state: what `GET page/connections` answers; a test changes it.
        status: its HTTP status.
        replies: status and body of each action.
        posts: path (below the prefix), headers and body of each action that was asked for.
        paths: of every GET, below the prefix.
        theme: the class of the document around the frame.
    """

    url: str
    state: dict[str, Any]
    status: int = 200
    replies: dict[str, tuple[int, Any]] = field(default_factory=dict)
    posts: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    theme: str = ""

    @property
    def page(self) -> str:
        """The page by itself."""
        return f"{self.url}{PREFIX}/livestorm/"

    @property
    def framed(self) -> str:
        """The page in a frame, as in Airflow's UI."""
        return f"{self.url}{PREFIX}/plugin/livestorm"

    def get(self, path: str) -> tuple[int, str, bytes]:
        """Status, media type and body of an answer."""
        self.paths.append(path)
        if path == "/livestorm/page/connections":
            return self.status, "application/json", json.dumps(self.state).encode()
        if path == "/plugin/livestorm":
            frame = FRAME.format(theme=self.theme, prefix=PREFIX, sandbox=SANDBOX)
            return 200, "text/html", frame.encode()
        name = path.removeprefix("/livestorm/").removeprefix("assets/") or "index.html"
        file = ASSETS / name
        if path.startswith("/livestorm/") and file.is_file():
            return 200, KINDS[file.suffix], file.read_bytes()
        return 200, "text/html", b"<!doctype html><link rel=icon href=data:,><title>Elsewhere in Airflow</title>"


@contextlib.contextmanager
def serving(*connections: dict[str, Any], **members: Any) -> Iterator[PageServer]:
    """Serve the page, with these connections and other members of what it is told."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, _ = self.path.partition("?")
            self.answer(*server.get(path.removeprefix(PREFIX)), policy=path.startswith(f"{PREFIX}/livestorm/"))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.posts.append((self.path.removeprefix(PREFIX), dict(self.headers), body))
            status, answer = server.replies[self.path.rpartition("/")[2]]
            self.answer(status, "application/json", json.dumps(answer).encode())

        def answer(self, status: int, kind: str, body: bytes, *, policy: bool = True) -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            if policy:
                self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        web.daemon_threads = True
        url = f"http://127.0.0.1:{web.server_address[1]}"
        state = {
            "now": NOW,
            "redirect_uri": f"{url}{PREFIX}/livestorm/callback",
            "scopes": [
                {"name": name, "about": about, "write": write, "preselected": not write}
                for name, about, write in SCOPES
            ],
            "connections_url": f"{PREFIX}/connections",
            "airflow_url": f"{PREFIX}/",
            "notice": None,
            "connections": list(copy.deepcopy(connections)),
        } | members
        server = PageServer(url, state)
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            web.shutdown()
            thread.join()
