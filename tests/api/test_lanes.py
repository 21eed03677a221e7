"""How many calls are on their way at once: as many as the limit lets out while one is answered; on real connections."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.lanes import LANES_MOST, Lanes
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.exceptions import LivestormListChangedError

PAGES = 12
PATIENCE = 5.0  # seconds until a test that waits for a call gives up


class Server(ThreadingHTTPServer):
    """Announces a limit; holds the answers of chosen pages until another page was asked for."""

    daemon_threads = True

    def __init__(self, limit: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.limit = limit
        self.gone_from = self.broken_from = PAGES
        self.asked: list[int] = []
        self.at_once = self.most = 0
        self.changed = threading.Condition()
        self.wait_for: dict[int, int] = {}  # page: one that must be asked before it is answered


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        server = self.server
        page = int(parse_qs(urlsplit(self.path).query)["page[number]"][0])
        with server.changed:
            server.asked.append(page)
            server.at_once += 1
            server.most = max(server.most, server.at_once)
            server.changed.notify_all()
            awaited = server.wait_for.get(page)
            assert awaited is None or server.changed.wait_for(lambda: awaited in server.asked, PATIENCE)
        status = 503 if page >= server.broken_from else 200 if page < server.gone_from else 400
        following = page + 1 if page + 1 < PAGES else None
        meta = {"current_page": page, "next_page": following, "page_count": PAGES, "record_count": PAGES}
        body = json.dumps({"data": [{"id": str(page), "type": "people", "attributes": {}}], "meta": meta}).encode()
        with server.changed:
            server.at_once -= 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("RateLimit-Interval-Limit", str(server.limit))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nobody reads it."""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(getattr(request, "param", 1000)) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def client_of(server: Server) -> LivestormClient:
    pacer = Pacer(sleep=lambda _: None)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    return LivestormClient(ApiToken("a.b.c"), base_url=url, pacer=pacer, max_attempts=1)


def slow(client: LivestormClient, seconds: float) -> None:
    """Have the client believe that answers take so long, whatever this machine makes of it."""
    client.lanes.took = lambda _: None  # type: ignore[method-assign]
    client.lanes.latency = seconds


def ids(client: LivestormClient) -> list[str]:
    return [row.id for page in client.paginate("/people") for row in page.resources]


def test_pages_are_asked_for_ahead_and_come_in_their_order(server: Server) -> None:
    server.wait_for = {page: page + 2 for page in range(1, PAGES - 2)}  # none is answered before the one after next
    with client_of(server) as client:
        slow(client, 0.2)
        assert ids(client) == [str(page) for page in range(PAGES)]
        assert client.calls == PAGES
    assert sorted(server.asked) == list(range(PAGES))
    assert 3 <= server.most <= LANES_MOST


@pytest.mark.parametrize("server", [5], indirect=True)
def test_with_livestorms_limit_and_its_usual_answers_one_call_is_on_its_way(server: Server) -> None:
    with client_of(server) as client:
        slow(client, 0.15)
        assert ids(client) == [str(page) for page in range(PAGES)]
    assert server.most == 1
    assert server.asked == list(range(PAGES))


def test_a_reader_who_stops_leaves_the_rest_unasked(server: Server) -> None:
    with client_of(server) as client:
        slow(client, 0.2)
        pages = client.paginate("/people")
        next(pages)
        next(pages)
        pages.close()
    assert max(server.asked) <= 1 + LANES_MOST
    assert len(server.asked) < PAGES


def test_a_page_that_nobody_wants_any_more_is_not_asked_again(server: Server) -> None:
    """Its thread would go on for minutes, spend calls, and keep the process from ending."""
    server.broken_from = 3
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with LivestormClient(ApiToken("a.b.c"), base_url=url) as client:  # which waits for real between its tries
        slow(client, 0.2)
        pages = client.paginate("/people")
        next(pages)
        next(pages)  # page 3 was asked by now, or is about to be
        with server.changed:
            assert server.changed.wait_for(lambda: 3 in server.asked, PATIENCE)
        pages.close()
    for thread in threading.enumerate():
        if thread.name.startswith("livestorm-page"):
            thread.join(PATIENCE)
            assert not thread.is_alive()
    assert server.asked.count(3) == 1


def test_a_page_that_is_gone_is_told_though_it_was_asked_for_ahead(server: Server) -> None:
    with client_of(server) as client:
        slow(client, 0.2)
        pages = client.paginate("/people")
        next(pages)
        server.gone_from = 9
        with pytest.raises(LivestormListChangedError, match="page 9 was announced and is gone"):
            list(pages)


@pytest.mark.parametrize(
    ("limit", "latency", "wanted"),
    [
        (5, 0.001, 1), (5, 0.15, 1), (5, 0.2, 2), (5, 0.5, 4), (5, 3.0, LANES_MOST),
        (1000, 0.001, 1), (1000, 0.05, LANES_MOST), (1, 3.0, 4),
    ],
)  # fmt: skip
def test_as_many_as_the_limit_lets_out_while_one_is_answered(limit: int, latency: float, wanted: int) -> None:
    pacer = Pacer()
    pacer._take(limit)
    lanes = Lanes(pacer)
    lanes.latency = latency
    assert lanes.wanted == wanted
