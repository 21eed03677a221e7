"""What operators are given, as they need it: templates give text where a list, a time or a number is meant."""

from __future__ import annotations

import ast
import datetime as dt
import pathlib
from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.sync.storage import StoragePath

__all__ = ["integer", "items", "moment", "storage_path"]


def storage_path(destination: str) -> StoragePath:
    """A local path as such, for it can rename; all else as Airflow's ObjectStoragePath."""
    if not destination:
        raise LivestormConfigurationError("destination is empty; name a folder or the URL of one.")
    try:
        path = ObjectStoragePath(destination)
        if path.protocol in ("", "file", "local"):
            return pathlib.Path(path.path).expanduser().absolute()
        path.exists()  # makes the file system, and so shows a missing library or connection
    except (ImportError, ValueError, OSError) as error:
        raise LivestormConfigurationError(f"destination {destination!r} cannot be used: {error}") from error
    return path


def items(value: Sequence[str] | str | None) -> list[str]:
    """A list of texts; a text is one of them, or as a template gives it: a list in Python's or JSON's writing."""
    if value is None or value in ("", "None"):
        return []
    if not isinstance(value, str):
        return [str(one) for one in value]
    if value.lstrip().startswith(("[", "(")):
        try:
            found: Any = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise LivestormConfigurationError(f"This is no list: {value!r}.") from None
        return [str(one) for one in found]
    return [value]


def integer(value: int | str) -> int:
    """A whole number; ValueError becomes a sentence."""
    try:
        return int(value)
    except ValueError:
        raise LivestormConfigurationError(f"This is no whole number: {value!r}.") from None


def moment(value: str | int | dt.datetime | None, name: str) -> dt.datetime | None:
    """The time that a parameter means; templates give text, and the text `None` for none."""
    if value is None or value in ("", "None"):
        return None
    if isinstance(value, dt.datetime):
        return value
    try:
        if isinstance(value, int) or value.isdecimal():
            return dt.datetime.fromtimestamp(int(value), dt.UTC)
        return dt.datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise LivestormConfigurationError(
            f"{name} is no time: {value!r}. Write ISO 8601 with a zone (2026-01-31T00:00:00Z) or unix seconds."
        ) from None
