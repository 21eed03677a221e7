"""docs/command-line.md and docs/connect.md are true: each command is run, each table is what the code says."""

from __future__ import annotations

import re

import msgspec
import pytest

from airflow_provider_livestorm.cli.commands import QuotaOfConnection
from airflow_provider_livestorm.cli.definition import airflow_commands, parser
from airflow_provider_livestorm.cli.sync import CallsOfStream, StreamOfCatalogue
from airflow_provider_livestorm.hooks.account_status import AccountState, AccountStatus
from airflow_provider_livestorm.sync.erasure import RowsOfPerson
from scripts.local_airflow import REPOSITORY
from tests.cli.conftest import Shell

PAGE = (REPOSITORY / "docs/command-line.md").read_text()
CONNECT = (REPOSITORY / "docs/connect.md").read_text()
# What needs a person: test_connect.py is that person, at addresses that are registered with its sandbox.
BY_A_PERSON = {
    "airflow-livestorm connect livestorm_default",
    "airflow-livestorm connect livestorm_default --redirect-uri http://127.0.0.1:8765/callback",
}
BY_AIRFLOW = {"airflow livestorm status"}  # test_commands.py


def commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def table(heading: str) -> list[list[str]]:
    rows = re.search(rf"\| {heading} \|.*?\n((?:\|.*\n)+)", PAGE)
    assert rows is not None
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows.group(1).splitlines()[1:]]


def members(text: str) -> list[str]:
    return re.findall(r'"(\w+)"', text)


@pytest.mark.parametrize("command", commands())
def test_every_command_is_one(command: str) -> None:
    name, *arguments = command.split()
    parser().parse_args(arguments[1:] if name == "airflow" else arguments)


def test_those_that_need_nobody_are_run(shell: Shell) -> None:
    for command in set(commands()) - BY_A_PERSON - BY_AIRFLOW:
        done = shell.run(*command.replace("livestorm_default", "conn").split()[1:])
        assert "Traceback" not in done.err
        assert done.code in (0, 1), command  # of status: how the connections are


def test_every_command_that_there_is_is_told_of() -> None:
    told = re.findall(r"^\| `([\w-]+) ?.*?` \| ", PAGE.partition("## Connect")[0], re.MULTILINE)
    (group,) = airflow_commands()
    assert told == [command.name for command in group.subcommands]


def test_the_shapes_are_those_that_are_printed() -> None:
    shapes = {row[0]: members(row[1]) for row in table("command \\| prints")}
    assert shapes["`status`"] == [field.name for field in msgspec.structs.fields(AccountStatus)]
    assert shapes["`quota`"] == [field.name for field in msgspec.structs.fields(QuotaOfConnection)]
    assert shapes["`streams`"] == [field.name for field in msgspec.structs.fields(StreamOfCatalogue)]
    assert shapes["`plan`"] == [field.name for field in msgspec.structs.fields(CallsOfStream)]
    assert shapes["`find-person`"] == [field.name for field in msgspec.structs.fields(RowsOfPerson)]
    assert shapes["`connect`, `test`, `refresh`, `disconnect`"] == ["conn_id", "ok", "message", "retryable"]
    assert all(f"`{state}`" in PAGE for state in AccountState)


def test_every_state_is_explained() -> None:
    explained = re.findall(r"^\| ([A-Z][a-z ]+) \| ", CONNECT, re.MULTILINE)
    assert [name.lower().replace(" yet", "").replace(" ", "_") for name in explained] == list(AccountState)


@pytest.mark.parametrize("page", ["connect.md", "command-line.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    text = (REPOSITORY / "docs" / page).read_text()
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text) + re.findall(r'src(?:set)?="([^"]+)"', text)
    assert targets
    for target in targets:
        assert (REPOSITORY / "docs" / target).exists(), target
