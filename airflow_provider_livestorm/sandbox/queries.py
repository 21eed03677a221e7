"""Query parameters read strictly, and the page envelope (api.md 2).

An unknown parameter, filter, include or value is refused with 400: a client that sends one has a bug, and should hear
of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_livestorm.sandbox.settings import Settings

__all__ = ["ApiError", "Query", "envelope", "moment"]

PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 50  # api.md 2.1
_DIGITS = 15  # of a whole number: enough for unix seconds, and for any page
_WINDOW = {"created_since": ("created_at", 1), "created_until": ("created_at", -1)}
_WINDOW |= {"updated_since": ("updated_at", 1), "updated_until": ("updated_at", -1)}

Resource = dict[str, Any]
Predicate = Callable[[Resource], bool]


class ApiError(Exception):
    """An answer that is an error: JSON:API's `errors` with one entry, or an empty body."""

    def __init__(self, status: int, title: str, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class Query:
    """The parameters of one call, checked.

    Attributes:
        number: page, 0-based.
        size: rows a page.
        filters: by name, as text.
        include: what was asked for.
    """

    number: int = 0
    size: int = PAGE_SIZE_DEFAULT
    filters: dict[str, str] = field(default_factory=dict)
    include: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        parameters: Iterable[tuple[str, str]],
        settings: Settings,
        *,
        paged: bool,
        filters: Iterable[str] = (),
        includes: Iterable[str] = (),
    ) -> Query:
        """Read the parameters of an operation that takes these filters and includes; ApiError 400 for any other."""
        values = dict(parameters)  # Rails keeps the last of a repeated one
        number, size = 0, PAGE_SIZE_DEFAULT
        include: tuple[str, ...] = ()
        found: dict[str, str] = {}
        for name, value in values.items():
            if paged and name == "page[number]":
                number = _whole(name, value, least=0)
            elif paged and name == "page[size]":
                size = _whole(name, value, least=1)
            elif name == "include" and set(value.split(",")) <= set(includes):
                include = tuple(value.split(","))
            elif name.startswith("filter[") and name.endswith("]") and name[7:-1] in filters:
                found[name[7:-1]] = value
            else:
                raise ApiError(400, "Bad request", f"The parameter '{name}' or its value is not supported")
        if size > PAGE_SIZE_MAX:
            if settings.oversize_pages == "refuse":
                raise ApiError(400, "Bad request", f"page[size] must be at most {PAGE_SIZE_MAX}")
            size = PAGE_SIZE_MAX
        return cls(number, size, found, include)

    def window(self, settings: Settings) -> list[Predicate]:
        """The created and updated bounds as predicates."""
        return [
            bound(member, sign, moment(name, self.filters[name]), settings)
            for name, (member, sign) in _WINDOW.items()
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


def bound(member: str, sign: int, limit: float, settings: Settings) -> Predicate:
    """A predicate for a lower (1) or an upper (-1) bound on an attribute, inclusive or not as set."""
    if settings.bounds == "inclusive":
        return lambda row: bool((row["attributes"][member] - limit) * sign >= 0)
    return lambda row: bool((row["attributes"][member] - limit) * sign > 0)


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


def envelope(rows: list[Resource], query: Query, settings: Settings) -> Resource:
    """One page of a list with its `meta`; ApiError 400 past the end."""
    count = len(rows)
    pages = -(-count // query.size) if count else settings.empty_page_count
    if query.number > 0 and query.number >= pages:
        raise ApiError(400, "Bad request", f"page[number] {query.number} is past the last page")
    data = rows[query.number * query.size : (query.number + 1) * query.size]
    meta: dict[str, Any] = {
        "record_count": count,
        "page_count": pages,
        "items_per_page": query.size if settings.items_per_page == "page_size" else len(data),
    }
    if settings.meta_form == "full":
        meta["current_page"] = query.number
        meta["previous_page"] = query.number - 1 if query.number else None
        meta["next_page"] = query.number + 1 if query.number + 1 < pages else None
    return {"data": data, "meta": meta}


def _whole(name: str, value: str, *, least: int) -> int:
    if not (value.isdigit() and value.isascii()) or len(value) > _DIGITS or int(value) < least:
        raise ApiError(400, "Bad request", f"{name} must be a whole number of at least {least}")
    return int(value)
