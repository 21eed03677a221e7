"""Parsing a DAG file on Airflow 2.11, which itself has imported requests by then: of ours, nothing that works."""

from __future__ import annotations

import pathlib

from scripts.local_airflow import LocalAirflow
from tests.parsing import FILES, HEAVY, PARSED, documented_imports, loaded_by


def test_parsing_imports_nothing_heavy_and_nothing_that_works(tmp_path: pathlib.Path) -> None:
    documented = tmp_path / "dag_file.py"
    documented.write_text("\n".join(documented_imports()))
    airflow = LocalAirflow(tmp_path / "airflow")
    for path in (*FILES, documented):
        loaded = loaded_by(airflow, path)
        assert sorted(HEAVY & {name.partition(".")[0] for name in loaded}) == [], path
        assert sorted(name for name in loaded - PARSED if name.startswith("airflow_provider_livestorm")) == [], path
