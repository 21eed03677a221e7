"""What Airflow 2.11 learns of the provider, and what of it needs Airflow 3."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from airflow_provider_livestorm import __version__
from scripts.local_airflow import REPOSITORY, LocalAirflow
from tests.airflow2.conftest import AIRFLOW_VERSION, Stack

_IMPORT = """
import importlib, json, pkgutil, warnings
import airflow.models
warnings.filterwarnings("error", category=DeprecationWarning, module="airflow_provider_livestorm")
import airflow_provider_livestorm as package
names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
failed = {}
for name in names:
    if not name.endswith("__main__"):
        try:
            importlib.import_module(name)
        except Exception as error:
            failed[name] = repr(error)
print(json.dumps({"names": names, "failed": failed}))
"""
_ASK = """
import json, sys
from airflow import plugins_manager
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
manager.initialize_providers_configuration()
hook = manager.hooks["livestorm"]
plugins_manager.ensure_plugins_loaded()
plugins_manager.initialize_web_ui_plugins()
print(json.dumps({
    "hook": [hook.hook_class_name, hook.connection_id_attribute_name, hook.hook_name],
    "options": [conf.get("livestorm", name, fallback=None) for name in ("token_store", "broker_url")],
    "plugin_errors": plugins_manager.import_errors,
    "broker_loaded": "airflow_provider_livestorm.plugin.token_broker" in sys.modules,
}))
"""
_GET_TOKEN = """
import json, sys
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
try:
    LivestormHook(json.load(sys.stdin)).get_token()
except Exception as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


def last_json(output: str) -> Any:
    """What an `airflow` command says with `--output json`; Airflow 2.11 logs on standard output, too."""
    return json.loads(next(line for line in reversed(output.splitlines()) if line.startswith(("[{", "[]"))))


def test_this_is_the_airflow_that_is_pinned() -> None:
    pinned = re.search(r"^apache-airflow==(\S+)$", (REPOSITORY / "requirements/airflow-2.in").read_text(), re.MULTILINE)
    assert pinned is not None
    assert pinned.group(1) == AIRFLOW_VERSION


@pytest.fixture(scope="module")
def known(airflow2: Stack) -> dict[str, Any]:
    """What a process of this Airflow knows of the provider and the plugin."""
    found = airflow2.airflow.python(_ASK)
    assert isinstance(found, dict)
    return found


def test_every_module_is_imported_but_those_for_an_api_server(stack: Stack) -> None:
    found = stack.airflow.python(_IMPORT)
    assert "airflow_provider_livestorm.operators.livestorm" in found["names"]
    modules = (
        "admission", "app", "callers", "connect", "page", "permissions", "sealed", "token_broker", "told",
        "usage_report",
    )  # fmt: skip
    assert found["failed"].keys() == {f"airflow_provider_livestorm.plugin.{module}" for module in modules}
    for error in found["failed"].values():
        assert re.match(r"ModuleNotFoundError\(\"No module named '(fastapi|airflow\.api_fastapi)", error)


def test_airflow_knows_the_provider_its_hook_and_its_options(stack: Stack, known: dict[str, Any]) -> None:
    said = stack.airflow.run("providers", "get", "airflow-provider-livestorm", "--output", "json").stdout
    assert last_json(said) == [{"Provider": "airflow-provider-livestorm", "Version": __version__}]
    assert known["hook"] == [
        "airflow_provider_livestorm.hooks.livestorm.LivestormHook", "livestorm_conn_id", "Livestorm",
    ]  # fmt: skip
    assert known["options"][0] == "auto"
    assert not known["options"][1]


def test_the_plugin_is_loaded_and_does_nothing_but_listen_for_the_end(stack: Stack, known: dict[str, Any]) -> None:
    (plugin,) = last_json(stack.airflow.run("plugins", "--output", "json").stdout)
    assert plugin.pop("source").startswith("airflow-provider-livestorm==")
    assert plugin.pop("name") == "livestorm"
    assert plugin.pop("listeners") == ["airflow_provider_livestorm.plugin.listener"]
    assert not any(plugin.values()), plugin
    assert (known["plugin_errors"], known["broker_loaded"]) == ({}, False)


def test_the_broker_which_is_for_airflow_3_is_refused_at_once_and_in_one_sentence(stack: Stack) -> None:
    airflow = LocalAirflow(
        stack.airflow.home, database=stack.airflow.database, settings={"AIRFLOW__LIVESTORM__TOKEN_STORE": "broker"}
    )
    began = time.monotonic()
    kind, sentence = airflow.python(_GET_TOKEN, "livestorm_default")
    assert kind == "LivestormConfigurationError"
    assert sentence == (
        "Connection 'livestorm_default': [livestorm] token_store = broker needs Airflow 3, whose api-server runs the"
        f" token broker. On Airflow {AIRFLOW_VERSION} set it to auto: tasks refresh tokens themselves there."
    )
    assert time.monotonic() - began < 10, "it looked for an api-server"
    assert stack.sandbox.status()["counters"]["refreshes"] == 0
