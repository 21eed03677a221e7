"""Webhooks: subscriptions, what is sent and when, signatures and retries (api.md 5, 6.5, 7)."""

from __future__ import annotations

import hashlib
import http.server
import json
import pathlib
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from tests.sandbox.facts import NOBODY, Facts, Row, assert_refused, document, person

EVENTS = (
    "event.created", "event.published", "session.created", "session.started", "session.ended", "people.registered",
    "people.attended", "people.not_attended", "people.watched_replay", "job.ended",
)  # fmt: skip
WAITS = (30, 60, 150, 360, 720)  # seconds: 30 s, 1 min, 2.5 min, 6 min, 12 min
DAY = 86_400


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what is sent to it, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def documents(self) -> list[Row]:
        """What arrived, as JSON."""
        return [json.loads(body)["data"] for _, body in self.got]

    def names(self) -> Counter[str]:
        """How often each event arrived."""
        return Counter(row["meta"]["webhook"]["event"] for row in self.documents())


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver(sandbox: SandboxProcess) -> Iterator[Receiver]:
    """Somebody on this machine who is told."""
    sandbox.configure(webhook_urls="loopback")
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def none_left(sandbox: SandboxProcess) -> Iterator[None]:
    """Each test ends with no subscription."""
    yield
    facts = Facts(sandbox)
    for row in facts.whole("/webhooks"):
        facts.call("DELETE", f"/webhooks/{row['id']}")
    facts.web.close()


def _subscribe(facts: Facts, receiver: Receiver, *events: str) -> list[str]:
    answers = [facts.post("/webhooks", document("webhooks", url=receiver.url, event=event)) for event in events]
    assert [answer.status_code for answer in answers] == [201] * len(events)
    return [answer.json()["data"]["id"] for answer in answers]


def _register(facts: Facts, session: str) -> Row:
    answer = facts.post(f"/sessions/{session}/people", person(f"{uuid.uuid4().hex}@p.example"))
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["data"])


# --- subscriptions -----


@pytest.mark.parametrize("event", EVENTS)
def test_there_is_a_webhook_for_each_event(facts: Facts, event: str) -> None:
    """5, 6.5, 7: POST /webhooks (url, event) is 201 with url, event and times; GET lists it; DELETE is 204."""
    made = facts.post("/webhooks", document("webhooks", url="https://a.example/hook", event=event))
    assert made.status_code == 201
    row = made.json()["data"]
    assert row["type"] == "webhooks"
    assert set(row["attributes"]) == {"url", "event", "created_at", "updated_at"}
    assert (row["attributes"]["url"], row["attributes"]["event"]) == ("https://a.example/hook", event)
    assert facts.data("/webhooks", filter__event=event) == [row]
    answer = facts.call("DELETE", f"/webhooks/{row['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_refused(facts.call("DELETE", f"/webhooks/{row['id']}"), 404)
    assert facts.data("/webhooks") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "job.created"}, {"event": "session.cancelled"}, {"event": ""}, {"event": None},
        {"url": "http://a.example/hook"}, {"url": "http://127.0.0.1:9/hook"}, {"url": "ftp://a.example"}, {"url": ""},
        {"url": "a.example/hook"}, {"url": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_webhook_has_a_known_event_and_an_https_url(facts: Facts, wrong: Row) -> None:
    """5, 7: url is https; event is one of ten (job.created only in old text)."""
    right = {"url": "https://a.example/hook", "event": "session.ended"}
    assert_refused(facts.post("/webhooks", document("webhooks", **right | wrong)), 400, 422)
    assert facts.data("/webhooks") == []


# --- what is sent -----


def test_a_registration_is_told_in_the_session_form(facts: Facts, receiver: Receiver) -> None:
    """7: `{"data": {id, type, attributes, meta.webhook.event}}`; people.* have type people in the session form."""
    _subscribe(facts, receiver, "people.registered")
    sessions = [facts.session_ahead()["id"], facts.new_session()["id"]]
    rows = [_register(facts, session) for session in sessions]
    facts.sandbox.webhooks()
    assert [row["id"] for row in receiver.documents()] == [row["id"] for row in rows]
    for told, row in zip(receiver.documents(), rows, strict=True):
        assert told["type"] == "people"
        assert told["attributes"] == row["attributes"]
        assert told["meta"]["webhook"]["event"] == "people.registered"
    assert set(json.loads(receiver.got[0][1])) == {"data"}


def test_events_sessions_and_jobs_are_told(facts: Facts, receiver: Receiver) -> None:
    """7: event.created, event.published, session.created and job.ended come when these happen, the whole workspace."""
    _subscribe(facts, receiver, "event.created", "event.published", "session.created", "job.ended")
    draft = facts.post("/events", document("events", title="Draft", status="draft")).json()["data"]["id"]
    facts.sandbox.webhooks()
    assert receiver.names() == {"event.created": 1}
    facts.call("PATCH", f"/events/{draft}", document("events", status="published"))
    body = document("sessions", estimated_started_at="2027-06-01 10:00:00", timezone="UTC")
    session = facts.post(f"/events/{draft}/sessions", body).json()["data"]["id"]
    facts.sandbox.webhooks()
    assert receiver.names() == {"event.created": 1, "event.published": 1, "session.created": 1}
    tasks = [{"fields": [{"id": "email", "value": f"{uuid.uuid4().hex}@p.example"}]}]
    job = facts.post(f"/sessions/{session}/people/bulk", document("jobs", tasks=tasks)).json()["data"]["id"]
    facts.sandbox.advance(60)
    told = {row["meta"]["webhook"]["event"]: (row["type"], row["id"]) for row in receiver.documents()}
    assert told == {
        "event.created": ("events", draft), "event.published": ("events", draft),
        "session.created": ("sessions", session), "job.ended": ("jobs", job),
    }  # fmt: skip


def test_attendance_is_told_after_the_end(receiver: Receiver) -> None:
    """7: people.attended and people.not_attended are sent after the session ends: one of them for each person."""
    with SandboxProcess(
        preset="tiny", interval_limit=0, webhook_urls="loopback", webhook_meta="told", life="none"
    ) as sandbox:
        facts = Facts(sandbox)
        _subscribe(facts, receiver, *EVENTS)
        live = next(row for row in facts.whole("/sessions") if row["attributes"]["status"] == "live")["id"]
        delay = sandbox.status()["settings"]["attendance_delay"]
        for _ in range(16):
            if facts.data(f"/sessions/{live}")["attributes"]["status"] == "past":
                break
            sandbox.advance(900)
        assert receiver.names()["session.ended"] == 1
        assert not {"people.attended", "people.not_attended"} & set(receiver.names())
        sandbox.advance(delay)
        facts = Facts(sandbox)
        people = {row["id"] for row in facts.whole(f"/sessions/{live}/people")}
        told = [row for row in receiver.documents() if row["type"] == "people"]
        assert Counter(row["id"] for row in told) == Counter(people)
        for row in told:
            attended = row["meta"]["webhook"]["event"] == "people.attended"
            assert row["attributes"]["registrant_detail"]["attended"] is attended
        sandbox.advance(25 * DAY)
        assert receiver.names()["session.started"] >= 1
        seen = [row for row in receiver.documents() if row["meta"]["webhook"]["event"] == "people.watched_replay"]
        assert seen
        assert all(row["attributes"]["registrant_detail"]["has_viewed_replay"] for row in seen)
        facts.web.close()


# --- signature -----


def test_what_is_sent_is_signed(facts: Facts, receiver: Receiver) -> None:
    """7: `x-livestorm-signature: <unix ts>,<hex>`, hex = SHA-256 of ts + secret + body, a plain hash."""
    _subscribe(facts, receiver, "people.registered", "people.registered")
    _register(facts, facts.new_session()["id"])
    secrets = [row["secret"] for row in facts.sandbox.webhooks()["webhooks"]]
    assert len(set(secrets)) == len(receiver.got) == 2
    used = set()
    for headers, body in receiver.got:
        seconds, _, told = headers["x-livestorm-signature"].partition(",")
        assert abs(int(seconds) - facts.sandbox.now()) < 60
        fits = [one for one in secrets if hashlib.sha256(seconds.encode() + one.encode() + body).hexdigest() == told]
        used.update(fits)
        assert len(fits) == 1
        assert headers["content-type"].startswith(("application/json", "application/vnd.api+json"))
    assert used == set(secrets)
    assert not any(secret in facts.get("/webhooks").text for secret in secrets)


# --- retries -----


@pytest.mark.parametrize("status", [400, 456, 500, 511])
def test_a_failed_delivery_is_tried_five_times_more_and_then_the_webhook_is_off(
    facts: Facts, receiver: Receiver, status: int
) -> None:
    """7: on 400-456 or 500-511: 5 tries after about 30 s, 1, 2.5, 6 and 12 min; then the webhook is switched off."""
    receiver.status = status
    _subscribe(facts, receiver, "people.registered")
    session = facts.new_session()["id"]
    _register(facts, session)
    facts.sandbox.webhooks()
    assert len(receiver.got) == 1
    for number, wait in enumerate(WAITS):
        facts.sandbox.advance(wait * 0.9)
        assert len(receiver.got) == number + 1, f"try {number + 2} came too early"
        facts.sandbox.advance(wait * 0.1 + 2)
        assert len(receiver.got) == number + 2, f"try {number + 2} did not come"
    assert len({body for _, body in receiver.got}) == 1
    receiver.status = 200
    facts.sandbox.advance(DAY)
    _register(Facts(facts.sandbox), session)
    facts.sandbox.webhooks()
    assert len(receiver.got) == 6


@pytest.mark.parametrize("status", [200, 201, 204, 302, 457, 499, 512, 599])
def test_another_status_is_not_tried_again(facts: Facts, receiver: Receiver, status: int) -> None:
    """7: tries are made on 400-456 or 500-511 only."""
    receiver.status = status
    _subscribe(facts, receiver, "people.registered")
    _register(facts, facts.new_session()["id"])
    facts.sandbox.advance(sum(WAITS) + 100)
    assert len(receiver.got) == 1


def test_a_delivery_that_succeeds_at_last_leaves_the_webhook_on(facts: Facts, receiver: Receiver) -> None:
    """7: only after five tries is the webhook switched off."""
    receiver.status = 503
    _subscribe(facts, receiver, "people.registered")
    session = facts.new_session()["id"]
    _register(facts, session)
    facts.sandbox.advance(sum(WAITS[:4]) + 10)
    assert len(receiver.got) == 5
    receiver.status = 200
    facts.sandbox.advance(WAITS[4] + 10)
    assert len(receiver.got) == 6
    _register(facts, session)
    facts.sandbox.webhooks()
    assert len(receiver.got) == 7


def test_a_deleted_webhook_hears_nothing(facts: Facts, receiver: Receiver) -> None:
    """5: after DELETE /webhooks/{id} nothing more is sent, retries neither; an unknown one is 404."""
    receiver.status = 500
    (webhook,) = _subscribe(facts, receiver, "people.registered")
    session = facts.new_session()["id"]
    _register(facts, session)
    facts.sandbox.webhooks()
    assert facts.call("DELETE", f"/webhooks/{webhook}").status_code == 204
    _register(facts, session)
    facts.sandbox.advance(sum(WAITS))
    assert len(receiver.got) == 1
    assert_refused(facts.call("DELETE", f"/webhooks/{NOBODY}"), 404)


def test_a_delivery_takes_nothing_of_the_users_along(
    facts: Facts, receiver: Receiver, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a password out of .netrc, nor a redirect followed, nor a call to another machine."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with SandboxProcess(preset="empty", interval_limit=0, webhook_urls="loopback") as sandbox:
        own = Facts(sandbox)
        receiver.status = 302
        for url in (receiver.url, "https://webhooks.example.com/"):
            assert own.post("/webhooks", document("webhooks", url=url, event="event.created")).status_code == 201
        own.post("/events", document("events", title="x"))
        sandbox.advance(1)
        tries = sandbox.webhooks()["deliveries"]
        own.web.close()
    ((headers, _),) = receiver.got
    assert "authorization" not in headers
    assert {one.get("status") for one in tries} == {302, None}
    assert [one["error"] for one in tries if "error" in one] == ["not sent: the sandbox calls this machine only"]


def test_a_receiver_that_never_answers_holds_the_controls_up_once(facts: Facts) -> None:
    """It is waited for once in a move of the clock, not once for each try."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        facts.sandbox.configure(webhook_urls="loopback")
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        facts.post("/webhooks", document("webhooks", url=url, event="event.created"))
        for _ in range(5):
            facts.post("/events", document("events", title="x"))
        facts.sandbox.advance(3600)  # 30 tries of 5 s each would be longer than it waits for an answer
        assert [one["enabled"] for one in facts.sandbox.webhooks()["webhooks"]][-1] is False


@pytest.mark.parametrize(
    "url", ["https://a:abc/", "https://a:99999/", "https://ex ample.com/", "https://*/", "https://./"]
)
def test_a_url_names_a_host_and_a_port_that_can_be(facts: Facts, url: str) -> None:
    assert_refused(facts.post("/webhooks", document("webhooks", url=url, event="event.created")), 422)


@pytest.mark.parametrize("position", ["absent", "told"])
def test_a_delivery_may_not_say_what_it_is_about(facts: Facts, receiver: Receiver, position: str) -> None:
    facts.sandbox.configure(webhook_meta=position)
    facts.post("/webhooks", document("webhooks", url=receiver.url, event="event.created"))
    facts.post("/events", document("events", title="x"))
    facts.sandbox.advance(1)
    assert ("meta" in receiver.documents()[0]) is (position == "told")
