"""A destination's published state: which files hold which rows. It lies beside the data, in `_livestorm/`.

A run writes its parts under names of its own and then publishes them by writing a manifest: until then no reader of
the manifest knows of them, and afterwards it knows of them all. Manifests are numbered and created exclusively, so of
two runs that publish at once one fails. `manifest.json` is a copy of the newest, under a name that is easy to find.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import IO

import msgspec

from airflow_provider_livestorm.api.resources import CATALOGUE
from airflow_provider_livestorm.exceptions import LivestormDestinationError, LivestormPublishConflictError
from airflow_provider_livestorm.sync.storage import (
    StoragePath,
    create_exclusively,
    failing_as_os_error,
    forget_listings,
    make_folder,
    remove_tree,
    write_whole,
)

__all__ = ["Destination", "Manifest", "PartEntry", "RunEntry", "StreamEntry"]

_FOLDER = "_livestorm"
_MARKER = "destination.json"
_COPY = "manifest.json"
_FORMAT = 1
_KEPT = 50  # manifests of earlier states

log = logging.getLogger(__name__)


class PartEntry(msgspec.Struct, frozen=True):
    """One file of rows. `path` is relative to the destination, `bytes` the size on disk, `sha256` of those bytes."""

    path: str
    rows: int
    bytes: int
    sha256: str


class StreamEntry(msgspec.Struct, frozen=True):
    """What a run published of one stream. Rows with equal `key` are one row; that of the later run is the newer.

    Attributes:
        rows: that are new or changed; the files hold `deleted` more, with `_deleted_at` set.
        replaces: whether they stand in for all that was published of the stream before.
    """

    key: list[str]
    rows: int
    calls: int
    files: list[PartEntry]
    replaces: bool = False
    deleted: int = 0


class RunEntry(msgspec.Struct, frozen=True):
    """One published run; times are ISO 8601 in UTC. `mode` is `full`, `cursor` or `interval`."""

    run_id: str
    mode: str
    updated_since: str | None
    updated_until: str | None
    started_at: str
    published_at: str
    streams: dict[str, StreamEntry]


class Manifest(msgspec.Struct, frozen=True):
    """The published state: the runs that together hold it, oldest first.

    Attributes:
        format: of this file.
        sequence: counts what was published here.
        ledger: path of the ledger that belongs to this state, relative to the destination.
    """

    format: int = _FORMAT
    sequence: int = 0
    ledger: str | None = None
    runs: list[RunEntry] = []

    def followed_by(self, run: RunEntry, ledger: str | None = None) -> Manifest:
        """The state after one more run: what it replaces is gone."""

        def stays(name: str) -> bool:
            return name not in run.streams or not run.streams[name].replaces

        kept = [
            msgspec.structs.replace(old, streams={name: entry for name, entry in old.streams.items() if stays(name)})
            for old in self.runs
        ]
        return Manifest(sequence=self.sequence + 1, ledger=ledger, runs=[*(old for old in kept if old.streams), run])

    def files(self, stream: str) -> Iterator[PartEntry]:
        """The files of a stream, oldest first."""
        for run in self.runs:
            if stream in run.streams:
                yield from run.streams[stream].files


_manifest_decoder = msgspec.json.Decoder(Manifest)


class Destination:
    """A folder that syncs write to.

    Args:
        root: local, or in an object store. It may be missing; if it holds anything, a sync has written it.
    """

    def __init__(self, root: StoragePath) -> None:
        self.root = root
        self.folder = root / _FOLDER

    def open(self) -> Manifest:
        """Claim the folder, check that it can be written, and read what is published in it.

        Raises:
            LivestormDestinationError: it holds files that are not ours, or can't be written or read.
        """
        with self._failures("be written"):
            if not (self.folder / _MARKER).exists():
                self._refuse_foreign_files()
            # Written each time: it is the check that we may write, before any call is spent.
            write_whole(self.folder / _MARKER, msgspec.json.encode({"format": _FORMAT, "kind": "livestorm"}))
        manifest = self.published()
        copy = self.folder / _COPY
        if manifest.sequence and (not copy.exists() or copy.read_bytes() != _encode(manifest)):
            self.show(manifest)  # a run ended between publishing and showing
        return manifest

    def published(self) -> Manifest:
        """What is published; an empty manifest where nothing is.

        Raises:
            LivestormDestinationError: the newest manifest can't be read.
        """
        with self._failures("be read"):
            folder = self.folder / "manifests"
            forget_listings(folder)
            if not folder.exists():
                return Manifest()
            names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".json"))
            names = [name for name in names if not name.startswith(".")]
            if not names:
                return Manifest()
            manifest = _manifest_decoder.decode((folder / names[-1]).read_bytes())
        if manifest.format != _FORMAT:
            raise LivestormDestinationError(
                f"{self.root} was written by another version of this provider (format {manifest.format}); this one"
                f" knows format {_FORMAT}. Sync to another folder, or use that version."
            )
        return manifest

    def path_of(self, relative: str) -> StoragePath:
        """The path of a file of ours, which is told relative to the destination."""
        path = self.root
        for part in relative.split("/"):
            path /= part
        return path

    def write_ledger(self, run_id: str, pack: Callable[[IO[bytes]], None]) -> str:
        """Keep a ledger, which counts once a manifest names it; returns its relative path.

        Args:
            run_id: names the file.
            pack: writes the ledger into it.

        Raises:
            LivestormDestinationError: it could not be written.
        """
        path = self.folder / "ledgers" / f"{run_id}.sqlite.gz"
        with self._failures("be written"):
            make_folder(path.parent)
            with path.open("wb") as file:
                pack(file)
        return f"{_FOLDER}/ledgers/{path.name}"

    def publish(self, run: RunEntry, *, seen: Manifest, ledger: str | None = None) -> Manifest:
        """Publish a run; returns the new state. When this returns, and not before, the run is published.

        Args:
            run: its files are all written.
            seen: what was published when the run began.
            ledger: relative path of the ledger that belongs to it.

        Raises:
            LivestormPublishConflictError: another run published meanwhile.
            LivestormDestinationError: the manifest could not be written.
        """
        manifest = seen.followed_by(run, ledger)
        path = self.folder / "manifests" / f"{manifest.sequence:08d}.json"
        with self._failures("be written"):
            try:
                create_exclusively(path, _encode(manifest))
            except FileExistsError:
                raise self.conflict() from None
        return manifest

    def refuse_overtaken(self, seen: Manifest) -> None:
        """Raise LivestormPublishConflictError where another run published since `seen` was read."""
        if self.published().sequence != seen.sequence:
            raise self.conflict()

    def conflict(self) -> LivestormPublishConflictError:
        """The error of a run that another overtook."""
        return LivestormPublishConflictError(
            f"Another run published to {self.root} while this one was at work. Nothing of this run was published; run"
            " it again, and give each destination to one DAG."
        )

    def tidy(self, manifest: Manifest, *, seen: Manifest, tries: Iterable[str] = ()) -> None:
        """Remove what the state before needed and this one does not; what can't be removed does no harm.

        Args:
            manifest: that was published.
            seen: the state before.
            tries: ids of runs; the files of those that did not publish nobody will publish.
        """
        self._remove_replaced(manifest, seen)
        published = {run.run_id for run in manifest.runs}
        for run_id in set(tries) - published:
            for stream in CATALOGUE:
                with contextlib.suppress(OSError):
                    remove_tree(self.root / stream / run_id)
        with contextlib.suppress(OSError):
            if seen.ledger not in (None, manifest.ledger):
                (self.folder / "ledgers" / str(seen.ledger).rpartition("/")[2]).unlink()

    def _remove_replaced(self, manifest: Manifest, seen: Manifest) -> None:
        """Files that the state before the last one named, and none since: whoever read by it has ended by now."""
        older = self.folder / "manifests" / f"{seen.sequence - 1:08d}.json"
        with contextlib.suppress(OSError, ValueError), failing_as_os_error():
            before = _manifest_decoder.decode(older.read_bytes())
            needed = {part.path for state in (seen, manifest) for name in CATALOGUE for part in state.files(name)}
            for part in [part for name in CATALOGUE for part in before.files(name) if part.path not in needed]:
                with contextlib.suppress(OSError):
                    self.path_of(part.path).unlink()
            if manifest.sequence > _KEPT:
                (self.folder / "manifests" / f"{manifest.sequence - _KEPT:08d}.json").unlink()

    def show(self, manifest: Manifest) -> StoragePath:
        """Copy the newest manifest to the name that is easy to find; returns its path.

        A failure is logged: the run is published, and the next one mends the copy.
        """
        path = self.folder / _COPY
        try:
            write_whole(path, _encode(manifest))
        except OSError as error:
            log.warning("%s could not be written (%s); the next run will.", path, error.strerror or error)
        return path

    def _refuse_foreign_files(self) -> None:
        if not self.root.exists():
            return
        foreign = sorted(entry.name for entry in self.root.iterdir())
        if foreign and foreign != [_FOLDER]:
            raise LivestormDestinationError(
                f"{self.root} holds files that no sync wrote"
                f" ({', '.join(foreign[:3])}{', ...' if foreign[3:] else ''}). Name an empty or new folder."
            )

    @contextlib.contextmanager
    def _failures(self, what: str) -> Iterator[None]:
        try:
            with failing_as_os_error():
                yield
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise LivestormDestinationError(f"{self.root} cannot {what}: {reason}.") from error


def _encode(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)
