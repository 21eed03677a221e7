"""Decoding of JSON:API documents and errors, and of the quota headers: bytes in, values out.

Called by `client.py` alone. Decoding is msgspec's: one pass, and an answer that is not a JSON:API document is an error
here rather than a KeyError in someone's DAG.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_livestorm.exceptions import ErrorDetail, LivestormListChangedError, LivestormResponseError

__all__ = ["Document", "Meta", "Quota", "Resource", "decode_document", "decode_errors", "next_page", "read_quota"]


class Resource(msgspec.Struct, frozen=True, gc=False):
    """One JSON:API resource object. `attributes` and `relationships` are as Livestorm sent them."""

    id: str
    type: str
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)
    relationships: dict[str, Any] = msgspec.field(default_factory=dict)


class Meta(msgspec.Struct, frozen=True, gc=False):
    """The paging members of a list's `meta`; pages are 0-based. The older form lacks the first three."""

    current_page: int | None = None
    previous_page: int | None = None
    next_page: int | msgspec.UnsetType | None = msgspec.UNSET
    record_count: int | None = None
    page_count: int | None = None
    # `items_per_page` is left out on purpose: it may be the page size or the row count (api.md 2.1, UNSURE).


class Document(msgspec.Struct, frozen=True):
    """A JSON:API document: `data` is one resource, a list of them, or None where the body was empty."""

    data: Resource | list[Resource] | None = None
    included: list[Resource] = msgspec.field(default_factory=list)
    meta: Meta = msgspec.field(default_factory=Meta)

    @property
    def one(self) -> Resource:
        """The single resource; LivestormResponseError if the document holds a list or nothing."""
        if not isinstance(self.data, Resource):
            raise LivestormResponseError("Livestorm sent a list or nothing where one record was expected.")
        return self.data

    @property
    def many(self) -> list[Resource]:
        """The list of resources; LivestormResponseError if the document holds a single one or nothing."""
        if not isinstance(self.data, list):
            raise LivestormResponseError("Livestorm sent a single record or nothing where a list was expected.")
        return self.data


@dataclass(frozen=True, slots=True)
class Quota:
    """What the RateLimit headers of an answer said. None: that header was not sent.

    Attributes:
        monthly_limit: calls allowed in 30 days.
        monthly_remaining: calls left in this period, for the whole workspace.
        interval_limit: calls allowed in one second.
        interval_remaining: calls left in this second.
    """

    monthly_limit: int | None = None
    monthly_remaining: int | None = None
    interval_limit: int | None = None
    interval_remaining: int | None = None

    def updated_by(self, newer: Quota) -> Quota:
        """`newer`, with what it leaves unsaid taken from self: a 429 carries no monthly header."""
        return Quota(
            newer.monthly_limit if newer.monthly_limit is not None else self.monthly_limit,
            newer.monthly_remaining if newer.monthly_remaining is not None else self.monthly_remaining,
            newer.interval_limit if newer.interval_limit is not None else self.interval_limit,
            newer.interval_remaining if newer.interval_remaining is not None else self.interval_remaining,
        )


class _Errors(msgspec.Struct, frozen=True):
    errors: list[dict[str, Any]] = msgspec.field(default_factory=list)


_document_decoder = msgspec.json.Decoder(Document)
_errors_decoder = msgspec.json.Decoder(_Errors)


def decode_document(body: bytes, *, what: str) -> Document:
    """Decode the body of a successful answer; an empty body is an empty document (`/ping`, 204).

    Args:
        body: the whole body, decompressed.
        what: method and path, for the error message.

    Raises:
        LivestormResponseError: the body is not a JSON:API document.
    """
    if not body.strip():
        return Document()
    try:
        return _document_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec's messages name positions and types, never values, so nothing secret is repeated here.
        raise LivestormResponseError(f"{what}: the answer is not a JSON:API document ({error}).") from None


def next_page(number: int, document: Document) -> int | None:
    """The page after `number`, by next_page; by page_count where the older form of `meta` lacks next_page.

    Raises:
        LivestormListChangedError: the next page is not further on.
    """
    meta = document.meta
    if meta.next_page is not msgspec.UNSET:
        following = meta.next_page
        if following is not None and following <= number:
            raise LivestormListChangedError(f"Page {number} names page {following} as its next; paging would not end.")
        return following
    if meta.page_count is not None and number + 1 < meta.page_count:
        return number + 1
    return None


def decode_errors(body: bytes) -> tuple[ErrorDetail, ...]:
    """The entries of an error body; none where the body is empty, HTML or otherwise not JSON:API."""
    try:
        entries = _errors_decoder.decode(body).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    return tuple(
        ErrorDetail(
            *(None if entry.get(key) is None else str(entry[key]) for key in ("title", "detail", "code", "status"))
        )
        for entry in entries
    )


def read_quota(headers: Mapping[str, str]) -> Quota:
    """Read the RateLimit headers, in the current and in the older spelling (`Montly`; api.md 3)."""
    lowered = {name.lower(): value for name, value in headers.items() if name.lower().startswith("ratelimit-")}

    def number(*names: str) -> int | None:
        for name in names:
            try:
                return int(lowered[name])
            except (KeyError, ValueError):
                continue
        return None

    return Quota(
        monthly_limit=number("ratelimit-monthly-limit", "ratelimit-montly-limit"),
        monthly_remaining=number("ratelimit-monthly-remaining", "ratelimit-montly-remaining"),
        interval_limit=number("ratelimit-interval-limit"),
        interval_remaining=number("ratelimit-interval-remaining"),
    )
