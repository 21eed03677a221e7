"""`LivestormDownloadRecordingsOperator`: the recordings of sessions, as files, each whole or not there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.download import Downloader, Source
from airflow_provider_livestorm.api.lists import Tally
from airflow_provider_livestorm.api.records import Recording
from airflow_provider_livestorm.api.resources import CATALOGUE, EVENTS, SESSIONS
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormError,
    LivestormNotFoundError,
    LivestormResponseError,
)
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.links import LivestormEventLink, LivestormSessionLink, note_links
from airflow_provider_livestorm.operators.parameters import integer, items, storage_path
from airflow_provider_livestorm.operators.recording_files import file_at, safe_name, size_at
from airflow_provider_livestorm.operators.reporting import telling_airflow
from airflow_provider_livestorm.sync.storage import StoragePath

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["LivestormDownloadRecordingsOperator"]

_RECORDINGS = CATALOGUE["recordings"]
_URL_LIFE = range(3_600, 604_801)  # seconds (api.md 5)
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")  # Livestorm's are UUIDs; what matters is that it is one part of a path


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
        try:
            return self._download(context)
        except LivestormError as error:
            if error.retryable:
                raise
            raise self._for_good(error) from error

    def _for_good(self, error: LivestormError) -> AirflowFailException:
        # In a line of its own: in a traceback people look for the cause in vain.
        self.log.error("%s", error)
        return AirflowFailException(str(error))

    def _download(self, context: Context) -> list[dict[str, Any]]:
        sessions = self._sessions()
        root = storage_path(self.destination)
        hook = LivestormHook(self.livestorm_conn_id, min_quota_remaining=integer(self.min_quota_remaining))
        done = []
        with hook.get_conn() as client, Downloader() as downloader:
            for session_id in sessions:
                recordings = self._listed(client, session_id)
                self.log.info("Session %s has %d recordings.", session_id, len(recordings))
                for recording, url in recordings:
                    renew = partial(self._renewed, client, recording)
                    name = f"Recording {recording.id} of session {session_id}"
                    source = Source(name, url, recording.file_size, renew)
                    done.append(self._land(downloader, recording, source, root))
            if len(sessions) == 1 and not all(one["skipped"] for one in done):
                self._link(client, context, sessions[0])
        with telling_airflow("lineage"):  # nobody's reason to download again
            _tell_lineage(self, done)
        return done

    def _sessions(self) -> list[str]:
        """What was asked for, each once."""
        sessions = list(dict.fromkeys(items(self.session_ids)))
        for session_id in sessions:
            if not _ID.fullmatch(session_id):
                raise LivestormConfigurationError(f"session_ids has {session_id!r}, which is no id of a session.")
        if self.url_expires_in not in _URL_LIFE:
            raise LivestormConfigurationError(
                f"url_expires_in is {_URL_LIFE[0]} to {_URL_LIFE[-1]} seconds; got {self.url_expires_in!r}."
            )
        return sessions

    def _listed(self, client: LivestormClient, session_id: str) -> list[tuple[Recording, str]]:
        """The recordings of a session, each with its signed URL."""
        path = _RECORDINGS.path.format(parent=session_id)
        found, tally = [], Tally(path)
        for page in client.paginate(path, params={"url_expires_in": self.url_expires_in}):
            tally.add(page)
            for row in page.resources:
                url = row.attributes.get("url")
                if not isinstance(url, str) or not _ID.fullmatch(row.id):
                    raise LivestormResponseError(
                        f"GET {path}: Livestorm tells of a recording without an id or a URL. It may be in the making:"
                        " try again later."
                    )
                found.append((_RECORDINGS.rows.read(row, parent=session_id), url))
        tally.check()
        return found

    def _renewed(self, client: LivestormClient, recording: Recording) -> str:
        for other, url in self._listed(client, recording.session_id):
            if other.id == recording.id:
                return url
        raise LivestormNotFoundError(
            f"Recording {recording.id} of session {recording.session_id} was deleted in Livestorm meanwhile.",
            status=404,
        )

    def _land(self, downloader: Downloader, recording: Recording, source: Source, root: StoragePath) -> dict[str, Any]:
        name = f"{recording.id}-{safe_name(recording.file_name, recording.mime_type)}"
        path = root / recording.session_id / name
        there = size_at(path)
        skipped = False
        if there is not None and not self.overwrite:
            skipped = there == (downloader.size_of(source) if source.size is None else source.size)
        if skipped:
            self.log.info("%s is there already.", path)
        else:
            with file_at(path, size=source.size, exists=there is not None) as file:
                downloader.download(source, file)
                file.finish()
                there = file.position
            self.log.info("%s: %d bytes are in %s", source.name, there, path)
        return {
            "session_id": recording.session_id,
            "recording_id": recording.id,
            "file": str(path),
            "bytes": there,
            "skipped": skipped,
        }

    def _link(self, client: LivestormClient, context: Context, session_id: str) -> None:
        """Note the links; a task that has its recordings does not fail for want of them."""
        try:
            document = client.request("GET", f"/sessions/{session_id}", params={"include": "event"}).document
            session = SESSIONS.rows.read(document.one)
            event = next((EVENTS.rows.read(one) for one in document.included if one.type == "events"), None)
        except LivestormError as error:
            self.log.info("There will be no links to Livestorm: %s", error)
            return
        note_links(context, event=event, session=session)


def _tell_lineage(operator: BaseOperator, done: list[dict[str, Any]]) -> None:
    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    for one in done:
        if not one["skipped"]:
            file = one["file"]
            collector.add_output_asset(context=operator, uri=file if "://" in file else f"file://{file}")
