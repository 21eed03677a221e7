"""Reading a whole list of the catalogue: filters checked, rows counted against what Livestorm says there are.

Called by the hook's typed readers and by the sync runner.
"""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
from array import array
from collections.abc import Iterator, Mapping
from typing import TypeVar

from airflow_provider_livestorm.api.client import PAGE_SIZE_MAX, LivestormClient, Page
from airflow_provider_livestorm.api.records import Record
from airflow_provider_livestorm.api.resources import ResourceList
from airflow_provider_livestorm.exceptions import (
    LivestormConfigurationError,
    LivestormListChangedError,
    LivestormResponseError,
)

__all__ = ["Filter", "Tally", "read_pages", "read_records"]

_FULL_PAGE = PAGE_SIZE_MAX
_PORTION = 1 << 15  # rows whose hashes are sorted at once

Filter = str | int | float | bool | dt.datetime | None
RecordT = TypeVar("RecordT", bound=Record)


class Tally:
    """Counts the rows of a list as its pages come, against what Livestorm says there are.

    Args:
        where: path of the list, for the error.

    Attributes:
        rows: that came.
        announced: rows in the list, as the newest page tells it; None where none did.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        # Eight bytes for each row, not a text: of a million rows those would be as large as all that is held of them.
        self._newest: list[int] = []
        self._sorted: list[array[int]] = []
        self._shrank = False
        self.rows = 0
        self.announced: int | None = None

    def add(self, page: Page) -> None:
        """Count a page in."""
        self._newest.extend([hash(row.id) for row in page.resources])
        if len(self._newest) >= _PORTION:
            self._sorted.append(array("q", sorted(self._newest)))
            self._newest.clear()
        self.rows += len(page.resources)
        if page.record_count is not None:
            # A row that left an earlier page pulls one from a later page to an earlier one, which nobody then reads;
            # the sum may be right all the same, as the row that left was counted.
            self._shrank |= self.announced is not None and page.record_count < self.announced
            self.announced = page.record_count

    def check(self) -> None:
        """After the last page.

        Raises:
            LivestormListChangedError: the rows seen are not the list.
            LivestormResponseError: a full page came, and nothing tells whether there are more.
        """
        if self.announced is None and self.rows >= _FULL_PAGE:
            raise LivestormResponseError(
                f"GET {self._where}: {self.rows} rows came, and Livestorm does not tell how many there are."
            )
        distinct = sum(1 for _ in itertools.groupby(heapq.merge(*self._sorted, sorted(self._newest))))
        if distinct != self.rows or self._shrank or self.announced not in (None, self.rows):
            raise LivestormListChangedError(
                f"GET {self._where}: {self.rows} rows came, {distinct} of them distinct, where Livestorm counts"
                f" {'?' if self.announced is None else self.announced}"
                f"{', fewer than at first' if self._shrank else ''}. The list changed while it was read; read it again."
            )


def read_pages(
    client: LivestormClient,
    resource: ResourceList[RecordT],
    *,
    parent: str | None = None,
    filters: Mapping[str, Filter] | None = None,
    path: str | None = None,
) -> Iterator[Page]:
    """Yield the pages of a list, and check at its end that it was whole.

    Args:
        client: calls.
        resource: which list.
        parent: id of the record that the list hangs under.
        filters: by name, without `filter[...]`; datetimes are sent as unix seconds, None is left out.
        path: another path to the same kind of rows.

    Raises:
        LivestormConfigurationError: the list has no such filter.
        LivestormListChangedError: the list changed while it was read; the rows seen are not the list.
    """
    unknown = (filters or {}).keys() - set(resource.filters)
    if unknown:
        raise LivestormConfigurationError(
            f"{resource.name} has no filter {', '.join(sorted(unknown))}; it has {', '.join(resource.filters)}."
        )
    asked: dict[str, Filter] = {**resource.always, **(filters or {})}
    params = {f"filter[{name}]": _wire(value) for name, value in asked.items()}
    where = path or resource.path.format(parent=parent)
    tally = Tally(where)
    for page in client.paginate(where, params=params):
        tally.add(page)
        yield page
    tally.check()


def read_records(
    client: LivestormClient,
    resource: ResourceList[RecordT],
    *,
    parent: str | None = None,
    filters: Mapping[str, Filter] | None = None,
    path: str | None = None,
) -> Iterator[RecordT]:
    """Yield the typed records of a list; parameters and errors as `read_pages`."""
    for page in read_pages(client, resource, parent=parent, filters=filters, path=path):
        yield from resource.rows.records(page.resources, parent=parent)


def _wire(value: Filter) -> Filter:
    if not isinstance(value, dt.datetime):
        return value
    if value.tzinfo is None:
        raise LivestormConfigurationError(f"A time without a zone is ambiguous: {value.isoformat()}. Give it in UTC.")
    return int(value.timestamp())
