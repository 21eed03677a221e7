"""The published state of a destination."""

from __future__ import annotations

import json
import pathlib

import pytest

from airflow_provider_livestorm.exceptions import LivestormDestinationError, LivestormPublishConflictError
from airflow_provider_livestorm.sync.state import Destination, Manifest, PartEntry, RunEntry, StreamEntry


def run(run_id: str, mode: str, *streams: str) -> RunEntry:
    entries = {
        name: StreamEntry(
            ["id"], 1, 1, [PartEntry(f"{name}/{run_id}/part-00001.jsonl.gz", 1, 10, "0" * 64)], replaces=mode == "full"
        )
        for name in streams
    }
    since = None if mode == "full" else "2026-01-01T00:00:00Z"
    return RunEntry(run_id, mode, since, None, "2026-01-02T00:00:00Z", "2026-01-02T00:01:00Z", entries)


def test_what_one_run_publishes_the_next_one_reads(tmp_path: pathlib.Path) -> None:
    first = Destination(tmp_path / "new" / "folder")
    first.publish(run("a", "full", "events"), seen=first.open())

    manifest = Destination(tmp_path / "new" / "folder").open()

    assert manifest.sequence == 1
    assert [part.path for part in manifest.files("events")] == ["events/a/part-00001.jsonl.gz"]


def test_a_full_run_stands_in_for_what_came_before_of_its_streams_only() -> None:
    manifest = (
        Manifest().followed_by(run("a", "full", "events", "sessions")).followed_by(run("b", "interval", "events"))
    )
    assert [entry.run_id for entry in manifest.runs] == ["a", "b"]

    manifest = manifest.followed_by(run("c", "full", "events"))

    assert [(entry.run_id, sorted(entry.streams)) for entry in manifest.runs] == [
        ("a", ["sessions"]),
        ("c", ["events"]),
    ]
    assert manifest.sequence == 3


def test_of_two_runs_that_saw_the_same_state_the_second_to_publish_fails_and_changes_nothing(
    tmp_path: pathlib.Path,
) -> None:
    one, other = Destination(tmp_path), Destination(tmp_path)
    seen_by_one, seen_by_other = one.open(), other.open()
    one.show(one.publish(run("one", "full", "events"), seen=seen_by_one))
    before = (tmp_path / "_livestorm" / "manifest.json").read_bytes()

    with pytest.raises(LivestormPublishConflictError, match="Another run published to"):
        other.publish(run("other", "full", "events"), seen=seen_by_other)

    assert (tmp_path / "_livestorm" / "manifest.json").read_bytes() == before
    assert [entry.run_id for entry in Destination(tmp_path).open().runs] == ["one"]


def test_a_folder_with_foreign_files_is_refused_and_left_as_it_was(tmp_path: pathlib.Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(LivestormDestinationError, match=r"holds files that no sync wrote \(thesis.tex\)"):
        Destination(tmp_path).open()

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_destination_below_a_file_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LivestormDestinationError, match="cannot be written: Not a directory"):
        Destination(tmp_path / "file" / "below").open()


def test_a_copy_that_cannot_be_written_is_mended_by_the_next_run(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    destination = Destination(tmp_path)
    copy = tmp_path / "_livestorm" / "manifest.json"
    manifest = destination.publish(run("a", "full", "events"), seen=destination.open())
    copy.mkdir()
    destination.show(manifest)
    assert "the next run will" in caplog.text
    assert [entry.run_id for entry in destination.published().runs] == ["a"], "it is published all the same"
    copy.rmdir()
    destination.open()
    assert json.loads(copy.read_bytes())["sequence"] == 1


def test_a_broken_manifest_is_an_error_and_not_an_empty_state(tmp_path: pathlib.Path) -> None:
    destination = Destination(tmp_path)
    destination.publish(run("a", "full", "events"), seen=destination.open())
    (tmp_path / "_livestorm" / "manifests" / "00000001.json").write_text('{"format": 1, "runs": ')

    with pytest.raises(LivestormDestinationError, match="cannot be read"):
        destination.open()


def test_a_manifest_of_a_later_version_is_refused(tmp_path: pathlib.Path) -> None:
    destination = Destination(tmp_path)
    destination.publish(run("a", "full", "events"), seen=destination.open())
    path = tmp_path / "_livestorm" / "manifests" / "00000001.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))

    with pytest.raises(LivestormDestinationError, match="another version of this provider"):
        destination.open()


def test_no_half_written_file_is_left_behind(tmp_path: pathlib.Path) -> None:
    destination = Destination(tmp_path)
    destination.show(destination.publish(run("a", "full", "events"), seen=destination.open()))
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"destination.json", "manifest.json", "00000001.json"}
