"""The meters of this process: one for a connection, and where its reports go from here."""

from __future__ import annotations

import os
from collections.abc import Callable

from airflow_provider_livestorm.hooks.connection import ConnectionSettings, broker_url, store_in_use
from airflow_provider_livestorm.usage.facts import Report
from airflow_provider_livestorm.usage.meter import Delivery, Meter
from airflow_provider_livestorm.usage.report import UsageReporter

__all__ = ["flush", "meter_of"]

_meters: dict[tuple[int, str], Meter] = {}


def meter_of(settings: ConnectionSettings) -> Meter:
    """The meter of a connection; the same one for all hooks of this process."""
    place = (os.getpid(), settings.conn_id)  # a child that was forked has counted nothing yet
    meter = _meters.get(place)
    if meter is None:
        meter = _meters.setdefault(place, Meter(_way_of(settings)))
    return meter


def flush() -> None:
    """Report what is left; called as a task, or another of Airflow's processes, stops."""
    for (process, _), meter in list(_meters.items()):
        if process == os.getpid():
            meter.flush()


def _way_of(settings: ConnectionSettings) -> Callable[[Report], Delivery]:
    store = store_in_use()
    if store == "metadata_db":
        from airflow_provider_livestorm.usage.ledger import Ledger  # noqa: PLC0415 - has a database

        ledger = Ledger()

        def write(report: Report) -> Delivery:
            ledger.record(settings.conn_id, report)
            return Delivery.TAKEN

        return write
    if store == "broker":
        return UsageReporter(settings.conn_id, client_id=settings.client_id, secret=settings.secret, url=broker_url())
    return lambda _: Delivery.NEVER  # an api-server without the plugin has nobody to tell
