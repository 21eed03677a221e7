"""The work of `LivestormSyncStreamsOperator`: from its parameters to a run over an open client.

The operator imports this module as a task begins: it brings the client and all of `sync`, of which parsing a DAG needs
nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Variable

from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.operators.parameters import integer, items, moment, storage_path
from airflow_provider_livestorm.sync.planner import Plan, filters_of, plan
from airflow_provider_livestorm.sync.privacy import Privacy
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination

if TYPE_CHECKING:
    from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator

__all__ = ["opened_runner"]


@contextmanager
def opened_runner(operator: LivestormSyncStreamsOperator, context: Any) -> Iterator[SyncRunner]:
    """The run that an operator's parameters describe, over a client that is closed afterwards.

    Args:
        operator: with its templates rendered.
        context: of the task: the data interval is taken from it; empty for a dry run.

    Raises:
        LivestormConfigurationError: a parameter, the destination or the Connection is not usable.
    """
    todo = _plan(operator, context)
    hook = LivestormHook(operator.livestorm_conn_id, min_quota_remaining=integer(operator.min_quota_remaining))
    destination = Destination(storage_path(operator.destination))
    with hook.get_conn() as client:
        yield SyncRunner(
            client,
            destination,
            todo,
            file_format=operator.file_format,
            rows_per_part=operator.rows_per_part,
            source=operator.livestorm_conn_id,
        )


def _plan(operator: LivestormSyncStreamsOperator, context: Any) -> Plan:
    since, until = moment(operator.updated_since, "updated_since"), moment(operator.updated_until, "updated_until")
    mode = operator.mode or ("cursor" if since is None and until is None else "interval")
    if mode == "interval" and since is None and until is None:
        since, until = context.get("data_interval_start"), context.get("data_interval_end")
    return plan(
        items(operator.streams),
        mode=mode,
        since=since,
        until=until,
        settle=dt.timedelta(days=operator.settle_days),
        overlap=dt.timedelta(seconds=operator.overlap_seconds),
        reconcile=dt.timedelta(days=operator.reconcile_days),
        reconcile_calls=operator.reconcile_calls,
        mark_deleted=operator.mark_deleted,
        filters=filters_of(
            {
                "events": items(operator.event_ids),
                "tags": items(operator.tags),
                "statuses": items(operator.session_statuses),
                "sessions_from": moment(operator.sessions_from, "sessions_from"),
                "sessions_to": moment(operator.sessions_to, "sessions_to"),
                "roles": items(operator.roles),
            }
        ),
        privacy=Privacy(tuple(operator.exclude_columns), tuple(operator.hash_columns), _key(operator)),
        on_unknown=operator.on_unknown,
        jobs=tuple(items(operator.job_ids)),
    )


def _key(operator: LivestormSyncStreamsOperator) -> str | None:
    if operator.hash_key_variable is None:
        return None
    try:
        key = Variable.get(operator.hash_key_variable)
    except Exception as error:
        raise LivestormConfigurationError(
            f"The Airflow Variable {operator.hash_key_variable!r} (hash_key_variable) cannot be read: {error}"
        ) from error
    if not key:
        raise LivestormConfigurationError(f"The Airflow Variable {operator.hash_key_variable!r} is empty.")
    return str(key)
