"""Starts tests/airflow2 in the environment of Airflow 2.11: never left out unseen, as README says that they pass."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest

from scripts.local_airflow import REPOSITORY
from trials.tasks import AIRFLOW_2


@pytest.mark.e2e
def test_airflow_2_11_passes_all_of_its_own_tests(tmp_path: pathlib.Path) -> None:
    assert AIRFLOW_2.exists(), "Airflow 2.11 is not there: run `make venv-airflow-2`, as `make test` does."
    done = subprocess.run(
        [
            str(AIRFLOW_2), "-m", "pytest", "tests/airflow2", "--verbose", "--color=no", "--durations=5",
            "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "inner"),
        ],
        cwd=REPOSITORY, env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900, check=False,
    )  # fmt: skip
    print(done.stdout)  # pytest shows it where something fails
    assert re.fullmatch(r"=+ \d+ passed in .*=", done.stdout.splitlines()[-1]), "some failed, or were skipped"
    ran = set(re.findall(r"^tests/airflow2/(test_\w+\.py)::.* PASSED", done.stdout, re.MULTILINE))
    assert ran == {path.name for path in (REPOSITORY / "tests/airflow2").glob("test_*.py")}
