"""From a JSON:API resource to a flat row and a typed record, by the columns of `records`.

Called by the hook's readers and by the sync runner. What Livestorm adds tomorrow is not lost: attributes without a
column, and values that are not of their column's type, are kept in `_extra`.
"""

from __future__ import annotations

import datetime as dt
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from airflow_provider_livestorm.api.json_api import Resource
from airflow_provider_livestorm.api.records import Record, Source

__all__ = ["Column", "RowReader"]

Row = dict[str, Any]
RecordT = TypeVar("RecordT", bound=Record)
_EXTRA = "_extra"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what it holds, and the path to its value in the resource.

    Attributes:
        kind: text, integer, number, boolean, timestamp (UTC) or json.
        path: the members to walk from the resource's root; `("parent",)` for the id of the list's parent.
        others: more paths, for a value that sources name differently; the first that is there counts.
    """

    name: str
    kind: str
    path: tuple[str, ...]
    others: tuple[tuple[str, ...], ...] = ()


class RowReader(Generic[RecordT]):
    """Reads the rows of one kind of record.

    Args:
        record: the Struct whose members are the columns.
        dropped: dotted paths of attributes that are known and left out, because another column tells the same.
        secrets: names of members that are dropped at any depth, unread.
    """

    def __init__(self, record: type[RecordT], *, dropped: tuple[str, ...] = (), secrets: tuple[str, ...] = ()) -> None:
        self._record = record
        self._secrets = frozenset(secrets)
        self.columns = _columns(record)
        walked = [(column, path) for column in self.columns for path in (column.path, *column.others)]
        self._converters = [
            (column, path[1:], _CONVERTERS[column.kind]) for column, path in walked if path[0] == "attributes"
        ]
        self._links = [(column, path[1:]) for column, path in walked if path[0] == "relationships"]
        self._known = _tree([path[1:] for _, path in walked if path[0] == "attributes"])
        for path in dropped:
            _plant(self._known, tuple(path.split("."))[1:])

    def row(self, resource: Resource, *, parent: str | None = None) -> Row:
        """The flat row: every column of the record in its order, `_extra` last.

        Args:
            resource: as Livestorm sent it.
            parent: id of the record that the list hangs under.
        """
        row: Row = dict.fromkeys(column.name for column in self.columns)
        for column in self.columns:
            if column.path == ("id",):
                row[column.name] = resource.id
            elif column.path == ("parent",):
                row[column.name] = parent
        for column, path in self._links:
            value = _dig(resource.relationships, path)
            row[column.name] = value if isinstance(value, str) else None
        misfits: dict[str, Any] = {}
        for column, path, convert in self._converters:
            value = _dig(resource.attributes, path)
            if value is None or row[column.name] is not None:
                continue
            try:
                row[column.name] = convert(value)
            except (TypeError, ValueError, OverflowError):
                _put(misfits, path, value)
        extra = _merge(_unknown(resource.attributes, self._known, self._secrets), misfits)
        row[_EXTRA] = extra or None
        return row

    def read(self, resource: Resource, *, parent: str | None = None) -> RecordT:
        """The typed record of a resource; parameters as `row`."""
        row = self.row(resource, parent=parent)
        return self._record(extra=row.pop(_EXTRA), **row)


def _columns(record: type[Record]) -> tuple[Column, ...]:
    hints = typing.get_type_hints(record, include_extras=True)
    columns = []
    for field in msgspec.structs.fields(record):
        if field.encode_name == _EXTRA:
            continue
        hint = hints[field.name]
        paths: tuple[tuple[str, ...], ...] = (("attributes", field.name),)
        if typing.get_origin(hint) is typing.Annotated:
            hint, source = typing.get_args(hint)[:2]
            assert isinstance(source, Source)  # noqa: S101 - a mistake in records, seen at the first import
            paths = tuple(tuple(path.split(".")) for path in source.paths)
        columns.append(Column(field.name, _kind(hint), paths[0], paths[1:]))
    return tuple(columns)


def _kind(hint: Any) -> str:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (hint,) = (member for member in typing.get_args(hint) if member is not types.NoneType)
    return _KINDS[hint]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise TypeError
    if not -(2**63) <= value < 2**63:
        raise OverflowError  # no column of a file or a database takes it
    return int(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _timestamp(value: object) -> dt.datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    # 0 is Livestorm's "never" (api.md 2). Added to the epoch, as fromtimestamp() fails in other ways on each platform.
    return _EPOCH + dt.timedelta(seconds=value) if value else None


def _json(value: object) -> object:
    return value


_KINDS: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    dt.datetime: "timestamp",
    Any: "json",
}
_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "json": _json,
}

# --- walking attributes: a tree of the known members, whose leaves are empty -----

_Tree = dict[str, Any]


def _tree(paths: list[tuple[str, ...]]) -> _Tree:
    tree: _Tree = {}
    for path in paths:
        _plant(tree, path)
    return tree


def _plant(tree: _Tree, path: tuple[str, ...]) -> None:
    for member in path:
        tree = tree.setdefault(member, {})


def _dig(attributes: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = attributes
    for member in path:
        if not isinstance(value, dict):
            return None
        value = value.get(member)
    return value


def _put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for member in path[:-1]:
        target = target.setdefault(member, {})
    target[path[-1]] = value


def _unknown(attributes: Mapping[str, Any], known: _Tree, secrets: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in secrets:
            continue
        if name not in known:
            found[name] = _without(value, secrets)
        elif known[name]:
            if isinstance(value, dict):
                if inner := _unknown(value, known[name], secrets):
                    found[name] = inner
            elif value is not None:
                found[name] = value  # a scalar where an object is documented
    return found


def _without(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(member, secrets) for name, member in value.items() if name not in secrets}
    if isinstance(value, list):
        return [_without(member, secrets) for member in value]
    return value


def _merge(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    for name, value in right.items():
        both = isinstance(value, dict) and isinstance(left.get(name), dict)
        left[name] = _merge(left[name], value) if both else value
    return left
