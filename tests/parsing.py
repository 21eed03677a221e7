"""What parsing a DAG file imports, seen by a process of its own: on Airflow 3, and from tests/airflow2 on 2.11."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys

from scripts.local_airflow import DAGS, REPOSITORY, LocalAirflow

__all__ = ["FILES", "HEAVY", "PARSED", "documented_imports", "loaded_by"]

FILES = sorted(DAGS.glob("*.py"))
HEAVY = frozenset(
    (
        "aiohttp", "authlib", "cryptography", "fastapi", "fsspec", "httpx", "jwt", "msgspec", "pyarrow", "requests",
        "sqlalchemy", "sqlite3", "starlette", "tenacity", "urllib3", "uvicorn",
    )
)  # fmt: skip
# Of ours: what is declared, and nothing that works.
PARSED = frozenset(
    f"airflow_provider_livestorm{name}"
    for name in (
        "", ".exceptions", ".hooks", ".hooks.form", ".hooks.livestorm", ".hooks.off_loop", ".links", ".operators",
        ".operators.livestorm", ".operators.recordings", ".operators.reporting", ".provider_info", ".refresh_dag",
        ".sync", ".sync.defaults",
    )
)  # fmt: skip
_PROCESS = """
import json, runpy, sys
import pendulum
from airflow.providers.common.compat.sdk import DAG, Asset, BaseHook, BaseOperator, task
before = set(sys.modules)
runpy.run_path(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def documented_imports() -> list[str]:
    """The imports of this package that README and the pages show for DAG files."""
    pages = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
    found = {
        line
        for page in pages
        for line in re.findall(r"^ *(from airflow_provider_livestorm\S* import \w+)", page.read_text(), re.MULTILINE)
    }
    return sorted(line for line in found if ".sandbox" not in line)


def loaded_by(airflow: LocalAirflow, path: pathlib.Path) -> set[str]:
    """The modules that a DAG file imports beside what any DAG file takes of Airflow."""
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS, str(path)],
        cwd=REPOSITORY, env=airflow.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))
