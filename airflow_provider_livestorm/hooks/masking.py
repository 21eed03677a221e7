"""Hides a secret in what this process logs or shows: Airflow 3 has one masker for servers and another for tasks."""

from __future__ import annotations

import sys
import threading

from airflow.providers.common.compat.sdk import mask_secret as mask_in_tasks

__all__ = ["mask_secret"]

_SERVERS_MASKER = "airflow._shared.secrets_masker"
_one_by_one = threading.Lock()  # it replaces its one pattern by a longer one: of two at once, one would be lost


def mask_secret(secret: str) -> None:
    """Replace it by `***` in what this process logs or shows and, in a task, in its supervisor's log.

    `airflow.sdk`'s own function tells the maskers of tasks only; what the api-server shows passes through the servers'
    one. A process that has not loaded that one shows nothing through it. The api-server's own log, Airflow 3.3 passes
    through neither: nothing of ours writes a secret there.
    """
    mask_in_tasks(secret)  # holding nothing: it may let other work of a triggerer's event loop run meanwhile
    servers = sys.modules.get(_SERVERS_MASKER)
    if servers is not None:
        with _one_by_one:
            servers.mask_secret(secret)
