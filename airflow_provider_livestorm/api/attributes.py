"""The attributes of a resource into the columns of its row, with a few calls into C for each object.

Livestorm sends an object's members in one form, or a few: what each takes is worked out once, for the names that came
in their order. What does not fit its column, and what has none, is handed back, to be kept in `_extra`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import contains, itemgetter
from types import NoneType
from typing import Any

__all__ = ["Attributes", "ColumnPath", "picker"]

Members = Mapping[str, Any]
# A column's name, its kind, and the path to its value.
ColumnPath = tuple[str, str, tuple[str, ...]]
_LEAST, _MOST = -(2**63), 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOMENTS_MOST = 4096
_MISFITS = (TypeError, ValueError, OverflowError)
_FORMS_MOST = 1000  # of one object, that are remembered


@dataclass(frozen=True, slots=True)
class _Form:
    """What is taken of an object with these very members.

    Attributes:
        columns: name and kind of each, and the member with its value; JSON last.
        names: of these columns.
        pick: their values, in that order.
        fit: the types of which a value may be to be taken without a look; JSON may be anything.
        checked: columns whose values are looked at all the same, and how.
        twice: whether two members tell one column.
        unknown: members without a column.
        inner: members that are objects with columns of their own.
    """

    columns: tuple[tuple[str, str, str], ...]
    names: tuple[str, ...]
    pick: Callable[[Members], tuple[Any, ...]]
    fit: tuple[frozenset[type], ...]
    checked: tuple[tuple[str, str, Callable[[Any], Any]], ...]
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

    def fill(self, row: dict[str, Any], members: Members) -> dict[str, Any]:
        """Put an object's values into a row whose columns are there and None; returns what found no place.

        Args:
            row: to be filled.
            members: of the object, as Livestorm sent them.
        """
        came = tuple(members)
        form = self._forms.get(came) or self._learn(came)
        extra = {name: _without(members[name], self._secrets) for name in form.unknown} if form.unknown else {}
        values = form.pick(members)
        if not form.twice and all(map(contains, form.fit, map(type, values))):
            row.update(zip(form.names, values, strict=True))
            for name, member, convert in form.checked:
                if (value := row[name]) is not None:
                    try:
                        row[name] = convert(value)
                    except _MISFITS:
                        row[name], extra[member] = None, value
        else:
            for (name, kind, member), value in zip(form.columns, values, strict=True):
                if value is not None and row[name] is None:
                    try:
                        row[name] = _CONVERTERS[kind](value)
                    except _MISFITS:
                        extra[member] = value
        for member, inner in form.inner:
            value = members[member]
            if isinstance(value, dict):
                if left := inner.fill(row, value):
                    extra[member] = left
            elif value is not None:
                extra[member] = value  # a scalar where an object is documented
        return extra

    def _learn(self, came: tuple[str, ...]) -> _Form:
        columns = [one for one in self._columns if one[2] in came and one[2] not in self._secrets]
        columns.sort(key=lambda one: one[1] == "json")  # stable
        names = tuple(name for name, *_ in columns)
        form = _Form(
            columns=tuple(columns),
            names=names,
            pick=picker([member for *_, member in columns]),
            fit=tuple(_FIT[kind] for _, kind, _ in columns if kind != "json"),
            checked=tuple((name, member, _CHECKED[kind]) for name, kind, member in columns if kind in _CHECKED),
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


class _Moments(dict[float, dt.datetime | None]):
    """Times by their number: a person's are often the same, and so are those of a session's people."""

    def __missing__(self, value: float) -> dt.datetime | None:
        if len(self) >= _MOMENTS_MOST:
            self.clear()
        self[value] = moment = _timestamp(value)
        return moment


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
_FIT: dict[str, frozenset[type]] = {
    "text": frozenset({str, NoneType}),
    "integer": frozenset({int, NoneType}),
    "number": frozenset({int, float, NoneType}),
    "boolean": frozenset({bool, NoneType}),
    "timestamp": frozenset({int, float, NoneType}),
}
# What values that fit are checked with.
_CHECKED: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "timestamp": _Moments().__getitem__,
}
