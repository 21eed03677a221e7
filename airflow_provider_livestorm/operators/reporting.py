"""What a sync tells Airflow beside its result: asset events, lineage, metrics. None of it can fail a sync."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.providers.common.compat.sdk import Stats

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_livestorm.sync.result import SyncResult

__all__ = ["report", "telling_airflow"]

log = logging.getLogger(__name__)


def report(operator: BaseOperator, context: Context, result: SyncResult, destination: str) -> None:
    """Tell of a run that was published."""
    summary = result.summary()
    with telling_airflow("metrics"):
        _metrics(operator, result)
    with telling_airflow("lineage"):
        _lineage(operator, result, destination)
    extra = {name: summary[name] for name in ("run_id", "manifest", "cursor", "rows", "files", "calls", "streams")}
    events: Any = context.get("outlet_events")
    if events is not None:
        for outlet in operator.outlets or ():
            with telling_airflow(f"the event of {outlet}"):
                events[outlet].extra.update(extra)


@contextmanager
def telling_airflow(what: str) -> Iterator[None]:
    """The data are where they belong: what Airflow cannot be told of them is said in the log, and fails nothing."""
    try:
        yield
    except Exception:
        log.warning("The data are there; Airflow could not be told of it (%s).", what, exc_info=True)


def _metrics(operator: BaseOperator, result: SyncResult) -> None:
    tags = {"dag_id": operator.dag_id, "task_id": operator.task_id}
    for name, entry in result.streams.items():
        Stats.gauge("livestorm.sync.rows", entry.rows, tags={**tags, "stream": name})
        Stats.gauge("livestorm.sync.calls", entry.calls, tags={**tags, "stream": name})
    if result.quota_remaining is not None:
        Stats.gauge("livestorm.quota.remaining", result.quota_remaining, tags=tags)


def _lineage(operator: BaseOperator, result: SyncResult, destination: str) -> None:
    """Each stream's folder as an output; OpenLineage's provider and others collect them."""
    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]  # of Airflow, which types it not
    root = destination.rstrip("/")
    root = root if "://" in root else f"file://{root}"
    for name, entry in result.streams.items():
        if entry.files:
            collector.add_output_asset(context=operator, uri=f"{root}/{name}")
