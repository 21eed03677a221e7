"""What a run came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_livestorm.sync.state import StreamEntry

__all__ = ["SyncResult"]


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a run published.

    Attributes:
        manifest: path of the manifest.
        cursor: when the run began, ISO 8601 in UTC: all that Livestorm told by then is published.
        quota_remaining: calls left this month, as the last answer told it.
        resumed: pages that an earlier try had read.
    """

    run_id: str
    manifest: str
    cursor: str | None
    streams: Mapping[str, StreamEntry]
    calls: int
    quota_remaining: int | None
    resumed: int = 0

    def summary(self) -> dict[str, Any]:
        """A small value for XCom: counts and names, no rows."""
        return {
            "run_id": self.run_id,
            "manifest": self.manifest,
            "cursor": self.cursor,
            "rows": sum(entry.rows for entry in self.streams.values()),
            "files": sum(len(entry.files) for entry in self.streams.values()),
            "calls": self.calls,
            "quota_remaining": self.quota_remaining,
            "resumed": self.resumed,
            "streams": {
                name: {"rows": entry.rows, "files": len(entry.files), "calls": entry.calls}
                for name, entry in self.streams.items()
            },
        }
