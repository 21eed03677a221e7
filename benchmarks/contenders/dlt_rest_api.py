"""Contender 4: dlt's `rest_api` source to files, by the `filesystem` destination on local disk.

Attributes become columns, as dlt is made for, and lists stay in their row as JSON rather than become tables of their
own, since rows are what all contenders write: so `max_table_nesting` is 1, and 2 where `registrant_detail` is to be
flat as well. `--format jsonl` is not compressed (`disable_compression`). As dlt's page on performance has it: files are
rotated, so that normalize and load have parts to share out, and child resources are parallelized. dlt's own client asks
a 429 again after Retry-After; it knows no limit beforehand.
"""

from __future__ import annotations

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
    return {"name": name, "endpoint": endpoint, "primary_key": "id", "max_table_nesting": 1, **more}


def since(cursor: str) -> dict[str, Any]:
    """Only what was updated since the last run (inclusive)."""
    incremental = {"cursor_path": cursor, "initial_value": 0, "on_cursor_value_missing": "include"}
    return {"incremental": incremental, "params": {"filter[updated_since]": "{incremental.start_value}"}}


class PeopleSince:
    """The newest registration of each session, kept in dlt's own state: committed with the rows, or not at all.

    dlt's `incremental` on a child resource begins anew with each page of parents, at the newest row so far: a first
    run then asks for, or keeps, only what is newer, and 94,000 rows became 400. So its docs' other way is taken.
    """

    def __init__(self) -> None:
        self._kept: dict[str, int] | None = None

    def ask(self, session: dict[str, Any]) -> dict[str, Any]:
        """Put into a session's row, where its people's filter can be resolved from, the time to ask from."""
        return {**session, "people_since": self._times.get(session["id"], 0)}

    def see(self, row: dict[str, Any]) -> dict[str, Any]:
        """Note a person's time; a few rows come without one."""
        times, session = self._times, row["_sessions_id"]
        updated = (row["attributes"].get("registrant_detail") or {}).get("updated_at", 0)
        times[session] = max(times.get(session, 0), updated)
        return row

    @property
    def _times(self) -> dict[str, int]:
        if self._kept is None:  # of the run that is under way
            self._kept = dlt.current.source_state().setdefault("people_since", {})
        return self._kept


def resources() -> list[dict[str, Any]]:
    """What is read: one long list; or events, sessions and the people of sessions.

    Sessions are listed whole, as each is asked for its people, from the newest that it had: a registration need not
    move its session's `updated_at`. With `--trusting` only those sessions are listed that were updated.
    """
    if told.work == "list":
        return [resource("session_people", f"sessions/{SESSION}/people", max_table_nesting=2)]
    since_kept = PeopleSince()
    people = {"params": {"filter[updated_since]": "{resources.sessions.people_since}"}}
    return [
        resource("events", "events", endpoint=since("attributes.updated_at")),
        resource(
            "sessions", "sessions", endpoint=since("attributes.updated_at") if told.trusting else {},
            processing_steps=[{"map": since_kept.ask}],
        ),
        resource(
            "session_people", "sessions/{resources.sessions.id}/people", include_from_parent=["id"],
            max_table_nesting=2, parallelized=True, endpoint=people, processing_steps=[{"map": since_kept.see}],
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
    counts = pipeline.last_trace.last_normalize_info.row_counts
    begun.report(sum(count for name, count in counts.items() if not name.startswith("_dlt")))


if __name__ == "__main__":
    main({"type": "api_key", "api_key": told.token, "name": "Authorization", "location": "header"})
