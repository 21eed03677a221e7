"""README is true: what it shows is what happens, and what it tells to type works."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import REPOSITORY, LocalAirflow

README = (REPOSITORY / "README.md").read_text()
# Where each command of README is run; a command that is in neither place is not known to work.
RUN_ELSEWHERE = {
    "make up": "tests/test_up.py",
    "pip install .": ".ci/run, as the wheel in an empty environment",
    "pip install '.[sandbox]'": ".ci/run, likewise",
    "airflow-livestorm sandbox": "tests/sandbox/test_command.py",
    "airflow-livestorm connect livestorm_default": "tests/cli/test_connect.py",
    "airflow-livestorm status": "tests/cli/test_commands.py",
    "airflow-livestorm plan livestorm_default s3://aws_default@my-bucket/livestorm": "tests/cli/test_sync.py",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("bash") for line in block.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("demo")


def run(command: str, **environment: str) -> str:
    shell = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # `make test` runs us
    done = subprocess.run(
        ["bash", "-c", command], cwd=REPOSITORY, env=shell | environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def normal(output: str, folder: pathlib.Path) -> list[str]:
    """The demo's output without what differs from run to run: ports, run ids, seconds, and where it ran.

    On a machine that is busy with other things a progress line comes in between, and the sandbox may refuse a call that
    arrived too close to the one before, so the calls may be one more.
    """
    output = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", output.replace(str(folder), ".demo"))
    output = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "RUN", output)
    output = re.sub(r"Done in \d+ s", "Done in N s", output)
    output = re.sub(r"calls \d+", "calls N", output)
    output = re.sub(r"(│ \w+ +│ +[\d,]+ │ +\d+ │) +\d+ │", r"\1 N │", output)
    lines = [line.rstrip() for line in output.strip().splitlines()]
    return [line for line in lines if not re.search(r": (list|page) [\d,]+ of ", line)]


def test_the_demo_prints_what_readme_shows_and_works_twice(demo_folder: pathlib.Path) -> None:
    (shown,) = blocks("text")
    for _ in range(2):
        output = run("make demo", LIVESTORM_DEMO_FOLDER=str(demo_folder))
        assert normal(output, demo_folder) == normal(shown, demo_folder)
    manifest = json.loads((demo_folder / "data" / "_livestorm" / "manifest.json").read_bytes())
    assert manifest["sequence"] == 1  # the second began from nothing, too


def test_every_command_is_run_by_a_test_or_by_ci() -> None:
    here = {"make demo", 'airflow pools set livestorm 1 "Calls to Livestorm"'}
    assert set(commands()) == here | RUN_ELSEWHERE.keys()


def test_the_pool_can_be_set_as_told(tmp_path: pathlib.Path) -> None:
    (command,) = (line for line in commands() if line.startswith("airflow pools"))
    airflow = LocalAirflow(tmp_path / "airflow")
    airflow.migrate()
    run(command, **airflow.env | {"PATH": f"{pathlib.Path(airflow.command()[0]).parent}:{os.environ['PATH']}"})


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxProcess]:
    with SandboxProcess(preset="tiny", interval_limit=0) as sandbox:
        members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
        monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_DEFAULT", json.dumps(members))
        yield sandbox


def test_the_python_examples_run(connection: SandboxProcess) -> None:
    operator, hook, trigger, refresh = blocks("python")
    names: dict[str, object] = {}
    exec(operator, names)  # noqa: S102 - our own README
    exec(hook, names)  # noqa: S102
    exec(trigger, names)  # noqa: S102
    exec(refresh, names)  # noqa: S102
    assert names["dag"].dag_id == "livestorm_refresh_livestorm_default"  # type: ignore[attr-defined]
    assert isinstance(names["titles"], list)
    assert all(isinstance(title, str) for title in names["titles"])
    past = next(row["id"] for row in connection.truth("sessions") if row["attributes"]["status"] == "past")
    assert asyncio.run(anext(names["SessionEndedTrigger"](past).run())).payload == {"session_id": past}  # type: ignore[operator]


def test_every_method_that_readme_names_exists() -> None:
    table = re.search(r"\n\| \| \|\n(.*?)\n\n", README.partition("## Call Livestorm")[2], re.DOTALL)
    assert table is not None
    named = set(re.findall(r"`(\w+)", " ".join(row.split("|")[1] for row in table[1].splitlines())))
    assert len(named) > 10
    assert not {name for name in named if not hasattr(LivestormHook, name)}


def test_every_file_that_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target
