"""What the other tests left behind holds no secret: logs, database, broker, files, command lines. Runs after them."""

from __future__ import annotations

import gzip
import json
import pathlib
import re
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Stack


def test_no_secret_is_in_any_log_xcom_rendered_field_or_file(stack: Stack) -> None:
    """Over all that the tests of the other modules left behind."""
    secrets = {text for text in [*stack.sandbox.secrets(), *stack.other_secrets] if len(text) >= 8}
    assert len(secrets) > 20, "the sandbox names too few secrets for this to mean anything"
    places = {str(path): _content(path) for path in _files(stack)}
    places |= {
        f"command line of process {path.parent.name}": _content(path)
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")
    }
    examples = ("livestorm_sync", "livestorm_custom_task", "livestorm_keep_alive", "quota_sync")
    for dag in ("mapped_calls", *examples, "variable_reads", "bad_input", "celery_calls", "deferred_calls"):
        places[f"task instances of {dag}"] = json.dumps(
            stack.api("GET", f"/dags/{dag}/dagRuns/~/taskInstances", params={"limit": 100})
        ).encode()

    places["xcoms and rendered fields"] = json.dumps(stack.airflow.python(_XCOMS)).encode()
    places |= {f"table {table}": content for table, content in _tables(stack)}
    places["arguments of triggers"] = arguments = "\n".join(_arguments_of_triggers(stack)).encode()

    found = {place for place, content in places.items() for secret in secrets if secret.encode() in content}

    assert not found
    assert any("mapped_calls" in place and place.endswith(".log") for place in places), "no task log was scanned"
    assert any(place.endswith(".jsonl.gz") for place in places), "no data file was scanned"
    assert any(".trigger." in place for place in places), "no log of a trigger was scanned"
    assert {pathlib.Path(place).name for place in places} >= {"celery.log", "triggerer.log", "valkey.log"}
    assert any(b"celery_calls" in content for place, content in places.items() if place.endswith(".aof"))
    assert b"celery_calls" in places["table xcom"]
    assert b"calls" in arguments


def _tables(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Every table of Airflow's database as text, what is kept as bytes included: results of Celery, XComs, events."""
    for (table,) in stack.database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        rows = stack.database.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - a name out of the catalogue
        text = "\n".join(row for (row,) in rows)
        packed = [bytes.fromhex(digits) for digits in re.findall(r"\\x((?:[0-9a-f]{2})+)", text)]
        yield table, b"\n".join([text.encode(), *packed])


def _arguments_of_triggers(stack: Stack) -> list[str]:
    """What Airflow kept of each trigger while it ran: those of a task that deferred are not even encrypted."""
    kept = stack.database.execute("SELECT kwargs FROM test_triggers")
    return [text if text.startswith("{") else json.dumps(stack.database.decrypt(text)) for (text,) in kept]


@pytest.mark.parametrize("process", ["scheduler", "triggerer"])
def test_airflows_own_echo_masks_nothing(stack: Stack, process: str) -> None:
    """LocalExecutor repeats what tasks print on the scheduler's standard output, the triggerer what triggers print.

    They do so with the connection's own password, which Airflow itself masks everywhere else, and so with our token: it
    is nothing that a provider can mend, README tells of it, and the scan above leaves out just the lines that our
    careless DAGs print. Should this fail, Airflow mends it: scan them again.
    """
    password = stack.sandbox.credentials()["client_secret"]
    echo = (stack.airflow.home / f"{process}.log").read_text()
    assert f"a careless print of Airflow's own password: {password}" in echo
    assert any(f"a careless print of the token: {text}" in echo for text in stack.sandbox.secrets())
    task_logs = [path.read_text() for path in (stack.airflow.home / "logs").rglob("*.log")]
    assert any("a careless print of Airflow's own password: ***" in log for log in task_logs)
    assert any("a careless print of the token: ***" in log for log in task_logs)
    assert any("a careless log of the token: ***" in log for log in task_logs)


def test_a_celery_worker_echoes_nothing(stack: Stack) -> None:
    """So its log is scanned whole above, and what its tasks print is masked in their logs."""
    assert "a careless" not in (stack.airflow.home / "celery.log").read_text()
    printed = [
        line
        for path in (stack.airflow.home / "logs").glob("dag_id=celery_calls/**/task_id=call/**/*.log")
        for line in path.read_text().splitlines()
        if "a careless" in line
    ]
    assert len(printed) == 36
    assert all("***" in line for line in printed)


def _files(stack: Stack) -> Iterator[pathlib.Path]:
    """Every file that Airflow and the tasks wrote, keys aside."""
    for folder in (stack.airflow.home, stack.data, stack.valkey):
        for path in folder.rglob("*"):
            if path.is_file() and path.name != "keys.json":
                yield path


def _content(path: pathlib.Path) -> bytes:
    """What a file says, unpacked; nothing where its process has ended."""
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    if path.name in ("scheduler.log", "triggerer.log"):  # see test_airflows_own_echo_masks_nothing
        content = b"\n".join(
            line for line in content.splitlines() if b"a careless print" not in line and b"a careless log" not in line
        )
    return gzip.decompress(content) if path.suffix == ".gz" else content


_XCOMS = """
import json
from airflow.models.xcom import XComModel
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.utils.session import create_session
with create_session() as session:
    xcoms = [row.value for row in session.query(XComModel)]
    fields = [row.rendered_fields for row in session.query(RenderedTaskInstanceFields)]
    print(json.dumps([xcoms, fields], default=str))
"""
