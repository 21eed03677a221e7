"""Tasks of Airflow 2.11 as they run in earnest: scheduler, LocalExecutor, PostgreSQL; each refreshes by itself."""

from __future__ import annotations

import time

from tests.airflow2.conftest import TOKEN_LIFE, Stack

_TRIGGER = """
import json, sys
from airflow.api.common.trigger_dag import trigger_dag
from airflow.models import DagBag, DagModel
dag_id = json.load(sys.stdin)
bag = DagBag(include_examples=False)
bag.sync_to_db()
DagModel.get_dagmodel(dag_id).set_is_paused(is_paused=False)
trigger_dag(dag_id, run_id="in_earnest")
print("null")
"""
_STATE = "SELECT state FROM dag_run WHERE dag_id = %s AND run_id = 'in_earnest'"
_TASKS = (
    "SELECT map_index, state, pid, start_date, end_date FROM task_instance WHERE dag_id = %s AND run_id = 'in_earnest'"
)


def test_six_tasks_at_once_share_a_rotating_token_without_spending_one_twice(stack: Stack) -> None:
    stack.airflow.python(_TRIGGER, "six_tasks")
    give_up = time.monotonic() + 120
    with stack.airflow.process("scheduler") as scheduler:
        while stack.database.execute(_STATE, ("six_tasks",)) in ([("queued",)], [("running",)]):
            assert scheduler.poll() is None, f"the scheduler ended; see {scheduler.args!r} in {stack.airflow.home}"
            assert time.monotonic() < give_up, f"still running; see {stack.airflow.home}"
            time.sleep(0.2)  # between two questions; there is nothing to wait on
    tasks = stack.database.execute(_TASKS, ("six_tasks",))
    assert sorted(task[:2] for task in tasks) == [(number, "success") for number in range(6)]
    assert len({task[2] for task in tasks}) == 6, "each in a process of its own"
    lives = 1 + (max(task[4] for task in tasks) - min(task[3] for task in tasks)).total_seconds() / (0.9 * TOKEN_LIFE)
    assert stack.assert_nothing_was_spent_twice(refreshes=2) <= lives, "they shared them"
    stack.assert_newest_is_kept_encrypted("livestorm_default")
