"""The quota as the last run left it, so that the first call of the next does not cross the reserve either."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable

import msgspec

from airflow_provider_livestorm.api.json_api import Quota
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.sync.storage import StoragePath, write_whole

__all__ = ["QuotaMemory"]

# When the 30 days of the quota begin anew nobody tells beforehand: a day later it is asked, at the cost of a call.
_HOLDS = dt.timedelta(days=1)


class _Remembered(msgspec.Struct, frozen=True):
    monthly_remaining: int
    at: dt.datetime


class QuotaMemory:
    """Remembers it in the destination, `_livestorm/quota.json`."""

    def __init__(self, folder: StoragePath, now: Callable[[], dt.datetime]) -> None:
        self._path = folder / "quota.json"
        self._now = now

    def remind(self, pacer: Pacer) -> None:
        """Tell the pacer what is known, where it is fresh and the pacer knows nothing newer."""
        if pacer.quota.monthly_remaining is not None or not self._path.exists():
            return
        with contextlib.suppress(msgspec.DecodeError, OSError):
            known = msgspec.json.decode(self._path.read_bytes(), type=_Remembered)
            if dt.timedelta(0) <= self._now() - known.at < _HOLDS:
                pacer.expect(Quota(monthly_remaining=known.monthly_remaining))

    def keep(self, pacer: Pacer) -> None:
        """Keep what the pacer learned."""
        left = pacer.told
        if left is not None:
            with contextlib.suppress(OSError):
                write_whole(self._path, msgspec.json.encode(_Remembered(left, self._now())))
