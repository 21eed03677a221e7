"""`LivestormSyncStreamsOperator`: a workspace's streams into files, published whole or not at all."""

from __future__ import annotations

import datetime as dt
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, ObjectStoragePath

from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormError
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.sync.planner import plan
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from airflow_provider_livestorm.sync.storage import StoragePath

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["LivestormSyncStreamsOperator"]

DEFAULT_STREAMS = ("events", "sessions", "session_people")


class LivestormSyncStreamsOperator(BaseOperator):
    """Pull streams of a Livestorm workspace into gzipped JSON Lines, and publish them with a manifest.

    Files land as `<destination>/<stream>/<run>/part-00001.jsonl.gz`; `<destination>/_livestorm/manifest.json` names
    those that are published, and is written last. A run that fails publishes nothing.

    Returns a small summary: run_id, manifest, rows, files, calls, quota_remaining, and rows, files and calls by stream.

    :param destination: a folder that is empty, new, or written by an earlier sync: a local path, or the URL of any
        object store that Airflow's ObjectStoragePath knows, such as `s3://aws_default@bucket/livestorm`. (templated)
    :param streams: of `events`, `sessions`, `session_people`. (templated)
    :param updated_since: pull only rows that changed since then: ISO 8601 with a zone, unix seconds, or a datetime.
        Empty or None: a full pull. (templated)
    :param settle_days: with `updated_since`, the people of sessions that began up to so many days before it are asked
        for as well, as attendance and replays are counted after a session's end.
    :param on_unknown: what becomes of attributes that this version does not know: `keep` them in the column `_extra`,
        `ignore` them, or `fail`.
    :param rows_per_part: rows in a file, at most.
    :param min_quota_remaining: calls of Livestorm's monthly quota to leave to others; the run fails before it would go
        below.
    :param livestorm_conn_id: a Connection of type `livestorm`. (templated)
    """

    template_fields: Sequence[str] = ("destination", "streams", "updated_since", "livestorm_conn_id")
    ui_color = "#e3f0ff"

    def __init__(
        self,
        *,
        destination: str,
        streams: Sequence[str] | str = DEFAULT_STREAMS,
        updated_since: str | int | dt.datetime | None = None,
        settle_days: float = 7,
        on_unknown: str = "keep",
        rows_per_part: int = 50_000,
        min_quota_remaining: int = 0,
        livestorm_conn_id: str = LivestormHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.streams = streams
        self.updated_since = updated_since
        self.settle_days = settle_days
        self.on_unknown = on_unknown
        self.rows_per_part = rows_per_part
        self.min_quota_remaining = min_quota_remaining
        self.livestorm_conn_id = livestorm_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the sync; an error that no retry can mend fails the task for good."""
        try:
            return self._sync()
        except LivestormError as error:
            if error.retryable:
                raise
            # In a line of its own: in a traceback people look for the cause, and its link, in vain.
            self.log.error("%s", error)  # noqa: TRY400 - Airflow logs the traceback
            raise AirflowFailException(str(error)) from error

    def _sync(self) -> dict[str, Any]:
        streams = [self.streams] if isinstance(self.streams, str) else self.streams
        todo = plan(
            streams,
            updated_since=_moment(self.updated_since),
            settle=dt.timedelta(days=self.settle_days),
        )
        hook = LivestormHook(self.livestorm_conn_id, min_quota_remaining=self.min_quota_remaining)
        with hook.get_conn() as client:
            runner = SyncRunner(
                client,
                Destination(_storage_path(self.destination)),
                todo,
                on_unknown=self.on_unknown,
                rows_per_part=self.rows_per_part,
            )
            result = runner.run()
        summary = result.summary()
        self.log.info("Published: rows %s, files %s, %s", summary["rows"], summary["files"], summary["manifest"])
        return summary


def _storage_path(destination: str) -> StoragePath:
    """A local path as such, for it can rename; all else as Airflow's ObjectStoragePath."""
    if not destination:
        raise LivestormConfigurationError("destination is empty; name a folder or the URL of one.")
    try:
        path = ObjectStoragePath(destination)
        if path.protocol in ("", "file", "local"):
            return pathlib.Path(path.path).expanduser().absolute()
        path.exists()  # makes the file system, and so shows a missing library or connection
    except (ImportError, ValueError, OSError) as error:
        raise LivestormConfigurationError(f"destination {destination!r} cannot be used: {error}") from error
    return path


def _moment(value: str | int | dt.datetime | None) -> dt.datetime | None:
    """The time that a parameter means; templates give text, and the text `None` for none."""
    if value is None or value in ("", "None"):
        return None
    if isinstance(value, dt.datetime):
        return value
    try:
        if isinstance(value, int) or value.isdecimal():
            return dt.datetime.fromtimestamp(int(value), dt.UTC)
        return dt.datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise LivestormConfigurationError(
            f"updated_since is no time: {value!r}. Write ISO 8601 with a zone (2026-01-31T00:00:00Z) or unix seconds."
        ) from None
