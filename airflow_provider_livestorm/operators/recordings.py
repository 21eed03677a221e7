"""`LivestormDownloadRecordingsOperator`: the recordings of sessions, as files, each whole or not there.

DAG files import it, and Airflow parses them again and again: the work itself is in `recording_work.py`, imported as it
begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_livestorm.exceptions import LivestormError
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.links import LivestormEventLink, LivestormSessionLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["LivestormDownloadRecordingsOperator"]


class LivestormDownloadRecordingsOperator(BaseOperator):
    """Download the recordings of sessions.

    They land as `<destination>/<session id>/<recording id>-<file name>`, each when it is whole: on local disk a file
    is written as `.<name>.part` and renamed; in an object store it shows when its upload is complete. What is there
    with the right size is not downloaded again.

    A connection that breaks is gone on from, where the storage can send a part of a file. So does the next try of a
    task that was killed, on local disk; in an object store it begins that file anew.

    Each session costs one call of the monthly quota for each 50 recordings; the downloads cost none. Where the
    recordings of a single session are downloaded, one call more gives the task its links to Livestorm.

    Example::

        LivestormDownloadRecordingsOperator(
            task_id="recordings",
            session_ids="{{ ti.xcom_pull(task_ids='ended_sessions') }}",
            destination="s3://aws_default@bucket/recordings",
        )

    Returns a list of `{"session_id", "recording_id", "file", "bytes", "skipped"}`, one for each recording; skipped
    means that it was there already.

    :param session_ids: one session's id or a list of ids, or a template that gives either. (templated)
    :param destination: a folder: a local path, or the URL of any object store that Airflow's ObjectStoragePath knows,
        such as `s3://aws_default@bucket/recordings`. (templated)
    :param overwrite: whether to download also what is there with the right size.
    :param url_expires_in: seconds that the recordings' signed URLs live, 3600 to 604800. One that expires meanwhile is
        replaced by another call.
    :param min_quota_remaining: calls of Livestorm's monthly quota to leave to others; the task fails before it would go
        below. (templated)
    :param livestorm_conn_id: a Connection of type `livestorm`. (templated)
    """

    template_fields: Sequence[str] = ("session_ids", "destination", "min_quota_remaining", "livestorm_conn_id")
    operator_extra_links = (LivestormEventLink(), LivestormSessionLink())
    ui_color = "#e3f0ff"

    def __init__(
        self,
        *,
        session_ids: Sequence[str] | str,
        destination: str,
        overwrite: bool = False,
        url_expires_in: int = 43_200,
        min_quota_remaining: int | str = 0,
        livestorm_conn_id: str = LivestormHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.session_ids = session_ids
        self.destination = destination
        self.overwrite = overwrite
        self.url_expires_in = url_expires_in
        self.min_quota_remaining = min_quota_remaining
        self.livestorm_conn_id = livestorm_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Download; an error that no retry can mend fails the task for good."""
        from airflow_provider_livestorm.operators.recording_work import RecordingWork  # noqa: PLC0415 - not at each parsing

        try:
            return RecordingWork(self, context).download()
        except LivestormError as error:
            if error.retryable:
                raise
            raise self._for_good(error) from error

    def _for_good(self, error: LivestormError) -> AirflowFailException:
        # In a line of its own: in a traceback people look for the cause in vain.
        self.log.error("%s", error)
        return AirflowFailException(str(error))
