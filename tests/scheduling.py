"""Gives the tests out to two processes by module, but for those that belong together.

xdist's own `loadgroup` does not see groups with pytest 9.2.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

from tests.airflow_modules import AIRFLOW

__all__ = ["Scheduling"]

_SHARED = ("tests/cli/",)  # what takes long to make is shared by more than a module


class Scheduling(LoadScopeScheduling):
    """In the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(AIRFLOW):
            return "airflow"
        return next((folder for folder in _SHARED if nodeid.startswith(folder)), nodeid.partition("::")[0])
