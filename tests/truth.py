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
from typing import Any

TIMESTAMPS = frozenset(
    {
        "published_at", "created_at", "updated_at", "estimated_started_at", "started_at", "ended_at", "canceled_at",
        "registered_at", "registration_updated_at",
    }
)  # fmt: skip
SECRETS = frozenset({"password_key", "connection_link"})
KEYS = {"events": ("id",), "sessions": ("id",), "session_people": ("session_id", "id")}

Row = dict[str, Any]


def expected_rows(stream: str, resources: list[dict[str, Any]]) -> list[Row]:
    """The rows for a stream's raw records."""
    return [_EXPECTED[stream](resource) for resource in resources]


def published_rows(destination: pathlib.Path, stream: str) -> list[Row]:
    """What a reader of the manifest finds: the files it names, rows of later runs in place of earlier ones."""
    manifest = json.loads((destination / "_livestorm" / "manifest.json").read_bytes())
    rows: dict[tuple[str, ...], Row] = {}
    for run in manifest["runs"]:
        seen: set[tuple[str, ...]] = set()
        for part in run["streams"].get(stream, {"files": []})["files"]:
            content = (destination / part["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == part["sha256"]
            assert len(content) == part["bytes"]
            lines = gzip.decompress(content).splitlines()
            assert len(lines) == part["rows"]
            for line in lines:
                row = json.loads(line)
                key = tuple(row[name] for name in KEYS[stream])
                assert key not in seen, f"{stream}: {key} came twice in one run"
                seen.add(key)
                rows[key] = row
    return list(rows.values())


def digest(stream: str, rows: list[Row]) -> str:
    """One hash over all rows, whatever their order; members that are null count as absent."""
    lines = sorted(json.dumps({k: v for k, v in row.items() if v is not None}, sort_keys=True) for row in rows)
    assert len({tuple(row[name] for name in KEYS[stream]) for row in rows}) == len(rows), "a key came twice"
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


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


def _typed(row: Row) -> Row:
    def typed(name: str, value: Any) -> Any:
        if name not in TIMESTAMPS or value is None:
            return value
        moment = dt.datetime.fromtimestamp(value, dt.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if value else None

    return {name: typed(name, value) for name, value in row.items() if name not in SECRETS}


_EXPECTED = {"events": _event, "sessions": _session, "session_people": _session_person}
