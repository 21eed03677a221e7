"""docs/recordings.md is true: its DAG runs, and what it says is returned is returned."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import REPOSITORY

PAGE = (REPOSITORY / "docs/recordings.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_dag_downloads_the_recordings_of_a_session(
    tmp_path: pathlib.Path, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"conn_type": "livestorm", "host": sandbox.api_url, "password": sandbox.credentials()["api_token"]}
    monkeypatch.setenv("AIRFLOW_CONN_LIVESTORM_DEFAULT", json.dumps(members))
    code = block("python").replace('"/data/recordings"', f'"{tmp_path}"')
    namespace: dict[str, object] = {}
    exec(code, namespace)  # noqa: S102 - our own page
    (task,) = namespace["dag"].tasks  # type: ignore[attr-defined]
    row = sandbox.truth("recordings")[0]["attributes"]
    task.render_template_fields({"params": {"session_id": row["session_id"]}})
    (told,) = task.execute({})
    assert told.keys() == json.loads(block("json"))[0].keys()
    assert pathlib.Path(told["file"]).stat().st_size == row["file_size"]
    assert re.fullmatch(rf"{tmp_path}/{told['session_id']}/{told['recording_id']}-.+", told["file"])
