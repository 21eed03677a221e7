"""Writes docs/streams.md out of the catalogue; `make streams`. A test holds that the page is the catalogue's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_livestorm.api.resources import CATALOGUE, ResourceList
from airflow_provider_livestorm.sync.defaults import DEFAULT_EXCLUDE
from scripts.local_airflow import REPOSITORY

__all__ = ["PAGE", "page"]

PAGE = REPOSITORY / "docs" / "streams.md"


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Streams"
    yield ""
    yield "<!-- Made by make streams out of the catalogue, airflow_provider_livestorm/api/resources.py. -->"
    yield ""
    yield "What a sync can pull. The same on the command line:"
    yield ""
    yield "```bash"
    yield "airflow-livestorm streams"
    yield "```"
    yield ""
    yield "| stream | key | cursor | scope | calls |"
    yield "|---|---|---|---|---|"
    for one in CATALOGUE.values():
        key = ", ".join(f"`{name}`" for name in one.key)
        cursor = f"`{one.cursor}`" if one.cursor else ""
        yield f"| [{one.name}](#{one.name}) | {key} | {cursor} | `{one.scope}` | {one.calls} |"
    yield ""
    yield "Timestamps are UTC; Livestorm's 0 for never is null. A column may be null in any row: Livestorm leaves out"
    yield "members as it likes. What has no column is kept in `_extra`, as JSON. *Left out* are columns that are not"
    yield "written unless `exclude_columns` says otherwise."
    for one in CATALOGUE.values():
        yield from _stream(one)


def _stream(one: ResourceList[Any]) -> Iterator[str]:
    yield ""
    yield f"## {one.name}"
    yield ""
    yield f"{one.about} `GET {one.path.format(parent='{id}')}`"
    yield ""
    yield "| column | holds | |"
    yield "|---|---|---|"
    for column in one.rows.columns:
        yield f"| `{column.name}` | {column.kind} | {'left out' if column.name in DEFAULT_EXCLUDE else ''} |"
    yield "| `_extra` | json | |"


if __name__ == "__main__":
    PAGE.write_text(page())
