"""What the client gives back: the answer to one call, and a page of a list."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_livestorm.api.json_api import Document, Quota, Resource

__all__ = ["Answer", "Page"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: the HTTP status, the document, and the quota as its headers told it."""

    status: int
    document: Document
    quota: Quota


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Attributes:
        number: 0-based.
        resources: what Livestorm sent, at most 50.
        included: the resources that `include` asked for.
        record_count: rows in the whole list as this page's `meta` tells it; None where it does not.
        page_count: pages in the whole list, likewise.
    """

    number: int
    resources: list[Resource]
    included: list[Resource]
    record_count: int | None
    page_count: int | None
