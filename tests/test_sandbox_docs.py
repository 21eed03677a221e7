"""docs/sandbox.md is true: its tables are the code's, and its commands do what it says."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import get_args

import pytest

from airflow_provider_livestorm.sandbox import truth
from airflow_provider_livestorm.sandbox.faults import Body, Fault
from airflow_provider_livestorm.sandbox.generate import EPOCH, PRESETS, generate
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from airflow_provider_livestorm.sandbox.settings import Settings
from scripts.local_airflow import REPOSITORY, LocalAirflow

TEXT = (REPOSITORY / "docs" / "sandbox.md").read_text()
URL = "http://127.0.0.1:8765"
RUN_ELSEWHERE = {
    "pip install '.[sandbox]'": ".ci/run, as the wheel in an empty environment",
    "airflow-livestorm sandbox --preset tiny": "tests/sandbox/test_command.py",
    ".venv/bin/python -m benchmarks.sandbox": "test_the_benchmark_runs below, in small",
}


def commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    inline = re.findall(r"`(curl [^`]+)`", TEXT)
    found = [line for block in blocks for line in block.splitlines() if line]
    return [line for line in [*found, *inline] if line not in RUN_ELSEWHERE]


def table(heading: str) -> list[list[str]]:
    """The cells below a row of headings, without their code marks."""
    rows = TEXT.partition(f"\n{heading}\n")[2].splitlines()[1:]
    found = []
    for row in rows:
        if not row.startswith("|"):
            break
        found.append([cell.strip() for cell in row.strip("|").split("|")])
    assert found, heading
    return found


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(preset="tiny") as process:
        yield process


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> LocalAirflow:
    made = LocalAirflow(tmp_path_factory.mktemp("airflow"))
    made.migrate()
    return made


def run(command: str, airflow: LocalAirflow, folder: pathlib.Path) -> str:
    """Run it in a shell, as a user does; its output."""
    path = f"{pathlib.Path(airflow.command()[0]).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=airflow.env | {"PATH": path},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_command_works(sandbox: SandboxProcess, airflow: LocalAirflow, tmp_path: pathlib.Path) -> None:
    done = []
    for command in commands():
        run(command.replace(URL, sandbox.url).replace("curl -s", "curl -sS --fail-with-body"), airflow, tmp_path)
        done.append(command)
    assert len(done) > 15
    (left,) = tmp_path.iterdir()
    assert left.name == "session_people.jsonl", "the file with the secrets is gone"
    assert len(left.read_text().splitlines()) == len(sandbox.truth("session_people"))
    settings = sandbox.status()["settings"]
    assert (settings["session_updates"], settings["interval_limit"]) == ("moves", 0)


def test_the_connection_that_it_writes_works(airflow: LocalAirflow, tmp_path: pathlib.Path) -> None:
    with SandboxProcess(preset="empty") as sandbox:
        said = run(
            f"curl -sS -X POST {sandbox.url}/_sandbox/connections -d '{{\"conn_id\": \"mine\"}}' > mine.json"
            " && airflow connections import mine.json && airflow connections test mine",
            airflow, tmp_path,
        )  # fmt: skip
    assert "Connection success!" in said


def test_the_python_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    found: dict[str, object] = {}
    exec(code, found)  # noqa: S102 - our own docs
    assert isinstance(found["expected"], list)
    assert found["expected"]


def test_presets_are_as_told() -> None:
    for row in table("| preset | events | sessions | registrations | for |"):
        (name,) = names(row[0])
        workspace = generate(name, 1, EPOCH, Settings()).workspace
        counts = [len(workspace.events), len(workspace.sessions), sum(1 for _ in workspace.registrations())]
        assert [int(cell.replace(",", "")) for cell in row[1:4]] == counts, name
    assert [names(row[0])[0] for row in table("| preset | events | sessions | registrations | for |")] == list(PRESETS)


def test_real_is_as_large_as_told() -> None:
    workspace = generate("real", 1, EPOCH, Settings()).workspace
    assert len([one for one in workspace.people.values() if one.role == "participant"]) == 56_000
    assert max(len(event.sessions) for event in workspace.events.values()) == 68
    assert min(len(event.sessions) for event in workspace.events.values()) == 1


def test_switches_are_as_told() -> None:
    told = [
        [
            f"`{one['name']}`",
            ", ".join(f"`{choice}`" for choice in one["choices"]) if one["choices"] else f"a number (`{one['value']}`)",
            one["about"],
        ]
        for one in Settings().described()
    ]
    assert table("| switch | positions, the default first | |") == told
    assert all(one["choices"] is None or one["choices"][0] == one["default"] for one in Settings().described())


def test_faults_are_as_told() -> None:
    bodies = [name for row in table("| body | |") for name in names(row[0])]
    assert sorted(bodies) == sorted(get_args(Body))
    members = [name for row in table("| member | |") for name in names(row[0])]
    assert sorted(members) == sorted(Fault.__dataclass_fields__)


def test_streams_are_as_told() -> None:
    told = TEXT.partition("Streams: ")[2].partition(".\n")[0]
    assert names(told) == list(truth.STREAMS)


def test_every_file_that_is_linked_exists() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", TEXT):
        assert (REPOSITORY / "docs" / target).exists(), target


def test_the_benchmark_runs() -> None:
    command = [sys.executable, "-m", "benchmarks.sandbox", "--preset", "tiny", "--seconds", "0.05", "--repeats", "1"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=True)
    figures = json.loads(done.stdout)
    assert figures["workspace"]["events"] == 6
    assert all(one["min"] > 0 for one in figures["pages_of_50_a_second"].values())
