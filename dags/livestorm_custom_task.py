"""The hook in a task of your own: by which way the registrations for the sessions that lie ahead came in."""

from __future__ import annotations

from collections import Counter

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

with DAG(
    dag_id="livestorm_custom_task",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["livestorm"],
    doc_md=__doc__,
) as dag:

    @task(pool="livestorm")
    def upcoming_registrations() -> dict[str, int]:
        """Count registrations by the source that their link named."""
        from airflow_provider_livestorm.hooks.livestorm import LivestormHook  # noqa: PLC0415 - not at each parsing

        hook = LivestormHook("livestorm_default")
        upcoming = list(hook.sessions(status="upcoming"))
        people = (person for session in upcoming for person in hook.session_people(session.id, role="participant"))
        return dict(Counter(person.utm_source or "direct" for person in people))

    upcoming_registrations()
