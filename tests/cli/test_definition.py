"""The commands, and the command line around them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest
from airflow.cli.cli_config import ActionCommand

from airflow_provider_livestorm.cli import main
from airflow_provider_livestorm.cli.definition import airflow_commands, parser
from airflow_provider_livestorm.provider_info import get_provider_info

NAMES = ["connect", "status", "test", "refresh", "disconnect", "quota", "streams", "plan", "find-person"]


def imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def commands() -> list[ActionCommand]:
    (path,) = get_provider_info()["cli"]
    (group,) = imported(path)()
    assert group.name == "livestorm"
    return list(group.subcommands)


def test_airflow_finds_every_command_and_each_one_is_there() -> None:
    assert [command.name for command in commands()] == NAMES
    for command in commands():
        module = {"connect": "connect", "streams": "sync", "plan": "sync", "find-person": "sync"}.get(
            command.name, "commands"
        )
        assert callable(imported(f"airflow_provider_livestorm.cli.{module}.{command.name.replace('-', '_')}"))


def test_every_command_speaks_json_and_says_its_exit_codes() -> None:
    for command in commands():
        assert any("--output" in arg.flags for arg in command.args), command.name
        assert "75 failed, and trying again may help" in (command.epilog or "")


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in [*NAMES, "sandbox"])


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["nonsense"], ["test"], ["status", "conn", "--output", "xml"],
        *(["connect", "conn", "--timeout", text] for text in ("nan", "inf", "1e12", "-1", "0", "soon")),
        *(["connect", "conn", "--redirect-uri", text] for text in (
            "nonsense", "javascript:alert(1)", "http://example.com/callback", "https:///callback", "http://127.0.0.1:0/",
            "http://127.0.0.1:99999/", "http://127.0.0.1:port/", "http://[::1/", "https://example.com/callback#part",
        )),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_2_and_shows_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: airflow-livestorm")


def test_the_sandbox_does_without_airflow_and_airflow_without_our_modules() -> None:
    """Every `airflow` command imports the definition; and the sandbox may be installed where Airflow is not."""
    code = (
        "import sys; from airflow_provider_livestorm.cli import main\n"
        "try: main(['sandbox', '--help'])\n"
        "except SystemExit: pass\n"
        "assert 'airflow' not in sys.modules\n"
        "import airflow.cli.cli_config; before = set(sys.modules)\n"
        "from airflow_provider_livestorm.cli import definition\n"
        "assert {name for name in set(sys.modules) - before} == {definition.__name__}, set(sys.modules) - before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    "text", ["https://airflow.example/livestorm/callback", "http://[::1]:8765/", "http://localhost/"]
)
def test_what_livestorm_registers_is_a_redirect_uri(text: str) -> None:
    assert parser().parse_args(["connect", "conn", "--redirect-uri", text]).redirect_uri == text


def test_there_is_one_group() -> None:
    assert len(airflow_commands()) == 1
