"""Downloads from signed URLs: over HTTP from the sandbox, and by a mock what no sandbox would answer."""

from __future__ import annotations

import logging
import pathlib
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
import requests_mock

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.download import Downloader, Source
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.exceptions import (
    LivestormApiError,
    LivestormConnectionError,
    LivestormError,
    LivestormResponseError,
    LivestormServerError,
)
from airflow_provider_livestorm.sandbox.process import SandboxProcess

SIGNED = "https://storage.example/a.mp4?X-Signature=the-signature"
BODY = bytes(range(256)) * 1_000  # several blocks


class Memory:
    """A sink that remembers how often it began."""

    def __init__(self, held: bytes = b"", etag: str | None = None) -> None:
        self.held = held
        self.etag = etag
        self.begun = 0

    @property
    def position(self) -> int:
        return len(self.held)

    def begin(self, etag: str | None) -> None:
        self.held, self.etag, self.begun = b"", etag, self.begun + 1

    def write(self, block: bytes) -> None:
        self.held += block


class Waits(list[float]):
    """Remembers what it was asked to sleep."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def downloader(waits: Waits) -> Iterator[Downloader]:
    with Downloader(sleep=waits) as one:
        yield one


@pytest.fixture
def wire() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        yield mocker


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture
def there(sandbox: SandboxProcess) -> Source:
    """A recording of the sandbox, whose counters are at nought."""
    told = sandbox.truth("recordings")[0]
    path = f"/sessions/{told['attributes']['session_id']}/recordings"

    def fresh() -> str:
        with LivestormClient(ApiToken(sandbox.credentials()["api_token"]), base_url=sandbox.api_url) as client:
            (row,) = client.request("GET", path, params={"url_expires_in": 3600}).document.many
            return str(row.attributes["url"])

    source = Source("Recording 1", fresh(), told["attributes"]["file_size"], fresh)
    sandbox.clear_faults()
    sandbox.reset_counters()
    return source


def served(url: str) -> bytes:
    with requests.Session() as web:
        web.trust_env = False
        return web.get(url, timeout=10).content


def source(size: int | None = len(BODY), renew: Callable[[], str] = lambda: SIGNED) -> Source:
    return Source("Recording 1", SIGNED, size, renew)


def shown(error: BaseException | None) -> str:
    """All that a traceback prints of an error, and what `from None` would keep from it."""
    parts = ["".join(traceback.format_exception(error))] if error else []
    while error is not None:
        parts.append(f"{error} {error!r} {error.args}")
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


# --- the whole, or on from where it broke -----


def test_the_whole_arrives_without_a_token(sandbox: SandboxProcess, downloader: Downloader, there: Source) -> None:
    sink = Memory()
    downloader.download(there, sink)
    assert (len(sink.held), sink.begun) == (there.size, 1)
    counters = sandbox.status()["counters"]
    assert (counters["recordings_served"], counters["tokens_shown_to_storage"]) == (1, 0)
    assert sink.held == served(there.url)


def test_netrc_adds_no_authorization(
    sandbox: SandboxProcess,
    downloader: Downloader,
    there: Source,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker may have one for the host, and a storage refuses two credentials."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login jane password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    downloader.download(there, Memory())
    assert sandbox.status()["counters"]["tokens_shown_to_storage"] == 0


def test_a_broken_connection_is_gone_on_from(
    sandbox: SandboxProcess, downloader: Downloader, there: Source, waits: Waits
) -> None:
    sandbox.add_fault(path_prefix="/recordings", body="truncate", times=3)
    sink = Memory()
    downloader.download(there, sink)
    assert sink.begun == 1, "it was fetched from the start again"
    assert len(waits) == 3
    assert sink.held == served(there.url)


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"status": 429}, {"body": "html"}, {"body": "reset"}, {"body": "content-length"}],
    ids=str,
)
def test_what_passes_is_tried_again(
    sandbox: SandboxProcess, downloader: Downloader, there: Source, waits: Waits, fault: dict[str, Any]
) -> None:
    sandbox.add_fault(path_prefix="/recordings", times=2, **fault)
    sink = Memory()
    downloader.download(there, sink)
    assert len(waits) == 2
    assert sink.held == served(there.url)


def test_what_does_not_pass_is_given_up(
    sandbox: SandboxProcess, downloader: Downloader, there: Source, waits: Waits
) -> None:
    sandbox.add_fault(path_prefix="/recordings", status=503, times=0)
    with pytest.raises(LivestormServerError, match=r"Recording 1: the storage 127\.0\.0\.1 answered HTTP 503"):
        downloader.download(there, Memory())
    assert len(waits) == 4
    assert 0.5 <= waits[0] <= 1 < waits[-1] <= 8


def test_tries_that_bring_bytes_are_no_failures(downloader: Downloader, wire: requests_mock.Mocker) -> None:
    """A long download over a bad line may break a hundred times."""
    step = 64 * 1024
    answers: list[dict[str, Any]] = []
    for start in range(0, len(BODY), step):
        part = {"ETag": '"1"', "Content-Length": str(len(BODY))}
        if start:
            part = {"ETag": '"1"', "Content-Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"}
        status = 206 if start else 200
        answers.append({"status_code": status, "headers": part, "content": BODY[start : start + step]})
        answers += [{"exc": requests.exceptions.ConnectTimeout}] * 3
    wire.get(SIGNED, answers)
    sink = Memory()
    downloader.download(source(), sink)
    assert sink.held == BODY


def test_what_an_earlier_try_holds_is_not_fetched_again(
    sandbox: SandboxProcess, downloader: Downloader, there: Source
) -> None:
    whole = Memory()
    downloader.download(there, whole)
    sink = Memory(whole.held[:100_000], whole.etag)
    downloader.download(there, sink)
    assert (sink.begun, sink.held == whole.held) == (0, True)
    other = Memory(b"x" * 100_000, '"of-another-file"')
    downloader.download(there, other)
    assert (other.begun, other.held == whole.held) == (1, True)
    sandbox.reset_counters()
    downloader.download(there, Memory(whole.held, whole.etag))
    assert sandbox.status()["counters"]["recordings_served"] == 0, "all was there"


def test_a_storage_that_knows_no_ranges_sends_all_again(downloader: Downloader, wire: requests_mock.Mocker) -> None:
    headers = {"ETag": '"1"', "Content-Length": str(len(BODY))}
    wire.get(SIGNED, [{"headers": headers, "content": BODY[:200_000]}, {"headers": headers, "content": BODY}])
    sink = Memory()
    downloader.download(source(), sink)
    assert (sink.begun, sink.held) == (2, BODY)
    assert [call.headers.get("Range") for call in wire.request_history] == [None, "bytes=200000-"]
    assert wire.request_history[1].headers["If-Range"] == '"1"'


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_etag_nothing_is_joined(
    downloader: Downloader, wire: requests_mock.Mocker, etag: str | None
) -> None:
    headers = {"Content-Length": str(len(BODY))} | ({"ETag": etag} if etag else {})
    wire.get(SIGNED, [{"headers": headers, "content": BODY[:200_000]}, {"headers": headers, "content": BODY}])
    sink = Memory()
    downloader.download(source(), sink)
    assert sink.held == BODY
    assert "Range" not in wire.request_history[1].headers


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 206, "headers": {"Content-Range": f"bytes 0-{len(BODY) - 1001}/{len(BODY)}"}},
        {"status_code": 206, "headers": {"Content-Range": "bytes 1000-1999/2000"}},
        {"status_code": 206},
        {"status_code": 206, "headers": {"ETag": '"2"', "Content-Range": f"bytes 1000-{len(BODY) - 1}/{len(BODY)}"}},
        {"status_code": 416, "headers": {"Content-Range": f"bytes */{len(BODY)}"}},
    ],
    ids=["another part", "another size", "no part said", "another file", "no such part"],
)
def test_a_part_that_does_not_fit_is_not_joined(
    downloader: Downloader, wire: requests_mock.Mocker, answer: dict[str, Any]
) -> None:
    whole = {"headers": {"Content-Length": str(len(BODY))}, "content": BODY}
    wire.get(SIGNED, [answer | {"content": bytes(len(BODY) - 1_000)}, whole])
    sink = Memory(BODY[:1_000], '"1"')
    downloader.download(source(), sink)
    assert sink.held == BODY
    assert "Range" not in wire.request_history[1].headers


# --- sizes -----


@pytest.mark.parametrize("size", [len(BODY), None])
def test_the_size_may_be_told_by_livestorm_the_storage_or_nobody(
    downloader: Downloader, wire: requests_mock.Mocker, size: int | None
) -> None:
    for headers in ({"Content-Length": str(len(BODY))}, {}):
        wire.get(SIGNED, headers=headers, content=BODY)
        sink = Memory()
        downloader.download(source(size), sink)
        assert sink.held == BODY


def test_another_size_than_livestorm_told_is_an_error(downloader: Downloader, wire: requests_mock.Mocker) -> None:
    wire.get(SIGNED, headers={"Content-Length": str(len(BODY))}, content=BODY)
    sink = Memory()
    with pytest.raises(
        LivestormResponseError, match="the storage has 256000 bytes of it, where Livestorm tells 300000"
    ):
        downloader.download(source(300_000), sink)
    assert sink.held == b"", "it could be known before"


@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1])
def test_another_size_than_was_told_is_an_error_also_where_the_storage_tells_none(
    downloader: Downloader, wire: requests_mock.Mocker, size: int
) -> None:
    wire.get(SIGNED, content=BODY)
    with pytest.raises(LivestormError, match=f"more than the {size} bytes came|ended at byte {len(BODY)} of {size}"):
        downloader.download(source(size), Memory())


def test_compressed_bytes_are_refused(downloader: Downloader, wire: requests_mock.Mocker) -> None:
    wire.get(SIGNED, headers={"Content-Encoding": "gzip"}, content=BODY)
    with pytest.raises(LivestormResponseError, match="compressed, which was not asked for"):
        downloader.download(source(), Memory())
    assert wire.request_history[0].headers["Accept-Encoding"] == "identity"


def test_the_size_is_asked_for_without_the_bytes(
    sandbox: SandboxProcess, downloader: Downloader, there: Source
) -> None:
    assert downloader.size_of(replace(there, size=None)) == there.size


# --- URLs that expire -----


def test_an_expired_url_is_replaced_once(sandbox: SandboxProcess, downloader: Downloader, there: Source) -> None:
    sandbox.advance(2 * 3_600)
    sink, asked = Memory(), []

    def renew() -> str:
        asked.append(1)
        return there.renew()

    downloader.download(replace(there, renew=renew), sink)
    assert (len(sink.held), len(asked)) == (there.size, 1)


def test_a_url_that_expires_amid_a_download_is_replaced_and_the_rest_fetched(
    sandbox: SandboxProcess, downloader: Downloader, there: Source
) -> None:
    sandbox.add_fault(path_prefix="/recordings", body="truncate")
    sandbox.add_fault(path_prefix="/recordings", status=403)
    sink = Memory()
    downloader.download(there, sink)
    assert (len(sink.held), sink.begun) == (there.size, 1)


def test_each_url_that_brought_bytes_may_be_replaced(downloader: Downloader, wire: requests_mock.Mocker) -> None:
    """A very long download outlives several."""
    expired = {"status_code": 403}
    answers: list[dict[str, Any]] = []
    for start, end in ((0, 1_000), (1_000, 2_000), (2_000, len(BODY))):
        told = {"Content-Range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}", "Content-Length": str(len(BODY))}
        answer = {"status_code": 206, "headers": {"ETag": '"1"', **told}, "content": BODY[start:end]}
        answers += [answer if start else answer | {"status_code": 200}, expired]
    wire.get(SIGNED, answers)
    asked = []
    downloader.download(source(renew=lambda: asked.append(1) or SIGNED), Memory())
    assert len(asked) == 2


def test_but_not_twice_where_none_came(downloader: Downloader, wire: requests_mock.Mocker) -> None:
    whole = {"headers": {"Content-Length": str(len(BODY))}}
    expired = {"status_code": 403}
    wire.get(SIGNED, [whole | {"content": BODY[:1_000]}, expired, expired, whole | {"content": BODY}])
    with pytest.raises(LivestormApiError, match="HTTP 403"):
        downloader.download(source(), Memory())


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_fresh_url_that_is_refused_as_well_is_an_error(
    downloader: Downloader, wire: requests_mock.Mocker, waits: Waits, status: int
) -> None:
    wire.get(SIGNED, status_code=status, text=f"<Error><StringToSign>{SIGNED}</StringToSign></Error>")
    asked = []
    with pytest.raises(LivestormApiError, match=f"the storage storage.example answered HTTP {status}") as caught:
        downloader.download(source(renew=lambda: asked.append(1) or SIGNED), Memory())
    assert (len(asked), wire.call_count, caught.value.retryable, waits) == (1, 2, False, [])


def test_another_refusal_costs_no_call(downloader: Downloader, wire: requests_mock.Mocker) -> None:
    wire.get(SIGNED, status_code=451)
    with pytest.raises(LivestormApiError, match="HTTP 451"):
        downloader.download(source(renew=lambda: pytest.fail("Livestorm was asked")), Memory())


# --- where a URL leads -----


@pytest.fixture
def elsewhere(there: Source) -> Iterator[str]:
    """A server on loopback that sends everybody on to the recording."""

    class Sender(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", there.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Sender) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/go?X-Signature=the-signature"
        server.shutdown()


def test_a_redirect_is_followed_without_a_token(
    sandbox: SandboxProcess, downloader: Downloader, there: Source, elsewhere: str
) -> None:
    sandbox.add_fault(path_prefix="/recordings", body="truncate")
    sink = Memory()
    downloader.download(replace(there, url=elsewhere), sink)
    assert (len(sink.held), sink.begun) == (there.size, 1)
    assert sandbox.status()["counters"]["tokens_shown_to_storage"] == 0


@pytest.mark.parametrize(
    "target", ["http://storage.example/a?secret", "file:///etc/passwd", "ftp://a.example/", "//[x"]
)
def test_a_redirect_to_what_is_not_https_is_not_followed(
    downloader: Downloader, wire: requests_mock.Mocker, target: str
) -> None:
    wire.get(SIGNED, status_code=302, headers={"Location": target})
    with pytest.raises(LivestormResponseError, match=r"is not https\. Nothing is fetched from there") as caught:
        downloader.download(source(), Memory())
    assert {call.hostname for call in wire.request_history} == {"storage.example"}
    assert "secret" not in shown(caught.value)


def test_nor_is_a_url_of_livestorm_fetched_that_is_not_https(
    downloader: Downloader, wire: requests_mock.Mocker
) -> None:
    with pytest.raises(LivestormResponseError, match="is not https"):
        downloader.download(replace(source(), url=SIGNED.replace("https", "http")), Memory())
    assert wire.call_count == 0


def test_redirects_end(downloader: Downloader, wire: requests_mock.Mocker) -> None:
    wire.get(SIGNED, status_code=307, headers={"Location": SIGNED})
    with pytest.raises(LivestormApiError, match="HTTP 307, a redirect after 5 others"):
        downloader.download(source(), Memory())
    assert wire.call_count == 6


# --- a signed URL is a secret -----


def secret_of(url: str) -> str:
    return url.partition("X-Signature=")[2]


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 403}, {"body": "reset"}, {"body": "truncate"}], ids=str)
def test_no_error_and_no_log_shows_it(
    sandbox: SandboxProcess,
    downloader: Downloader,
    there: Source,
    log: pytest.LogCaptureFixture,
    fault: dict[str, Any],
) -> None:
    """urllib3 logs each call's whole target at level DEBUG."""
    sandbox.add_fault(path_prefix="/recordings", times=0, **fault)
    fixed = replace(there, renew=lambda: there.url)
    with pytest.raises(LivestormError) as caught:
        downloader.download(fixed, Memory())
    sandbox.clear_faults()
    assert "Recording 1" in log.text
    assert secret_of(there.url) not in log.text + shown(caught.value) + repr(fixed)


def test_nor_does_a_warning_of_broken_headers(log: pytest.LogCaptureFixture, downloader: Downloader) -> None:
    """urllib3 logs the URL with it, as a warning."""

    class Broken(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nno header at all\r\nX: y\r\n\r\nabc")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a?X-Signature=the-signature"
        downloader.download(Source("Recording 1", url, None, lambda: url), Memory())
        server.shutdown()
    assert "the-signature" not in log.text


def test_other_calls_are_logged_as_ever(
    sandbox: SandboxProcess, downloader: Downloader, there: Source, log: pytest.LogCaptureFixture
) -> None:
    downloader.download(there, Memory())
    served(f"{sandbox.url}/a-page")
    assert "GET /a-page" in log.text


def test_an_error_of_the_sink_is_its_own(downloader: Downloader, there: Source) -> None:
    """A full disk is no broken connection, though requests' errors are OSErrors too."""

    class Full(Memory):
        def write(self, block: bytes) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        downloader.download(there, Full())
    assert not isinstance(caught.value, LivestormConnectionError)
