"""Query parameters read strictly, and the page envelope (api.md 2).

An unknown parameter, filter, include or value is refused with 400: a client that sends one has a bug, and should hear
of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_livestorm.sandbox.errors import ApiError
from airflow_provider_livestorm.sandbox.settings import Settings
from airflow_provider_livestorm.sandbox.world import Resource

__all__ = ["Query", "bound", "moment", "page"]

PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 50  # api.md 2.1
_DIGITS = 15  # of a whole number: enough for unix seconds, and for any page

Record = TypeVar("Record")


@dataclass(frozen=True)
class Query:
    """The parameters of one call, checked.

    Attributes:
        number: page, 0-based.
        size: rows a page.
        filters: by name, as text.
        include: what was asked for.
        others: parameters that only this operation has, as text.
    """

    number: int = 0
    size: int = PAGE_SIZE_DEFAULT
    filters: dict[str, str] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    others: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        parameters: Iterable[tuple[str, str]],
        settings: Settings,
        *,
        paged: bool,
        filters: Iterable[str] = (),
        includes: Iterable[str] = (),
        others: Iterable[str] = (),
    ) -> Query:
        """Read the parameters of an operation that takes these and no others; ApiError 400 for any other."""
        sent = list(parameters)
        values = dict(sent)  # Rails keeps the last of a repeated one
        if "include" in values and settings.repeated_include == "all":
            values["include"] = ",".join(value for name, value in sent if name == "include")
        number, size = 0, PAGE_SIZE_DEFAULT
        include: tuple[str, ...] = ()
        found: dict[str, str] = {}
        found_others: dict[str, str] = {}
        for name, value in values.items():
            if paged and name == "page[number]":
                number = _whole(name, value, least=0)
            elif paged and name == "page[size]":
                size = _whole(name, value, least=1)
            elif name == "include" and set(value.split(",")) <= set(includes):
                include = tuple(value.split(","))
            elif name.startswith("filter[") and name.endswith("]") and name[7:-1] in filters:
                found[name[7:-1]] = value
            elif name in others:
                found_others[name] = value
            else:
                raise ApiError(400, "Bad request", f"The parameter '{name}' or its value is not supported")
        if size > PAGE_SIZE_MAX and settings.oversize_pages != "honour":
            if settings.oversize_pages == "refuse":
                raise ApiError(400, "Bad request", f"page[size] must be at most {PAGE_SIZE_MAX}")
            size = PAGE_SIZE_MAX
        return cls(number, size, found, include, found_others)

    def refuse_include(self, *but: str) -> None:
        """Where a setting takes some away of those that the operation knows; ApiError 400."""
        if not set(self.include) <= set(but):
            raise ApiError(400, "Bad request", "The parameter 'include' or its value is not supported")

    def window(
        self, settings: Settings, created: Callable[[Record], int], updated: Callable[[Record], int]
    ) -> list[Callable[[Record], bool]]:
        """The created and updated bounds as predicates on records whose times these two tell."""
        return [
            bound(told, sign, moment(name, self.filters[name]), settings)
            for name, told, sign in (
                ("created_since", created, 1),
                ("created_until", created, -1),
                ("updated_since", updated, 1),
                ("updated_until", updated, -1),
            )
            if name in self.filters
        ]

    def choice(self, name: str, choices: Iterable[str]) -> str | None:
        """A filter that takes one of a few values; ApiError 400 for any other."""
        value = self.filters.get(name)
        if value is not None and value not in choices:
            raise ApiError(400, "Bad request", f"The filter '{name}' does not take '{value}'")
        return value

    def flag(self, name: str) -> bool | None:
        """A filter that takes true or false."""
        value = self.choice(name, ("true", "false"))
        return None if value is None else value == "true"


def bound(told: Callable[[Record], int], sign: int, limit: float, settings: Settings) -> Callable[[Record], bool]:
    """A predicate for a lower (1) or an upper (-1) bound on a time, inclusive or not as set."""
    if settings.bounds == "inclusive":
        return lambda record: (told(record) - limit) * sign >= 0
    return lambda record: (told(record) - limit) * sign > 0


def moment(name: str, value: str) -> float:
    """Unix seconds or ISO 8601 as UTC unix seconds; ApiError 400 for anything else."""
    try:
        if value.isdigit() and value.isascii():
            if len(value) > _DIGITS:
                raise ValueError
            return float(value)
        parsed = dt.datetime.fromisoformat(value)
    except ValueError:
        raise ApiError(400, "Bad request", f"The filter '{name}' takes unix seconds or ISO 8601") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)).timestamp()


def page(
    records: Sequence[Record], write: Callable[[Record], Resource], query: Query, settings: Settings
) -> tuple[Resource, Sequence[Record]]:
    """One page of a list with its `meta`, and the records on it; ApiError 400 past the end."""
    count = len(records)
    pages = -(-count // query.size) if count else settings.empty_page_count
    if query.number > 0 and query.number >= pages:
        raise ApiError(400, "Bad request", f"page[number] {query.number} is past the last page")
    shown = records[query.number * query.size : (query.number + 1) * query.size]
    meta: dict[str, Any] = {
        "record_count": count,
        "page_count": pages,
        "items_per_page": query.size if settings.items_per_page == "page_size" else len(shown),
    }
    if settings.meta_form == "full":
        meta["current_page"] = query.number
        meta["previous_page"] = query.number - 1 if query.number else None
        meta["next_page"] = query.number + 1 if query.number + 1 < pages else None
    return {"data": [write(record) for record in shown], "meta": meta}, shown


def _whole(name: str, value: str, *, least: int) -> int:
    if not (value.isdigit() and value.isascii()) or len(value) > _DIGITS or int(value) < least:
        raise ApiError(400, "Bad request", f"{name} must be a whole number of at least {least}")
    return int(value)
