"""Heard by every process of Airflow as it stops: a task reports the calls that it did not report yet.

An Airflow 3 task ends by `os._exit`, past every `atexit`. Nothing is imported for it: who has no meter has no calls.
"""

from __future__ import annotations

import sys

from airflow.listeners import hookimpl

__all__ = ["before_stopping"]


@hookimpl
def before_stopping(component: object) -> None:
    """Report what is left."""
    usage = sys.modules.get("airflow_provider_livestorm.hooks.usage")
    if usage is not None:
        usage.flush()
