"""The whole way through a real Airflow 3: scheduler, executor, supervisor, Execution API, token broker, PostgreSQL.

Access tokens live three seconds and rotation is strict, so a token that is spent twice, or not stored before it is
used, shows at once.
"""

from __future__ import annotations

import ast
import json
import pathlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_livestorm.auth.scopes import READ_ONLY
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import free_port
from tests import truth
from tests.e2e.conftest import TOKEN_LIFE, Stack
from trials.celery_calls import celery_calls

STREAMS = tuple(name for name in truth.KEYS if name != "jobs")


def connect(stack: Stack, conn_id: str = "livestorm_default", **changes: Any) -> dict[str, Any]:
    """Save an OAuth connection with a seed refresh token."""
    grant = stack.sandbox.grant(" ".join(READ_ONLY))
    members = {
        "conn_id": conn_id,
        "conn_type": "livestorm",
        "host": stack.sandbox.api_url,
        "login": grant["client_id"],
        "password": grant["client_secret"],
        "extra": {"refresh_token": grant["refresh_token"], "token_url": stack.sandbox.token_url},
    }
    members |= changes
    members["extra"] = json.dumps(members["extra"])
    stack.airflow.put_connection(pool=("livestorm", 4), **members)
    return grant


def test_six_tasks_at_once_share_a_rotating_token_without_spending_one_twice(stack: Stack) -> None:
    connect(stack)
    stack.sandbox.reset_counters()

    tasks = stack.run_dag("mapped_calls")

    assert [task["state"] for task in tasks.values()] == ["success"] * 6, tasks
    counters = stack.sandbox.status()["counters"]
    assert counters["reuses_of_spent_tokens"] == 0
    assert counters["refreshes"] >= 2, "the tokens must have expired while the tasks ran, or this proves nothing"
    row = stack.airflow.read_connection("livestorm_default")
    newest = stack.sandbox.newest_refresh_token()
    assert row["extra"]["refresh_token"] == newest
    assert row["encrypted"] is True
    assert newest not in row["stored"]
    assert row["stored"].startswith("gAAAAA"), "not a Fernet text"


def test_twelve_celery_tasks_share_a_token_that_lives_two_seconds(stack: Stack) -> None:
    outcome = celery_calls(stack)
    stack.other_secrets.extend(outcome.secrets)
    assert not outcome.missed, outcome


def test_six_triggers_share_a_token_and_leave_the_event_loop_free(stack: Stack) -> None:
    """The API answers after 0.8 s: a call that held the loop would leave it no tick, and the ticks come every 10 ms."""
    connect(stack)
    stack.database.execute(_KEEP_TRIGGERS)
    stack.sandbox.configure(interval_limit=0)
    stack.sandbox.add_fault(path_prefix="/v1/ping", delay=0.8, when="after", times=0)
    stack.sandbox.reset_counters()
    try:
        tasks = stack.run_dag("deferred_calls")
    finally:
        stack.sandbox.clear_faults()
        stack.sandbox.configure(interval_limit=5)

    logs = [stack.log_of("deferred_calls", task) for task in tasks.values()]
    assert [task["state"] for task in tasks.values()] == ["success"] * 6, logs
    told = [stack.xcoms("deferred_calls", task) for task in tasks.values()]
    assert [one["calls"] for one in told] == [6] * 6
    assert min(one["fewest_ticks"] for one in told) >= 5, told
    counters = stack.sandbox.status()["counters"]
    assert counters["refreshes"] >= 2, "the tokens must have expired while the triggers ran, or this proves nothing"
    assert (counters["reuses_of_spent_tokens"], counters["refused_refreshes"]) == (0, 0)
    assert all("a careless log of the token: ***" in log for log in logs)


def test_the_sync_dag_lands_the_workspace_as_it_is(stack: Stack) -> None:
    connect(stack)

    tasks = stack.run_dag("livestorm_sync")

    assert tasks["sync"]["state"] == "success", stack.log_of("livestorm_sync", tasks["sync"])
    for stream in STREAMS:
        expected = truth.shown(truth.of(stack.sandbox, stream))
        rows = truth.published_rows(stack.data / "sync", stream)
        assert len(rows) == len(expected), stream
        assert truth.digest(stream, rows) == truth.digest(stream, expected), stream
    summary = stack.xcoms("livestorm_sync", tasks["sync"])
    (event,) = [
        one
        for one in stack.api("GET", "/assets/events", params={"limit": 100})["asset_events"]
        if one["name"] == "livestorm_webinars" and one["source_run_id"] == tasks["sync"]["dag_run_id"]
    ]
    told = {name: event["extra"].get(name) for name in ("run_id", "manifest", "cursor", "rows", "files", "streams")}
    assert told == {name: summary[name] for name in told}


def test_a_sync_without_quota_waits_in_the_triggerer_and_then_goes_on(stack: Stack) -> None:
    """It stops in the middle; what it had read is not asked again; what it publishes is what it would have been."""
    connect(stack)
    stack.sandbox.configure(life="none")
    used = stack.sandbox.status()["counters"]["used_this_month"]
    stack.sandbox.configure(monthly_limit=used + 12)

    def end_the_month() -> None:
        stack.wait_for_state("quota_sync", "deferred")
        stack.sandbox.configure(monthly_limit=10_000)

    with ThreadPoolExecutor() as aside:
        watching = aside.submit(end_the_month)
        tasks = stack.run_dag("quota_sync")
        watching.result()

    assert tasks["sync"]["state"] == "success", stack.log_of("quota_sync", tasks["sync"])
    assert stack.xcoms("quota_sync", tasks["sync"])["resumed"] >= 5
    for stream in ("events", "sessions", "session_people"):
        rows = truth.published_rows(pathlib.Path(f"{stack.data / 'sync'}-quota"), stream)
        assert truth.digest(stream, rows) == truth.digest(stream, truth.shown(truth.of(stack.sandbox, stream)))
    stack.sandbox.configure(life="ordinary")


def test_the_hook_works_in_a_task_of_ones_own(stack: Stack) -> None:
    connect(stack)

    tasks = stack.run_dag("livestorm_custom_task")

    task = tasks["upcoming_registrations"]
    assert task["state"] == "success", stack.log_of("livestorm_custom_task", task)


def test_connections_are_kept_alive_those_from_the_environment_too(stack: Stack) -> None:
    """The second has no row: its tokens live beside, and each refresh spends what the one before gave."""
    connect(stack)
    stack.sandbox.reset_counters()
    seen = set()
    for _ in range(2):
        tasks = stack.run_dag("livestorm_keep_alive")
        assert [task["state"] for task in tasks.values()] == ["success"] * 2, tasks
        extra = stack.airflow.read_connection("from_environment__oauth")["extra"]
        seen.add(extra["refresh_token"])
        stack.sandbox.expire()
    assert len(seen) == 2
    assert not seen & {json.loads(stack.airflow.settings["AIRFLOW_CONN_FROM_ENVIRONMENT"])["extra"]["refresh_token"]}
    counters = stack.sandbox.status()["counters"]
    assert (counters["reuses_of_spent_tokens"], counters["refused_refreshes"]) == (0, 0)


def test_a_variable_is_written_by_one_dag_and_read_by_the_others(stack: Stack) -> None:
    connect(stack, "by_variable")
    stack.sandbox.configure(token_life=600)
    stack.sandbox.reset_counters()
    try:
        for dag in ("variable_refresh", "variable_reads", "variable_reads"):
            name = "read" if dag == "variable_reads" else "refresh_token"
            tasks = stack.run_dag(dag)
            assert tasks[name]["state"] == "success", stack.log_of(dag, tasks[name])
    finally:
        stack.sandbox.configure(token_life=TOKEN_LIFE)
    counters = stack.sandbox.status()["counters"]
    assert (counters["refreshes"], counters["reuses_of_spent_tokens"]) == (1, 0)
    shown = stack.api("GET", "/variables/livestorm_token__by_variable")["value"]
    assert not any(secret in shown for secret in stack.sandbox.secrets()), "Airflow hides it"


@pytest.fixture
def exhausted(stack: Stack) -> Iterator[SandboxProcess]:
    """A workspace whose monthly quota is used up."""
    with SandboxProcess(preset="tiny", monthly_limit=1) as sandbox:
        sandbox.use_up_the_month()
        stack.other_secrets.extend(sandbox.secrets())
        yield sandbox


SENTENCES = {
    "wrong_secret": "Livestorm refused its client id and secret (invalid_client",
    "dead_refresh_token": "authorize the application at Livestorm again",
    "unknown_connection": "There is no connection 'nobody_made_this'",
    "private_token_as_oauth": "leave the login empty",
    "unknown_stream": "There is no stream 'webinars'; there are organization, users, events",
    "unwritable_destination": "cannot be written: Not a directory",
    "foreign_files": "holds files that no sync wrote (somebody-elses.csv)",
    "api_unreachable": "no complete answer",
    "quota_used_up": "the workspace's monthly quota of calls is used up",
}


def test_bad_input_ends_in_one_clear_sentence_with_nothing_published(stack: Stack, exhausted: SandboxProcess) -> None:
    bad = stack.data / "bad"
    (bad / "foreign").mkdir(parents=True)
    (bad / "foreign" / "somebody-elses.csv").write_text("a,b\n")
    (bad / "a-file").write_text("not a folder")
    credentials = stack.sandbox.credentials()
    api_token = {"login": None, "password": credentials["api_token"], "extra": {}}
    connect(stack, "wrong_secret", password="the-wrong-client-secret-but-a-long-one")
    stack.sandbox.revoke(connect(stack, "dead_refresh_token")["refresh_token"])
    connect(
        stack, "private_token_as_oauth", password=credentials["api_token"], extra={"token_url": stack.sandbox.token_url}
    )
    connect(stack, "private_token", **api_token)
    connect(stack, "api_unreachable", **api_token | {"host": f"http://127.0.0.1:{free_port()}/v1"})
    connect(
        stack,
        "quota_used_up",
        **api_token | {"host": exhausted.api_url, "password": exhausted.credentials()["api_token"]},
    )

    tasks = stack.run_dag("bad_input")

    for name, sentence in SENTENCES.items():
        log = stack.log_of("bad_input", tasks[name])
        assert tasks[name]["state"] == "failed", log
        assert sentence in log, f"{name}:\n{log}"
        assert sentence in final_error(log), f"{name}: {final_error(log)}"
    assert not list(bad.rglob("*.gz"))
    assert not list(bad.rglob("manifests"))
    assert not list(bad.rglob("manifest.json"))
    assert [path.name for path in (bad / "foreign").iterdir()] == ["somebody-elses.csv"]
    assert (bad / "a-file").read_text() == "not a folder"


def final_error(log: str) -> str:
    """The message of the error that the task ended with, which must be one line."""
    (event,) = (line for line in log.splitlines() if "Task failed with exception" in line)
    message = str(ast.literal_eval(event)["error_detail"][0]["exc_value"])
    assert "\n" not in message
    return message


# Airflow deletes a trigger's row when it has fired.
_KEEP_TRIGGERS = """
CREATE TABLE test_triggers (kwargs text);
CREATE FUNCTION test_keep() RETURNS trigger AS $$
BEGIN INSERT INTO test_triggers VALUES (NEW.kwargs); RETURN NEW; END $$ LANGUAGE plpgsql;
CREATE TRIGGER test_keep AFTER INSERT OR UPDATE ON trigger FOR EACH ROW EXECUTE FUNCTION test_keep();
"""
