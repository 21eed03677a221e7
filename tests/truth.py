"""The rows that a workspace should give, worked out from the sandbox's raw records by rules of their own.

Nothing of the provider's row code is used here: this is the other side of the comparison. The rules are api.md's: one
flat row a record, timestamps in UTC with 0 as null, the secrets gone.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import msgspec

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sync.defaults import DEFAULT_EXCLUDE

TIMESTAMPS = frozenset(
    {
        "published_at", "created_at", "updated_at", "estimated_started_at", "started_at", "ended_at", "canceled_at",
        "registered_at", "registration_updated_at", "responded_at",
    }
)  # fmt: skip
SECRETS = frozenset({"password_key", "connection_link"})
KEYS = {
    "organization": ("id",),
    "users": ("id",),
    "events": ("id",),
    "event_tags": ("event_id", "id"),
    "sessions": ("id",),
    "session_people": ("session_id", "id"),
    "registration_answers": ("session_id", "person_id", "field_id"),
    "event_people": ("event_id", "id"),
    "people": ("id",),
    "people_attributes": ("id",),
    "chat_messages": ("session_id", "id"),
    "questions": ("session_id", "id"),
    "recordings": ("session_id", "id"),
    "webhooks": ("id",),
    "jobs": ("id",),
}
# Out of which raw records the rows of a stream follow, where it is not those of its own name.
SOURCES = {"registration_answers": "session_people"}

Row = dict[str, Any]


def expected_rows(stream: str, resources: list[dict[str, Any]]) -> list[Row]:
    """The rows for a stream's raw records."""
    if stream == "registration_answers":
        return [row for resource in resources for row in _answers(resource)]
    return [_EXPECTED.get(stream, _plain)(resource) for resource in resources]


def of(sandbox: SandboxProcess, stream: str) -> list[Row]:
    """The rows that a stream should have now."""
    return expected_rows(stream, sandbox.truth(SOURCES.get(stream, stream)))


def shown(rows: list[Row]) -> list[Row]:
    """The rows without what is left out unless it is asked for."""
    return [{name: value for name, value in row.items() if name not in DEFAULT_EXCLUDE} for row in rows]


def published_rows(destination: pathlib.Path, stream: str) -> list[Row]:
    """What a reader of the manifest finds: the files it names, rows of later runs in place of earlier ones.

    Rows that are told to be gone are gone; of the others that column is left out.
    """
    manifest = json.loads((destination / "_livestorm" / "manifest.json").read_bytes())
    rows: dict[tuple[str, ...], Row] = {}
    for run in manifest["runs"]:
        seen: set[tuple[str, ...]] = set()
        for part in run["streams"].get(stream, {"files": []})["files"]:
            content = (destination / part["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == part["sha256"]
            assert len(content) == part["bytes"]
            lines = (gzip.decompress(content) if part["path"].endswith(".gz") else content).splitlines()
            assert len(lines) == part["rows"]
            for line in lines:
                row = msgspec.json.decode(line)
                deleted = row.pop("_deleted_at", None)
                key = tuple(row[name] for name in KEYS[stream])
                assert key not in seen, f"{stream}: {key} came twice in one run"
                seen.add(key)
                if deleted:
                    rows.pop(key, None)
                else:
                    rows[key] = row
    return list(rows.values())


def digest(stream: str, rows: list[Row]) -> str:
    """One hash over all rows, whatever their order; members that are null count as absent."""
    encode = msgspec.json.Encoder(order="sorted").encode
    lines = sorted(encode({name: value for name, value in row.items() if value is not None}) for row in rows)
    assert len({tuple(row[name] for name in KEYS[stream]) for row in rows}) == len(rows), "a key came twice"
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def _event(resource: dict[str, Any]) -> Row:
    attributes = dict(resource["attributes"])
    owner = attributes.pop("owner", None) or {}
    profile = owner.get("attributes", {})
    row = {"id": resource["id"], **attributes, "owner_id": owner.get("id")}
    row |= {f"owner_{name}": profile.get(name) for name in ("email", "first_name", "last_name")}
    return _typed(row)


def _session(resource: dict[str, Any]) -> Row:
    return _typed({"id": resource["id"], **resource["attributes"]})


def _session_person(resource: dict[str, Any]) -> Row:
    attributes = dict(resource["attributes"])
    registration = dict(attributes.pop("registrant_detail", None) or {})
    if "created_at" in registration:
        registration["registered_at"] = registration.pop("created_at")
        registration["registration_updated_at"] = registration.pop("updated_at")
    return _typed({**attributes, **registration, "id": resource["id"], "session_id": resource["session_id"]})


def _event_person(resource: dict[str, Any]) -> Row:
    attributes = dict(resource["attributes"])
    registration = dict(attributes.pop("registrant_detail", None) or {})
    if "created_at" in registration:
        registration["registered_at"] = registration.pop("created_at")
        registration["registration_updated_at"] = registration.pop("updated_at")
    return _typed({**attributes, **registration, "id": resource["id"], "event_id": resource["event_id"]})


def _answers(resource: dict[str, Any]) -> Iterator[Row]:
    registration = resource["attributes"].get("registrant_detail") or {}
    for answer in registration.get("fields", ()):
        yield {
            "session_id": resource["session_id"],
            "person_id": resource["id"],
            "field_id": answer["id"],
            "event_id": registration["event_id"],
            "type": answer["type"],
            "value": answer["value"],
        }


def _question(resource: dict[str, Any]) -> Row:
    row = _plain(resource)
    if "response_orally" in row:
        row["responded_orally"] = row.pop("response_orally")
    return row


def _user(resource: dict[str, Any]) -> Row:
    return {**_plain(resource), "organization_id": resource["relationships"]["organization"]["data"]["id"]}


def _plain(resource: dict[str, Any]) -> Row:
    parents = {name: resource[name] for name in ("event_id", "session_id") if name in resource}
    return _typed({**resource["attributes"], **parents, "id": resource["id"]})


def _typed(row: Row) -> Row:
    def typed(name: str, value: Any) -> Any:
        if name not in TIMESTAMPS or value is None:
            return value
        moment = dt.datetime.fromtimestamp(value, dt.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if value else None

    return {name: typed(name, value) for name, value in row.items() if name not in SECRETS}


_EXPECTED = {
    "events": _event,
    "sessions": _session,
    "session_people": _session_person,
    "event_people": _event_person,
    "questions": _question,
    "users": _user,
}
