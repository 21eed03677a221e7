"""Reading a whole list of the catalogue: filters checked, rows counted against what Livestorm says there are.

Called by the hook's typed readers and by the sync runner.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TypeVar

from airflow_provider_livestorm.api.client import LivestormClient, Page
from airflow_provider_livestorm.api.records import Record
from airflow_provider_livestorm.api.resources import ResourceList
from airflow_provider_livestorm.exceptions import LivestormConfigurationError, LivestormListChangedError

__all__ = ["Filter", "read_pages", "read_records"]

Filter = str | int | float | bool | dt.datetime | None
RecordT = TypeVar("RecordT", bound=Record)


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
    seen: set[str] = set()
    rows, announced = 0, None
    for page in client.paginate(where, params=params):
        seen.update(row.id for row in page.resources)
        rows += len(page.resources)
        announced = page.record_count
        yield page
    if len(seen) != rows or (announced is not None and rows != announced):
        raise LivestormListChangedError(
            f"GET {where}: {rows} rows came, {len(seen)} of them distinct, where Livestorm counts"
            f" {'?' if announced is None else announced}. The list changed while it was read; read it again."
        )


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
        for row in page.resources:
            yield resource.rows.read(row, parent=parent)


def _wire(value: Filter) -> Filter:
    if not isinstance(value, dt.datetime):
        return value
    if value.tzinfo is None:
        raise LivestormConfigurationError(f"A time without a zone is ambiguous: {value.isoformat()}. Give it in UTC.")
    return int(value.timestamp())
