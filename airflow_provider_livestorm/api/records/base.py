"""What every record is made of: where a column's value lies, the types of columns, and the base class.

A record's member is the column, its annotation the column's type, and `Source` says where in the JSON:API resource it
is found if not at `attributes.<name>`. Members are typed `| None` throughout: Livestorm leaves members out as it likes,
and a row is worth more than a crash. Timestamps are aware UTC datetimes; Livestorm's 0 ("never") is None.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec

__all__ = ["Boolean", "Integer", "Json", "Number", "Record", "Source", "Text", "Timestamp"]


class Source:
    """Where a column's value lies in the resource.

    Args:
        paths: dotted, from the resource's root, or `parent` for the id that the list hangs under. Several where sources
            tell the name differently (api.md 6.5): the first that is there counts.
    """

    def __init__(self, *paths: str) -> None:
        self.paths = paths


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records.

    Attributes:
        extra: attributes that the catalogue does not know, or whose value was not of the known type; column `_extra`.
    """

    extra: Annotated[dict[str, Any] | None, Source("_extra")] = msgspec.field(name="_extra", default=None)


Text = str | None
Integer = int | None
Number = float | None
Boolean = bool | None
Timestamp = dt.datetime | None
Json = Any
