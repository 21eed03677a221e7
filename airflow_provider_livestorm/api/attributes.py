"""The attributes of resources into the columns of their rows, a column at a time: a few calls into C for many objects.

Livestorm sends an object's members in one form, or a few: what each takes is worked out once, for the names that came
in their order. What does not fit its column, and what has none, is handed back, to be kept in `_extra`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import NoneType
from typing import Any

__all__ = ["MISFITS", "Attributes", "ColumnPath", "picker"]

Members = Mapping[str, Any]
# A column's name, its kind, and the path to its value.
ColumnPath = tuple[str, str, tuple[str, ...]]
_LEAST, _MOST = -(2**63), 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOMENTS_MOST = 4096
MISFITS = (TypeError, ValueError, OverflowError)  # what a value raises that does not fit its column
_FORMS_MOST = 1000  # of one object, that are remembered


@dataclass(frozen=True, slots=True)
class _Form:
    """What is taken of an object with these very members.

    Attributes:
        columns: name and kind of each, and the member with its value.
        pick: their values, in that order.
        twice: whether two members tell one column.
        unknown: members without a column.
        inner: members that are objects with columns of their own.
    """

    columns: tuple[tuple[str, str, str], ...]
    pick: Callable[[Members], tuple[Any, ...]]
    twice: bool
    unknown: tuple[str, ...]
    inner: tuple[tuple[str, Attributes], ...]


class Attributes:
    """Reads one kind of object.

    Args:
        columns: that it fills; of two with one name the first that has a value counts.
        dropped: paths that are known and left out.
        secrets: names of members that are dropped at any depth, unread.
    """

    def __init__(
        self, columns: Sequence[ColumnPath], *, dropped: Sequence[tuple[str, ...]] = (), secrets: Sequence[str] = ()
    ) -> None:
        self._secrets = frozenset(secrets)
        self._columns = [(name, kind, path[0]) for name, kind, path in columns if len(path) == 1]
        self._inner = {
            member: Attributes(
                [(name, kind, path[1:]) for name, kind, path in columns if path[0] == member and len(path) > 1],
                dropped=[path[1:] for path in dropped if path[0] == member and len(path) > 1],
                secrets=secrets,
            )
            for member in dict.fromkeys(path[0] for *_, path in columns if len(path) > 1)
        }
        self._known = {member for *_, member in self._columns} | {path[0] for path in dropped} | self._inner.keys()
        self._forms: dict[tuple[str, ...], _Form] = {}

    def shape(self, members: Members) -> tuple[Any, ...]:
        """What objects must have in common for `columns`: their members, and those of objects in them."""
        inner = [name for name in self._inner if name in members]
        return (
            *members,
            *[self._inner[name].shape(value) if isinstance(value := members[name], dict) else None for name in inner],
        )

    def columns(self, objects: Sequence[Members]) -> tuple[dict[str, Sequence[Any]], dict[str, Sequence[Any]]]:
        """The values of objects of one shape: by column, and of what found no place by member.

        Raises:
            TypeError, ValueError, OverflowError: they are not of one shape, or one does not fit its column; `fill`
                takes them one by one.
        """
        came = tuple(objects[0])
        form = self._forms.get(came) or self._learn(came)
        if form.twice or not all(map(came.__eq__, map(tuple, objects))):
            raise TypeError
        picked = zip(*map(form.pick, objects), strict=True)
        columns = {name: _COLUMNS[kind](values) for (name, kind, _), values in zip(form.columns, picked, strict=True)}
        extra: dict[str, Sequence[Any]] = {
            member: [_without(one[member], self._secrets) for one in objects] for member in form.unknown
        }
        for member, inner in form.inner:
            values = [one[member] for one in objects]
            if all(isinstance(value, dict) for value in values):
                inside, left = inner.columns(values)
                if columns.keys() & inside.keys():
                    raise TypeError
                columns |= inside
                if left:
                    extra[member] = [dict(zip(left, one, strict=True)) for one in zip(*left.values(), strict=True)]
            elif any(value is not None for value in values):
                raise TypeError  # a scalar where an object is documented, or not all of them have it
        return columns, extra

    def fill(self, row: dict[str, Any], members: Members) -> dict[str, Any]:
        """Put an object's values into a row whose columns are there and None; returns what found no place.

        Args:
            row: to be filled.
            members: of the object, as Livestorm sent them.
        """
        came = tuple(members)
        form = self._forms.get(came) or self._learn(came)
        extra = {name: _without(members[name], self._secrets) for name in form.unknown}
        for (name, kind, member), value in zip(form.columns, form.pick(members), strict=True):
            if value is not None and row[name] is None:
                try:
                    row[name] = _CONVERTERS[kind](value)
                except MISFITS:
                    extra[member] = _without(value, self._secrets)
        for member, inner in form.inner:
            value = members[member]
            if isinstance(value, dict):
                if left := inner.fill(row, value):
                    extra[member] = left
            elif value is not None:
                extra[member] = _without(value, self._secrets)  # a scalar where an object is documented
        return extra

    def _learn(self, came: tuple[str, ...]) -> _Form:
        columns = [one for one in self._columns if one[2] in came and one[2] not in self._secrets]
        names = [name for name, *_ in columns]
        form = _Form(
            columns=tuple(columns),
            pick=picker([member for *_, member in columns]),
            twice=len(set(names)) < len(names),
            unknown=tuple(name for name in came if name not in self._known and name not in self._secrets),
            inner=tuple((name, self._inner[name]) for name in came if name in self._inner.keys() - self._secrets),
        )
        if len(self._forms) >= _FORMS_MOST:
            self._forms.clear()
        self._forms[came] = form
        return form


def picker(members: Sequence[str]) -> Callable[[Members], tuple[Any, ...]]:
    """What gives the values of these members, always as a tuple."""
    if len(members) > 1:
        return itemgetter(*members)
    return lambda values: tuple(values[member] for member in members)


def _without(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(member, secrets) for name, member in value.items() if name not in secrets}
    if isinstance(value, list):
        return [_without(member, secrets) for member in value]
    return value


# --- what a column takes -----


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: object) -> int:
    if type(value) is int and _LEAST <= value <= _MOST:
        return value  # as most are
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise TypeError
    if not _LEAST <= value <= _MOST:
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


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "json": _json,
}


# --- what many values of a column are, where all are of its type -----

Values = Sequence[Any]


class _Moments(dict[float | None, dt.datetime | None]):
    """Times by their number: a person's are often the same, and so are those of a session's people."""

    def __missing__(self, value: float | None) -> dt.datetime | None:
        if len(self) >= _MOMENTS_MOST:
            self.clear()
        self[value] = moment = _timestamp(value) if value is not None else None
        return moment


def _fitting(values: Values, *kinds: type) -> set[type]:
    found = set(map(type, values))
    if not found.issubset(kinds):
        raise TypeError
    return found


def _texts(values: Values) -> Values:
    _fitting(values, str, NoneType)
    return values


def _integers(values: Values) -> Values:
    _fitting(values, int, NoneType)
    for value in values:
        if value is not None and not _LEAST <= value <= _MOST:
            raise OverflowError
    return values


def _numbers(values: Values) -> Values:
    if int in _fitting(values, int, float, NoneType):
        return [value if value is None else float(value) for value in values]
    return values


def _booleans(values: Values) -> Values:
    _fitting(values, bool, NoneType)
    return values


_moments = _Moments()


def _timestamps(values: Values) -> Values:
    _fitting(values, int, float, NoneType)
    return list(map(_moments.__getitem__, values))


_COLUMNS: dict[str, Callable[[Values], Values]] = {
    "text": _texts,
    "integer": _integers,
    "number": _numbers,
    "boolean": _booleans,
    "timestamp": _timestamps,
    "json": lambda values: values,
}
