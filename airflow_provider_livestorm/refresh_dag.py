"""The one writer of `token_store = variable`: a DAG that refreshes a connection's tokens before they expire.

Where the api-server can have the plugin, as it should, nobody needs this.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_livestorm.exceptions import LivestormConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["token_refresh_dag"]


def token_refresh_dag(
    conn_id: str,
    *,
    dag_id: str | None = None,
    every: dt.timedelta | None = None,
    **arguments: Any,
) -> DAG:
    """Make the DAG that keeps the Variable `livestorm_token__<conn_id>` fresh.

    In a DAG file of yours::

        dag = token_refresh_dag("livestorm_default")

    Make one for a connection: two would spend its refresh token twice.

    :param conn_id: an OAuth connection; its refresh token is the seed.
    :param dag_id: by default `livestorm_refresh_<conn_id>`.
    :param every: how often it runs, by default each half hour; a token is refreshed when less than twice that is left
        of its life.
    :param arguments: more arguments of the DAG, such as `tags`. A `schedule` that is a timedelta takes the place of
        `every`; with any other, such as a cron expression, give as `every` the longest time between two runs.
    :raises LivestormConfigurationError: such a schedule came without `every`.
    """
    schedule = arguments.get("schedule", dt.timedelta(minutes=30) if every is None else every)
    gap = schedule if isinstance(schedule, dt.timedelta) else every
    if gap is None:
        raise LivestormConfigurationError(
            f"token_refresh_dag({conn_id!r}): the schedule {schedule!r} does not tell how long its gaps are; give the"
            " longest one as `every`, a timedelta."
        )
    min_left = 2 * gap.total_seconds()
    defaults: dict[str, Any] = {
        "schedule": schedule,
        "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "catchup": False,
        "default_args": {"retries": 3, "retry_delay": dt.timedelta(minutes=1)},
        "doc_md": __doc__,
    }
    with DAG(
        dag_id=dag_id or f"livestorm_refresh_{conn_id}", max_active_runs=1, max_active_tasks=1, **(defaults | arguments)
    ) as dag:
        LivestormRefreshTokenOperator(task_id="refresh_token", livestorm_conn_id=conn_id, min_left=min_left)
    return dag


class LivestormRefreshTokenOperator(BaseOperator):
    """The DAG's one task; `@task` would import Airflow's Python operators, most of what parsing it took.

    :param livestorm_conn_id: an OAuth connection.
    :param min_left: seconds; a token that lives longer is not refreshed.
    """

    def __init__(self, *, livestorm_conn_id: str, min_left: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.livestorm_conn_id = livestorm_conn_id
        self.min_left = min_left

    def execute(self, context: Context) -> None:
        """Refresh it if it would not outlive the next two runs."""
        from airflow_provider_livestorm.hooks.connection import variable_lease  # noqa: PLC0415 - not at each parsing
        from airflow_provider_livestorm.hooks.livestorm import LivestormHook  # noqa: PLC0415 - likewise

        del context
        variable_lease(LivestormHook(self.livestorm_conn_id).settings).get(min_left=self.min_left)
