"""Scenario H: what importing this package costs a process that has Airflow already, and what parsing a DAG file takes.

Each time is of a process of its own, with byte code compiled and files in the page cache. Two scales stand beside them:
for an import, that of an empty module, which is what finding and opening a file takes; for a DAG file, one with an
EmptyOperator and nothing else, parsed likewise, or one with an empty `@task` where the file has one of its own: that
alone imports Airflow's Python operators.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from scripts.local_airflow import DAGS, REPOSITORY, LocalAirflow

__all__ = ["measure"]

# What the docs name, and what Airflow loads by entry point.
PUBLIC = (
    "exceptions", "hooks.livestorm", "links", "operators.livestorm", "operators.recordings", "refresh_dag",
    "provider_info", "plugin", "cli", "cli.definition",
)  # fmt: skip
# What these import as work begins: a task pays for it once, and no DAG file does.
AT_WORK = ("hooks.opened", "operators.syncing", "operators.recording_work", "api.client", "sync.runner")
HEAVY = (
    "aiohttp", "authlib", "cryptography", "fastapi", "fsspec", "httpx", "jwt", "msgspec", "pyarrow", "requests",
    "sqlalchemy", "sqlite3", "starlette", "tenacity", "urllib3", "uvicorn",
)  # fmt: skip
_IMPORT = """
import airflow.sdk
before = set(sys.modules)
begun = time.perf_counter()
importlib.import_module(sys.argv[1])
print(json.dumps({"ms": (time.perf_counter() - begun) * 1e3, "loaded": sorted(set(sys.modules) - before)}))
"""
_AIRFLOW = """
begun = time.perf_counter()
import airflow.sdk
print(json.dumps({"ms": (time.perf_counter() - begun) * 1e3, "loaded": []}))
"""
# As Airflow's DAG processor does it: Airflow's own modules that a file names come before, in the parent of all parsers.
_PARSE = """
import pathlib
import airflow.sdk
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.utils.file import iter_airflow_imports
path = pathlib.Path(sys.argv[1])
for name in iter_airflow_imports(str(path)):
    importlib.import_module(name)
before = set(sys.modules)
begun = time.perf_counter()
bag = BundleDagBag(str(path), bundle_path=path.parent, bundle_name="measured", load_op_links=False)
ms = (time.perf_counter() - begun) * 1e3
assert len(bag.dags) == 1 and not bag.import_errors, bag.import_errors
print(json.dumps({"ms": ms, "loaded": sorted(set(sys.modules) - before)}))
"""
_PLAIN = """
import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG(dag_id="plain", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    EmptyOperator(task_id="nothing")
"""
_PLAIN_TASK = """
import pendulum
from airflow.sdk import DAG, task

with DAG(dag_id="plain", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    @task
    def nothing():
        pass

    nothing()
"""


def measure(repeats: int) -> dict[str, Any]:
    """The figures, in milliseconds.

    Args:
        repeats: processes for each figure; they take turns, so that a busy moment of the machine meets them all.

    Returns:
        `airflow_sdk` alone; `public` and `at_work`, each module with the heavy ones that it brings, and as many times
        an `empty_module`; `parsing`, each DAG file likewise against a `plain_dag_file` or a `plain_task_dag_file`.
        A module that Airflow itself has loaded by then, as `provider_info`, takes no time.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        settings = {
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY), folder)),
            "PYTHONDONTWRITEBYTECODE": "",  # as in an installed package, nothing is to be compiled again
        }
        airflow = LocalAirflow(place / "airflow", settings=settings)
        (place / "an_empty_module.py").touch()
        (place / "plain.py").write_text(_PLAIN)
        (place / "plain_task.py").write_text(_PLAIN_TASK)
        modules = {name: (_IMPORT, f"airflow_provider_livestorm.{name}") for name in (*PUBLIC, *AT_WORK)}
        files = {path.name: (_PARSE, str(path)) for path in sorted(DAGS.glob("*.py"))}
        scales = {
            "airflow_sdk": (_AIRFLOW, ""),
            "empty_module": (_IMPORT, "an_empty_module"),
            "plain_dag_file": (_PARSE, str(place / "plain.py")),
            "plain_task_dag_file": (_PARSE, str(place / "plain_task.py")),
        }
        found = _in_turns(airflow, scales | modules | files, repeats)
    empty = found["empty_module"]
    plain = {path.name: found[_scale_of(path)] for path in DAGS.glob("*.py")}
    return {
        "repeats": repeats,
        **{name: found[name] for name in scales},
        "public": {name: _beside(found[name], empty) for name in PUBLIC},
        "at_work": {name: _beside(found[name], empty) for name in AT_WORK},
        "parsing": {name: _beside(found[name], plain[name]) for name in files},
    }


def _scale_of(path: pathlib.Path) -> str:
    return "plain_task_dag_file" if "@task" in path.read_text() else "plain_dag_file"


def _in_turns(airflow: LocalAirflow, asked: dict[str, tuple[str, str]], repeats: int) -> dict[str, dict[str, Any]]:
    for code, argument in asked.values():  # compiles, and fills the page cache
        _once(airflow, code, argument)
    rounds = [{name: _once(airflow, *what) for name, what in asked.items()} for _ in range(repeats)]
    return {name: _figures([one[name] for one in rounds]) for name in asked}


def _once(airflow: LocalAirflow, code: str, argument: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", "import importlib, json, sys, time" + code, argument],
        cwd=REPOSITORY, env=airflow.env, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _figures(times: list[dict[str, Any]]) -> dict[str, Any]:
    every = [one["ms"] for one in times]
    loaded = times[0]["loaded"]
    figures = {"min": min(every), "median": statistics.median(every), "max": max(every)}
    return {name: round(figure, 2) for name, figure in figures.items()} | {
        "modules": len(loaded),
        "heavy": sorted({name.partition(".")[0] for name in loaded} & set(HEAVY)),
    }


def _beside(figures: dict[str, Any], limit: dict[str, Any]) -> dict[str, Any]:
    return figures | {"times_the_limit": round(figures["median"] / limit["median"], 2)}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="processes for each figure (default: 5)")
    print(json.dumps(measure(parser.parse_args().repeats), indent=2))


if __name__ == "__main__":
    main()
