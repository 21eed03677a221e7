"""docs/sync.md and docs/streams.md are true: what they show runs, what they name is there."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from airflow_provider_livestorm.cli.definition import parser
from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import REPOSITORY
from scripts.streams_page import PAGE, page
from tests import truth
from trials.syncing import sync, todo

DOCS = REPOSITORY / "docs"
SYNC = (DOCS / "sync.md").read_text()


def test_the_page_of_streams_is_the_catalogues() -> None:
    assert PAGE.read_text() == page(), "run make streams"


def test_reading_a_stream_as_shown_gives_what_is_there_now(tmp_path: pathlib.Path) -> None:
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", SYNC, re.DOTALL) if "manifest" in block]
    with SandboxProcess(preset="tiny", interval_limit=0) as sandbox:
        sandbox.advance(86_400)
        for _ in range(2):
            sync(sandbox, tmp_path, todo())
            sandbox.advance(3 * 86_400)
        sync(sandbox, tmp_path, todo(mode="full"))
        told: dict[str, Any] = {}
        exec(code.replace("/tmp/livestorm", str(tmp_path)), told)  # noqa: S102, S108 - the page's own words
        expected = truth.of(sandbox, "session_people")
    rows = [{name: value for name, value in row.items() if name != "_deleted_at"} for row in told["now"]]
    assert truth.digest("session_people", rows) == truth.digest("session_people", expected)


def test_the_operator_is_made_as_shown() -> None:
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", SYNC, re.DOTALL) if "Operator(" in block]
    exec(code, {"LivestormSyncStreamsOperator": LivestormSyncStreamsOperator})  # noqa: S102 - likewise


def test_every_command_is_one() -> None:
    found = [
        line for block in re.findall(r"```bash\n(.*?)```", SYNC + page(), re.DOTALL) for line in block.splitlines()
    ]
    found += re.findall(r"`(airflow-livestorm [^`]+)`", SYNC)
    assert found
    for command in found:
        parser().parse_args(command.split()[1:])


def test_every_parameter_that_is_named_is_one() -> None:
    named = set(re.findall(r"`(\w+)=", SYNC)) | {
        "reconcile_calls",
        "reconcile_days",
        "settle_days",
        "hash_key_variable",
    }
    arguments = vars(LivestormSyncStreamsOperator(task_id="sync", destination="x"))
    assert named <= arguments.keys() | {"include"}


@pytest.mark.parametrize("name", ["sync.md", "streams.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    text = (DOCS / name).read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (DOCS / target).exists(), target
