"""`LivestormSyncStreamsOperator`: a workspace's streams into files, published whole or not at all.

DAG files import it, and Airflow parses them again and again: the work itself is in `syncing.py`, imported as it begins.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_livestorm.exceptions import LivestormError, LivestormQuotaExceededError
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.operators.reporting import report
from airflow_provider_livestorm.sync.defaults import DEFAULT_EXCLUDE, DEFAULT_STREAMS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_livestorm.sync.runner import SyncRunner

__all__ = ["LivestormSyncStreamsOperator"]

# Where Livestorm does not say when its 30 days begin anew, it is asked again so much later; and where it names a time
# that is over, as clocks differ. A task that comes back within a few seconds Airflow's scheduler may fail: it takes the
# news that the first part ended for news of the second.
_ASK_AGAIN = dt.timedelta(days=1)
_SOONEST = dt.timedelta(seconds=10)


class LivestormSyncStreamsOperator(BaseOperator):
    """Pull streams of a Livestorm workspace into files, and publish them with a manifest.

    Files land as `<destination>/<stream>/<run>/part-00001.jsonl.gz`; `<destination>/_livestorm/manifest.json` names
    those that are published, and is written last. A run that fails publishes nothing; its next try goes on where it
    stopped, whether that is a retry of the task or the next run of the DAG.

    Returns a small summary: run_id, manifest, cursor, rows, files, calls, quota_remaining, resumed (pages that an
    earlier try had read), and rows, files and calls by stream. The events of the task's outlet assets carry it too.

    :param destination: a folder that is empty, new, or written by an earlier sync: a local path, or the URL of any
        object store that Airflow's ObjectStoragePath knows, such as `s3://aws_default@bucket/livestorm`. (templated)
    :param streams: names of the catalogue (`airflow livestorm streams` prints it), or `all`. (templated)
    :param mode: `cursor`: what changed since the last published run; the first one reads all. `full`: all.
        `interval`: what changed between `updated_since` and `updated_until`, or else within the DAG run's data
        interval, whatever was published before: for backfills. By default `interval` where one of these two is given,
        else `cursor`. (templated)
    :param updated_since: begin of the interval: ISO 8601 with a zone, unix seconds, or a datetime. Empty or None:
        open. (templated)
    :param updated_until: its end, likewise. (templated)
    :param file_format: `jsonl.gz`, `jsonl`, `csv` or `parquet` (which needs `airflow-provider-livestorm[parquet]`).
    :param settle_days: so long after its end a session is expected to change without showing it, as attendance and
        replays are counted afterwards.
    :param overlap_seconds: what changed so shortly before it was read is looked at again in the next run.
    :param reconcile_days: people of sessions that were read longer ago are read again though nothing shows a change,
        as far as `reconcile_calls` reaches.
    :param reconcile_calls: calls of a run for that; 0 for none.
    :param mark_deleted: publish rows that are gone once more, with only their key and `_deleted_at` set; each row then
        has that column.
    :param event_ids: only these events, with their sessions and people. (templated)
    :param tags: only events with one of these tags, likewise. (templated)
    :param session_statuses: only sessions of these statuses, with their people. (templated)
    :param sessions_from: only sessions that are planned from then on, likewise. (templated)
    :param sessions_to: only sessions that are planned until then. (templated)
    :param roles: only people of these roles: `participant`, `team_member`. (templated)
    :param exclude_columns: columns to leave out, as `stream.column`, or `column` for each stream that has it; by
        default what Livestorm notes of a person's device and whereabouts. An empty list leaves out nothing.
    :param hash_columns: columns of text to replace by their keyed SHA-256, likewise.
    :param hash_key_variable: name of the Airflow Variable that holds the key of the hashes; with it, rows with an
        e-mail address get a column `email_hash`.
    :param job_ids: ids of bulk registrations, for the stream `jobs`. (templated)
    :param on_unknown: what becomes of attributes that this version does not know: `keep` them in the column `_extra`,
        `ignore` them, or `fail`.
    :param rows_per_part: rows in a file, at most.
    :param min_quota_remaining: calls of Livestorm's monthly quota to leave to others; the run stops before it would go
        below. (templated)
    :param deferrable: where the monthly quota is used up, wait in the triggerer until a new month of it begins, instead
        of failing.
    :param livestorm_conn_id: a Connection of type `livestorm`. (templated)
    """

    template_fields: Sequence[str] = (
        "destination", "streams", "mode", "updated_since", "updated_until", "event_ids", "tags", "session_statuses",
        "sessions_from", "sessions_to", "roles", "job_ids", "min_quota_remaining", "livestorm_conn_id",
    )  # fmt: skip
    ui_color = "#e3f0ff"

    def __init__(
        self,
        *,
        destination: str,
        streams: Sequence[str] | str = DEFAULT_STREAMS,
        mode: str | None = None,
        updated_since: str | int | dt.datetime | None = None,
        updated_until: str | int | dt.datetime | None = None,
        file_format: str = "jsonl.gz",
        settle_days: float = 7,
        overlap_seconds: float = 60,
        reconcile_days: float = 30,
        reconcile_calls: int = 0,
        mark_deleted: bool = False,
        event_ids: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        session_statuses: Sequence[str] | str = (),
        sessions_from: str | int | dt.datetime | None = None,
        sessions_to: str | int | dt.datetime | None = None,
        roles: Sequence[str] | str = (),
        exclude_columns: Sequence[str] = DEFAULT_EXCLUDE,
        hash_columns: Sequence[str] = (),
        hash_key_variable: str | None = None,
        job_ids: Sequence[str] | str = (),
        on_unknown: str = "keep",
        rows_per_part: int = 50_000,
        min_quota_remaining: int | str = 0,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        livestorm_conn_id: str = LivestormHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.streams = streams
        self.mode = mode
        self.updated_since = updated_since
        self.updated_until = updated_until
        self.file_format = file_format
        self.settle_days = settle_days
        self.overlap_seconds = overlap_seconds
        self.reconcile_days = reconcile_days
        self.reconcile_calls = reconcile_calls
        self.mark_deleted = mark_deleted
        self.event_ids = event_ids
        self.tags = tags
        self.session_statuses = session_statuses
        self.sessions_from = sessions_from
        self.sessions_to = sessions_to
        self.roles = roles
        self.exclude_columns = exclude_columns
        self.hash_columns = hash_columns
        self.hash_key_variable = hash_key_variable
        self.job_ids = job_ids
        self.on_unknown = on_unknown
        self.rows_per_part = rows_per_part
        self.min_quota_remaining = min_quota_remaining
        self.deferrable = deferrable
        self.livestorm_conn_id = livestorm_conn_id

    def execute(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Run the sync; an error that no retry can mend fails the task for good."""
        del event  # of the trigger: the wait is over
        try:
            with self._runner(context) as runner:
                result = runner.run()
        except LivestormQuotaExceededError as error:
            if not self.deferrable:
                raise self._for_good(error) from error
            from airflow.providers.common.compat.standard.triggers import TimeDeltaTrigger  # noqa: PLC0415 - seldom used

            wait = self._until_new_month(error)
            self.log.warning("%s The task waits for %s in the triggerer, and then goes on.", error, wait)
            self.defer(trigger=TimeDeltaTrigger(wait), method_name="execute")
        except LivestormError as error:
            if error.retryable:
                raise
            raise self._for_good(error) from error
        summary = result.summary()
        self.log.info("Published: rows %s, files %s, %s", summary["rows"], summary["files"], summary["manifest"])
        report(self, context, result, self.destination)
        return summary

    def dry_run(self) -> None:
        """Print the plan: what would be read, how many calls that takes, what is left of the quota afterwards."""
        with self._runner({}) as runner:
            for line in runner.plan().lines():
                print(line)

    def _runner(self, context: Any) -> AbstractContextManager[SyncRunner]:
        from airflow_provider_livestorm.operators.syncing import opened_runner  # noqa: PLC0415 - not at each parsing

        return opened_runner(self, context)

    def _for_good(self, error: LivestormError) -> AirflowFailException:
        # In a line of its own: in a traceback people look for the cause, and its link, in vain.
        self.log.error("%s", error)
        return AirflowFailException(str(error))

    @staticmethod
    def _until_new_month(error: LivestormQuotaExceededError) -> dt.timedelta:
        if error.resets_at is None:
            return _ASK_AGAIN
        left = dt.datetime.fromtimestamp(error.resets_at, dt.UTC) - dt.datetime.now(dt.UTC)
        return max(left, _SOONEST)
