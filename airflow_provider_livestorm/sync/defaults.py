"""What a sync does where it is not told otherwise. Values alone: a DAG file that names the operator imports them."""

from __future__ import annotations

__all__ = ["DEFAULT_EXCLUDE", "DEFAULT_STREAMS"]

DEFAULT_STREAMS = ("events", "sessions", "session_people")
# Columns, as `stream.column`, or `column` for each stream that has it.
DEFAULT_EXCLUDE = (
    "ip_city", "ip_country_code", "ip_country_name", "browser_name", "browser_version", "os_name", "os_version",
    "screen_width", "screen_height",
)  # fmt: skip
