"""What Airflow learns of the provider, by Airflow's own schemas and in Airflow's own words."""

from __future__ import annotations

import json
import pathlib
import tomllib
from typing import Any

import airflow
import jsonschema
import pytest

from airflow_provider_livestorm import __version__
from airflow_provider_livestorm.auth.oauth import AUTHORIZE_URL, TOKEN_URL
from airflow_provider_livestorm.provider_info import get_provider_info
from scripts.local_airflow import REPOSITORY, LocalAirflow

CORE = pathlib.Path(next(iter(airflow.__path__)))
_ASK = """
import json, sys, warnings
from fastapi import FastAPI
from fastapi.testclient import TestClient
from airflow.api_fastapi.core_api.routes.ui.connections import connections_router
server = FastAPI()
server.include_router(connections_router, prefix="/ui")
(route,) = connections_router.routes
server.dependency_overrides[route.dependencies[0].dependency] = lambda: None  # who may, is Airflow's own business
forms = TestClient(server).get("/ui/connections/hook_meta").json()
loaded = sorted(name for name in sys.modules if name.startswith("airflow_provider_livestorm"))

from airflow.providers_manager import ProvidersManager
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
from airflow.configuration import conf
ProvidersManager().initialize_providers_configuration()
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    hook = ProvidersManagerTaskRuntime().hooks["livestorm"]
    assert ProvidersManager().connection_form_widgets["extra__livestorm__scope"].field_name == "scope"
print(json.dumps({
    "providers": [name for name in ProvidersManager().providers if "livestorm" in name],
    "hook": [hook.hook_class_name, hook.connection_id_attribute_name, hook.hook_name],
    "form": next(form for form in forms if form["connection_type"] == "livestorm"),
    "loaded": loaded,
    "warned": [str(one.message) for one in warned],
    "wtforms": "wtforms" in sys.modules,
    "token_store": conf.get("livestorm", "token_store"),
    "broker_url": conf.get("livestorm", "broker_url", fallback=None),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an api-server tells the UI, and what a process learns of the provider."""
    told = LocalAirflow(tmp_path_factory.mktemp("airflow")).python(_ASK)
    assert isinstance(told, dict)
    return told


def test_it_fits_airflows_schema() -> None:
    jsonschema.validate(get_provider_info(), json.loads((CORE / "provider_info.schema.json").read_text()))


def test_airflow_knows_the_hook_and_the_options(found: dict[str, Any]) -> None:
    assert found["providers"] == ["airflow-provider-livestorm"]
    assert found["hook"] == [
        "airflow_provider_livestorm.hooks.livestorm.LivestormHook", "livestorm_conn_id", "Livestorm",
    ]  # fmt: skip
    assert found["token_store"] == "auto"
    assert found["broker_url"] in (None, "")


def test_the_ui_gets_the_form(found: dict[str, Any]) -> None:
    own = {name: field for name, field in found["form"]["standard_fields"].items() if field}
    assert [name for name, field in own.items() if field["hidden"]] == ["url_schema", "port"]
    assert {name: (field["title"], field["placeholder"]) for name, field in own.items() if not field["hidden"]} == {
        "host": ("API URL", "https://api.livestorm.co/v1"),
        "login": ("OAuth client id", "leave empty to use a private API token"),
        "password": ("OAuth client secret, or private API token", None),
    }
    extra = found["form"]["extra_fields"]
    assert {name: field["schema"]["title"] for name, field in extra.items()} == {
        "refresh_token": "Refresh token", "access_token": "Access token", "scope": "Scope",
        "token_url": "Token URL", "authorize_url": "Authorize URL",
    }  # fmt: skip
    secret = [name for name, field in extra.items() if field["schema"].get("format") == "password"]
    assert secret == ["refresh_token", "access_token"]
    for name, url in (("token_url", TOKEN_URL), ("authorize_url", AUTHORIZE_URL)):
        assert extra[name]["description"].startswith(f"Empty for {url};")


def test_the_form_leads_to_connect(found: dict[str, Any]) -> None:
    about = found["form"]["extra_fields"]["refresh_token"]["description"]
    assert about.startswith("Leave it empty, save, then open Livestorm in Airflow's menu (Admin) and click Connect.")


def test_the_form_is_drawn_without_the_hook(found: dict[str, Any]) -> None:
    package = "airflow_provider_livestorm"
    assert found["loaded"] == [package, f"{package}.hooks", f"{package}.hooks.form", f"{package}.provider_info"]


def test_the_form_methods_of_the_hook_are_for_older_airflows(found: dict[str, Any]) -> None:
    assert [message for message in found["warned"] if "Livestorm" in message] == []
    assert not found["wtforms"]


def test_the_names_agree() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    info = get_provider_info()
    assert info["package-name"] == project["name"]
    assert info["versions"] == [__version__]
