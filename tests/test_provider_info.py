"""What Airflow learns of the provider, by Airflow's own schemas and in Airflow's own words."""

from __future__ import annotations

import json
import pathlib
import tomllib

import airflow
import jsonschema

from airflow_provider_livestorm import __version__
from airflow_provider_livestorm.provider_info import get_provider_info
from scripts.local_airflow import REPOSITORY, LocalAirflow

CORE = pathlib.Path(next(iter(airflow.__path__)))
_ASK = """
import json
from airflow.providers_manager import ProvidersManager
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
from airflow.configuration import conf
manager = ProvidersManager()
manager.initialize_providers_configuration()
widgets = [name for name in manager.connection_form_widgets if "livestorm" in name]
hook = ProvidersManagerTaskRuntime().hooks["livestorm"]
print(json.dumps({
    "providers": [name for name in manager.providers if "livestorm" in name],
    "hook": [hook.hook_class_name, hook.connection_id_attribute_name, hook.hook_name],
    "widgets": sorted(widgets),
    "behaviour": manager.field_behaviours["livestorm"]["relabeling"],
    "token_store": conf.get("livestorm", "token_store"),
    "broker_url": conf.get("livestorm", "broker_url", fallback=None),
}))
"""


def test_it_fits_airflows_schema() -> None:
    jsonschema.validate(get_provider_info(), json.loads((CORE / "provider_info.schema.json").read_text()))


def test_airflow_shows_the_form_and_the_options(tmp_path: pathlib.Path) -> None:
    airflow = LocalAirflow(tmp_path)
    found = airflow.python(_ASK)
    assert found["providers"] == ["airflow-provider-livestorm"]
    assert found["hook"] == [
        "airflow_provider_livestorm.hooks.livestorm.LivestormHook", "livestorm_conn_id", "Livestorm",
    ]  # fmt: skip
    assert found["widgets"] == [
        f"extra__livestorm__{name}" for name in ("access_token", "authorize_url", "refresh_token", "scope", "token_url")
    ]
    assert found["behaviour"]["login"] == "OAuth client id"
    assert found["token_store"] == "auto"
    assert found["broker_url"] in (None, "")


def test_the_names_agree() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    info = get_provider_info()
    assert info["package-name"] == project["name"]
    assert info["versions"] == [__version__]
