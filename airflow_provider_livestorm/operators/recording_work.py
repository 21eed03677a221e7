"""The work of `LivestormDownloadRecordingsOperator`: lists the recordings of its sessions and downloads them.

The operator imports this module as a task begins: it brings the client and the downloader, of which parsing a DAG needs
nothing.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

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
from airflow_provider_livestorm.links import note_links
from airflow_provider_livestorm.operators.parameters import integer, items, storage_path
from airflow_provider_livestorm.operators.recording_files import file_at, safe_name, size_at
from airflow_provider_livestorm.operators.reporting import telling_airflow
from airflow_provider_livestorm.sync.storage import StoragePath

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_livestorm.operators.recordings import LivestormDownloadRecordingsOperator

__all__ = ["RecordingWork"]

_RECORDINGS = CATALOGUE["recordings"]
_URL_LIFE = range(3_600, 604_801)  # seconds (api.md 5)
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")  # Livestorm's are UUIDs; what matters is that it is one part of a path


class RecordingWork:
    """One execution of the operator.

    Args:
        operator: with its templates rendered.
        context: of the task, where its links are noted.
    """

    def __init__(self, operator: LivestormDownloadRecordingsOperator, context: Context) -> None:
        self._operator = operator
        self._context = context
        self._log = operator.log

    def download(self) -> list[dict[str, Any]]:
        """Download all of them, and tell what is where.

        Raises:
            LivestormError: a parameter is not usable, Livestorm refuses, or the destination cannot be written.
        """
        sessions = self._sessions()
        root = storage_path(self._operator.destination)
        hook = LivestormHook(
            self._operator.livestorm_conn_id, min_quota_remaining=integer(self._operator.min_quota_remaining)
        )
        done = []
        with hook.get_conn() as client, Downloader() as downloader:
            for session_id in sessions:
                recordings = self._listed(client, session_id)
                self._log.info("Session %s has %d recordings.", session_id, len(recordings))
                for recording, url in recordings:
                    renew = partial(self._renewed, client, recording)
                    name = f"Recording {recording.id} of session {session_id}"
                    source = Source(name, url, recording.file_size, renew)
                    done.append(self._land(downloader, recording, source, root))
            if len(sessions) == 1 and not all(one["skipped"] for one in done):
                self._link(client, sessions[0])
        with telling_airflow("lineage"):  # nobody's reason to download again
            _tell_lineage(self._operator, done)
        return done

    def _sessions(self) -> list[str]:
        """What was asked for, each once."""
        sessions = list(dict.fromkeys(items(self._operator.session_ids)))
        for session_id in sessions:
            if not _ID.fullmatch(session_id):
                raise LivestormConfigurationError(f"session_ids has {session_id!r}, which is no id of a session.")
        if self._operator.url_expires_in not in _URL_LIFE:
            raise LivestormConfigurationError(
                f"url_expires_in is {_URL_LIFE[0]} to {_URL_LIFE[-1]} seconds; got {self._operator.url_expires_in!r}."
            )
        return sessions

    def _listed(self, client: LivestormClient, session_id: str) -> list[tuple[Recording, str]]:
        """The recordings of a session, each with its signed URL."""
        path = _RECORDINGS.path.format(parent=session_id)
        found, tally = [], Tally(path)
        for page in client.paginate(path, params={"url_expires_in": self._operator.url_expires_in}):
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
        if there is not None and not self._operator.overwrite:
            skipped = there == (downloader.size_of(source) if source.size is None else source.size)
        if skipped:
            self._log.info("%s is there already.", path)
        else:
            with file_at(path, size=source.size, exists=there is not None) as file:
                downloader.download(source, file)
                file.finish()
                there = file.position
            self._log.info("%s: %d bytes are in %s", source.name, there, path)
        return {
            "session_id": recording.session_id,
            "recording_id": recording.id,
            "file": str(path),
            "bytes": there,
            "skipped": skipped,
        }

    def _link(self, client: LivestormClient, session_id: str) -> None:
        """Note the links; a task that has its recordings does not fail for want of them."""
        try:
            document = client.request("GET", f"/sessions/{session_id}", params={"include": "event"}).document
            session = SESSIONS.rows.read(document.one)
            event = next((EVENTS.rows.read(one) for one in document.included if one.type == "events"), None)
        except LivestormError as error:
            self._log.info("There will be no links to Livestorm: %s", error)
            return
        note_links(self._context, event=event, session=session)


def _tell_lineage(operator: BaseOperator, done: list[dict[str, Any]]) -> None:
    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    for one in done:
        if not one["skipped"]:
            file = one["file"]
            collector.add_output_asset(context=operator, uri=file if "://" in file else f"file://{file}")
