"""The example DAGs on Airflow 2.11, as `airflow dags test` runs them: the process itself refreshes the tokens."""

from __future__ import annotations

from tests import truth
from tests.airflow2.conftest import Stack

STREAMS = tuple(name for name in truth.KEYS if name != "jobs")


def test_the_examples_parse_and_can_be_stored(stack: Stack) -> None:
    done = stack.airflow.run("dags", "reserialize", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = stack.database.execute("SELECT dag_id FROM serialized_dag ORDER BY dag_id")
    assert [dag_id for (dag_id,) in found] == [
        "livestorm_backfill", "livestorm_custom_task", "livestorm_hourly", "livestorm_keep_alive",
        "livestorm_many_workspaces", "livestorm_sync", "six_tasks",
    ]  # fmt: skip


def test_the_sync_lands_the_workspace_as_it_is_with_tokens_that_expire_on_the_way(stack: Stack) -> None:
    stack.run_dag("livestorm_sync")
    for stream in STREAMS:
        expected = truth.shown(truth.of(stack.sandbox, stream))
        assert truth.digest(stream, truth.published_rows(stack.data, stream)) == truth.digest(stream, expected)
    stack.assert_nothing_was_spent_twice(refreshes=2)
    stack.assert_newest_is_kept_encrypted("livestorm_default")


def test_the_hook_works_in_a_task_of_ones_own(stack: Stack) -> None:
    stack.run_dag("livestorm_custom_task")
    stack.assert_nothing_was_spent_twice(refreshes=1)
    stack.assert_newest_is_kept_encrypted("livestorm_default")


def test_the_tokens_of_a_connection_from_the_environment_are_kept_in_a_row_beside_it(stack: Stack) -> None:
    """Each refresh spends what the one before gave, and the seed is spent once."""
    seen = {stack.seeds["from_environment"]}
    for _ in range(2):
        stack.run_dag("livestorm_keep_alive")
        stack.assert_newest_is_kept_encrypted("from_environment__oauth")
        seen.add(stack.sandbox.newest_refresh_token())
        stack.sandbox.expire()
    assert len(seen) == 3
    stack.assert_nothing_was_spent_twice(refreshes=2)
    assert stack.database.execute("SELECT count(*) FROM connection WHERE conn_id = 'from_environment'") == [(0,)]
