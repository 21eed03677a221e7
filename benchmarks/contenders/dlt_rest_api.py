"""Contender 4: dlt's `rest_api` source to files, by the `filesystem` destination on local disk.

Lists inside a row stay in it as JSON (`max_table_nesting=0`) rather than becoming tables of their own, since rows are
what all contenders write. `--format jsonl` is not compressed (`disable_compression`). As dlt's page on performance has
it: files are rotated, so that normalize and load have parts to share out, and child resources are parallelized. dlt's
own client tries a 429 again after Retry-After.
"""

from __future__ import annotations

import json
import os
from typing import Any

from told import SESSION, Begun, arguments

told = arguments()
os.environ |= {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "5000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "50000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "50000",
    "NORMALIZE__WORKERS": "2",
    "LOAD__WORKERS": "2",
    "EXTRACT__WORKERS": "5",
}

import dlt  # noqa: E402 - after the environment
from dlt.sources.rest_api import rest_api_source  # noqa: E402 - likewise

PAGES = {
    "type": "page_number", "base_page": 0, "page_param": "page[number]", "total_path": "meta.page_count",
    "stop_after_empty_page": False,
}  # fmt: skip


def resource(name: str, path: str, **more: Any) -> dict[str, Any]:
    """A list of Livestorm's."""
    endpoint = {"path": path, "params": {"page[size]": 50}, "data_selector": "data", "paginator": dict(PAGES)}
    special = dict(more.pop("endpoint", {}))
    endpoint["params"] |= special.pop("params", {})
    endpoint |= special
    return {"name": name, "endpoint": endpoint, "primary_key": "id", "max_table_nesting": 0, **more}


def since(cursor: str) -> dict[str, Any]:
    """Only what was updated since the last run (inclusive)."""
    incremental = {"cursor_path": cursor, "initial_value": 0, "on_cursor_value_missing": "include"}
    return {"incremental": incremental, "params": {"filter[updated_since]": "{incremental.start_value}"}}


class NewestPerson:
    """The newest registration that was read, kept from run to run.

    dlt's own cursor on a child resource moves with each parent's rows, so that a first run loses nearly all people of
    the sessions after the first (95,000 rows became 2,000): a user who sees that keeps the time by hand.
    """

    def __init__(self) -> None:
        self._file = told.state / "newest_person.json"
        self.kept = self.seen = json.loads(self._file.read_text()) if self._file.exists() else 0

    def see(self, row: dict[str, Any]) -> dict[str, Any]:
        """Note a row's time, where it has one."""
        self.seen = max(self.seen, (row["attributes"].get("registrant_detail") or {}).get("updated_at", 0))
        return row

    def keep(self) -> None:
        """After a run that succeeded."""
        self._file.write_text(json.dumps(self.seen))


newest_person = NewestPerson()


def resources() -> list[dict[str, Any]]:
    """What is read: one long list; or events, sessions and the people of sessions.

    Sessions are listed whole, as each is asked for its people, from when they were last asked on: a registration need
    not move its session's `updated_at`. With `--trusting` only those sessions are listed that were updated.
    """
    if told.work == "list":
        return [resource("session_people", f"sessions/{SESSION}/people")]
    people = {"params": {"filter[updated_since]": newest_person.kept}}
    return [
        resource("events", "events", endpoint=since("attributes.updated_at")),
        resource("sessions", "sessions", endpoint=since("attributes.updated_at") if told.trusting else {}),
        resource(
            "session_people", "sessions/{resources.sessions.id}/people", include_from_parent=["id"],
            parallelized=True, endpoint=people, processing_steps=[{"map": newest_person.see}],
        ),
    ]  # fmt: skip


def main(auth: Any) -> None:
    """Extract, normalize, load.

    Args:
        auth: of the client: a configuration, or an object of dlt's.
    """
    begun = Begun()
    source = rest_api_source(
        {
            "client": {"base_url": f"{told.url}/", "auth": auth},
            "resources": resources(),
        }
    )
    pipeline = dlt.pipeline(
        pipeline_name="livestorm",
        pipelines_dir=str(told.state),
        destination=dlt.destinations.filesystem(bucket_url=told.out.absolute().as_uri()),
        dataset_name="livestorm",
    )
    pipeline.run(source, loader_file_format=told.format, write_disposition="append")
    newest_person.keep()
    counts = pipeline.last_trace.last_normalize_info.row_counts
    begun.report(sum(count for name, count in counts.items() if not name.startswith("_dlt")))


if __name__ == "__main__":
    main({"type": "api_key", "api_key": told.token, "name": "Authorization", "location": "header"})
