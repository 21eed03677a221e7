"""Recordings: what is told of them, and their signed URLs (api.md 5, 6.5)."""

from __future__ import annotations

import pytest
import requests

from tests.sandbox.facts import Facts, Row, assert_refused

DEFAULT, SHORTEST, LONGEST = 43_200, 3_600, 604_800


@pytest.fixture
def path(facts: Facts) -> str:
    """The recordings of a session that has some."""
    return f"/sessions/{facts.sandbox.truth('recordings')[0]['attributes']['session_id']}/recordings"


def _bare(url: str, **headers: str) -> requests.Response:
    with requests.Session() as web:
        web.trust_env = False
        return web.get(url, headers=headers, timeout=10)


def test_a_recording_tells_its_file(facts: Facts, path: str) -> None:
    """6.5: file_type is "video", mime_type "mp4" (no MIME string), file_size bytes, times unix seconds."""
    (row,) = facts.data(path)
    told: Row = row["attributes"]
    assert row["type"] == "recordings"
    assert {name: type(value) for name, value in told.items()} == {
        "event_id": str, "session_id": str, "file_type": str, "mime_type": str, "file_size": int, "file_name": str,
        "url": str, "url_generated_at": int, "url_expires_in": int,
    }  # fmt: skip
    assert (told["file_type"], told["mime_type"]) == ("video", "mp4")
    assert told["session_id"] == path.split("/")[2]
    assert told["event_id"] == facts.data(f"/sessions/{told['session_id']}")["attributes"]["event_id"]
    assert abs(told["url_generated_at"] - facts.sandbox.now()) < 60


@pytest.mark.parametrize(("asked", "told"), [(None, DEFAULT), (SHORTEST, SHORTEST), (LONGEST, LONGEST), (7201, 7201)])
def test_a_url_lives_as_long_as_asked(facts: Facts, path: str, asked: int | None, told: int) -> None:
    """5: url_expires_in is 3600..604800 s, by default 43200."""
    params = {} if asked is None else {"url_expires_in": asked}
    assert facts.data(path, **params)[0]["attributes"]["url_expires_in"] == told


@pytest.mark.parametrize("asked", ["3599", "604801", "0", "-1", "", "soon", "3600.5"])
def test_no_other_life_is_given(facts: Facts, path: str, asked: str) -> None:
    """5: url_expires_in lies between 3600 and 604800; 4: a bad query is 400."""
    assert_refused(facts.get(path, url_expires_in=asked), 400, 422)


def test_a_url_needs_no_authorization_and_gives_the_bytes_that_were_told(facts: Facts, path: str) -> None:
    """5: attributes.url is a signed URL that needs no Authorization header; 6.5: file_size bytes."""
    told = facts.data(path)[0]["attributes"]
    answer = _bare(told["url"])
    assert answer.status_code == 200
    assert len(answer.content) == told["file_size"]
    assert int(answer.headers["Content-Length"]) == told["file_size"]


def test_a_url_dies_on_time(facts: Facts, path: str) -> None:
    """6.5: url_expires_in counts from url_generated_at; a fresh listing gives a fresh URL."""
    url = facts.data(path, url_expires_in=SHORTEST)[0]["attributes"]["url"]
    longer = facts.data(path)[0]["attributes"]["url"]
    facts.sandbox.advance(SHORTEST - 60)
    assert _bare(url).status_code == 200
    facts.sandbox.advance(120)
    assert _bare(url).status_code in (400, 401, 403, 404, 410)
    assert _bare(longer).status_code == 200
    fresh = Facts(facts.sandbox).data(path)[0]["attributes"]["url"]
    assert fresh != url
    assert _bare(fresh).status_code == 200


def test_a_url_is_signed(facts: Facts, path: str) -> None:
    """5: the URL is signed: with another signature, another life or another file it gives nothing."""
    url = facts.data(path)[0]["attributes"]["url"]
    assert _bare(url.partition("?")[0]).status_code in (400, 401, 403, 404)
    assert _bare(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code in (400, 401, 403, 404)


def test_a_download_is_no_call_of_the_api(facts: Facts, path: str) -> None:
    """3, 5: there is no download endpoint: fetching the signed URL takes nothing from the month."""
    url = facts.data(path)[0]["attributes"]["url"]
    assert not url.startswith(facts.sandbox.api_url)
    before = int(facts.get("/ping").headers["RateLimit-Monthly-Remaining"])
    answer = _bare(url)
    assert not any(name.lower().startswith("ratelimit") for name in answer.headers)
    assert int(facts.get("/ping").headers["RateLimit-Monthly-Remaining"]) == before - 1


def test_there_is_one_list_and_no_record_of_its_own(facts: Facts, path: str) -> None:
    """5: GET /sessions/{id}/recordings is the one operation; a session without recordings has an empty list."""
    row = facts.data(path)[0]
    for other in (f"{path}/{row['id']}", f"/recordings/{row['id']}", f"{path}/{row['id']}/download"):
        assert facts.get(other).status_code == 404
    ahead = facts.session_ahead()["id"]
    assert facts.data(f"/sessions/{ahead}/recordings") == []


def test_a_url_ends_at_its_second(facts: Facts, path: str) -> None:
    told = facts.data(path, url_expires_in=SHORTEST)[0]["attributes"]
    end = told["url_generated_at"] + SHORTEST
    facts.sandbox.advance(end - 20 - facts.sandbox.now())
    assert _bare(told["url"]).status_code == 200
    facts.sandbox.advance(end - facts.sandbox.now())
    assert _bare(told["url"]).status_code == 403


def test_a_range_is_kept_to_and_if_range_guards_it(facts: Facts, path: str) -> None:
    told = facts.data(path)[0]["attributes"]
    whole = _bare(told["url"])
    size, etag = told["file_size"], whole.headers["ETag"]
    suffix = _bare(told["url"], Range=f"bytes=-{size + 5}")
    assert (suffix.status_code, suffix.headers["Content-Range"]) == (206, f"bytes 0-{size - 1}/{size}")
    assert suffix.content == whole.content
    for tag, status in ((etag, 206), ('"other"', 200)):
        assert _bare(told["url"], Range="bytes=0-9", **{"If-Range": tag}).status_code == status


def test_a_download_may_fail_as_well(facts: Facts, path: str) -> None:
    url = facts.data(path)[0]["attributes"]["url"]
    facts.sandbox.add_fault(path_prefix="/recordings", status=503)
    assert _bare(url).status_code == 503
    facts.sandbox.add_fault(path_prefix="/recordings", body="truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        _bare(url)
    assert _bare(url).ok
