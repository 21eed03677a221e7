"""From a JSON:API resource to a flat row and a typed record, by the columns of `records`.

Called by the hook's readers and by the sync runner. What Livestorm adds tomorrow is not lost: attributes without a
column, and values that are not of their column's type, are kept in `_extra`.
"""

from __future__ import annotations

import datetime as dt
import types
import typing
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from airflow_provider_livestorm.api.attributes import MISFITS, Attributes
from airflow_provider_livestorm.api.json_api import Resource
from airflow_provider_livestorm.api.records import Record, Source

__all__ = ["Column", "RowReader"]

Row = dict[str, Any]
RecordT = TypeVar("RecordT", bound=Record)
_EXTRA = "_extra"


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
        self.columns = _columns(record)
        walked = [(column, path) for column in self.columns for path in (column.path, *column.others)]
        self._attributes = Attributes(
            [(column.name, column.kind, path[1:]) for column, path in walked if path[0] == "attributes"],
            dropped=[tuple(path.split("."))[1:] for path in dropped],
            secrets=secrets,
        )
        self._links = [(column.name, path[1:]) for column, path in walked if path[0] == "relationships"]
        self._ids = [column.name for column in self.columns if column.path == ("id",)]
        self._parents = [column.name for column in self.columns if column.path == ("parent",)]
        self._names = [*(column.name for column in self.columns), _EXTRA]

    def rows(self, resources: Sequence[Resource], *, parent: str | None = None) -> list[Row]:
        """The flat rows: every column of the record in its order, `_extra` last.

        Args:
            resources: as Livestorm sent them; a page, or as many as one likes to have in memory.
            parent: id of the record that the list hangs under.
        """
        if not resources:
            return []
        if together := self._together(resources, parent):
            return together
        alike: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
        for number, resource in enumerate(resources):
            alike[self._attributes.shape(resource.attributes)].append(number)
        rows: dict[int, Row] = {}
        for numbers in alike.values():
            some = [resources[number] for number in numbers]
            told = self._together(some, parent) or [self._odd(resource, parent) for resource in some]
            rows |= zip(numbers, told, strict=True)
        return [rows[number] for number in range(len(resources))]

    def row(self, resource: Resource, *, parent: str | None = None) -> Row:
        """The flat row of one resource, as `rows`."""
        return self.rows([resource], parent=parent)[0]

    def records(self, resources: Sequence[Resource], *, parent: str | None = None) -> list[RecordT]:
        """The typed records of resources; parameters as `rows`."""
        return [self._record(extra=row.pop(_EXTRA), **row) for row in self.rows(resources, parent=parent)]

    def read(self, resource: Resource, *, parent: str | None = None) -> RecordT:
        """The typed record of one resource."""
        return self.records([resource], parent=parent)[0]

    def _together(self, resources: Sequence[Resource], parent: str | None) -> list[Row] | None:
        """Their rows; None where their attributes have not one shape, or a value is not of its column's type."""
        try:
            columns, extra = self._attributes.columns([resource.attributes for resource in resources])
        except MISFITS:
            return None
        nothing = [None] * len(resources)
        columns[_EXTRA] = (
            [dict(zip(extra, one, strict=True)) for one in zip(*extra.values(), strict=True)] if extra else nothing
        )
        columns |= {name: [self._linked(one, path) for one in resources] for name, path in self._links}
        columns |= {name: [one.id for one in resources] for name in self._ids}
        columns |= {name: [parent] * len(resources) for name in self._parents}
        told = zip(*[columns.get(name, nothing) for name in self._names], strict=True)
        return [dict(zip(self._names, one, strict=True)) for one in told]

    def _odd(self, resource: Resource, parent: str | None) -> Row:
        """The row of a resource of which a value is not of its column's type."""
        row: Row = dict.fromkeys(self._names)
        row |= {name: self._linked(resource, path) for name, path in self._links}
        row |= dict.fromkeys(self._ids, resource.id) | dict.fromkeys(self._parents, parent)
        row[_EXTRA] = self._attributes.fill(row, resource.attributes) or None
        return row

    @staticmethod
    def _linked(resource: Resource, path: tuple[str, ...]) -> str | None:
        value = _dig(resource.relationships, path)
        return value if isinstance(value, str) else None


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


def _dig(attributes: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = attributes
    for member in path:
        if not isinstance(value, dict):
            return None
        value = value.get(member)
    return value


_KINDS: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    dt.datetime: "timestamp",
    Any: "json",
}
