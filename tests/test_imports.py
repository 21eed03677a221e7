"""Parsing a DAG file, which Airflow does again and again, imports what is declared, and nothing that works."""

from __future__ import annotations

import pathlib

import pytest

from scripts.local_airflow import LocalAirflow
from tests.parsing import FILES, HEAVY, PARSED, documented_imports, loaded_by


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> LocalAirflow:
    return LocalAirflow(tmp_path_factory.mktemp("airflow"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_imports_nothing_heavy_and_nothing_that_works(airflow: LocalAirflow, path: pathlib.Path) -> None:
    assert_light(loaded_by(airflow, path))


@pytest.mark.parametrize("line", documented_imports())
def test_an_import_of_the_docs_brings_nothing_heavy_and_nothing_that_works(
    airflow: LocalAirflow, tmp_path: pathlib.Path, line: str
) -> None:
    path = tmp_path / "dag_file.py"
    path.write_text(line)
    assert_light(loaded_by(airflow, path))


def test_making_a_refresh_dag_imports_nothing_heavy_and_nothing_that_works(
    airflow: LocalAirflow, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "dag_file.py"
    path.write_text(
        "from airflow_provider_livestorm.refresh_dag import token_refresh_dag\ndag = token_refresh_dag('x')"
    )
    assert_light(loaded_by(airflow, path))


def test_the_docs_show_the_hook_the_operators_and_the_refresh_dag() -> None:
    shown = {line.rpartition(" ")[2] for line in documented_imports()}
    assert shown == {
        "LivestormDownloadRecordingsOperator", "LivestormHook", "LivestormSyncStreamsOperator", "token_refresh_dag",
    }  # fmt: skip


def assert_light(loaded: set[str]) -> None:
    assert sorted(HEAVY & {name.partition(".")[0] for name in loaded}) == []
    assert sorted(name for name in loaded - PARSED if name.startswith("airflow_provider_livestorm")) == []
