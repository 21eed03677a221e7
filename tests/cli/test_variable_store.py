"""With `token_store = variable` one DAG refreshes; the command line, as the page, spends no token of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from tests.cli.conftest import Shell, agree

_REFRESH = """
import json
from airflow.models.variable import Variable
from airflow_provider_livestorm.auth.stores import variable
from airflow_provider_livestorm.hooks.connection import server_side_settings, variable_lease
variable.Variable = Variable  # that of tasks, which the refresh DAG is one of, cannot write here
print(json.dumps(variable_lease(server_side_settings("conn")).get().generation))
"""


@pytest.fixture
def by_variable(shell: Shell) -> Iterator[Shell]:
    shell.airflow.settings["AIRFLOW__LIVESTORM__TOKEN_STORE"] = "variable"
    own = Shell(shell.airflow, shell.sandbox, shell.callback)
    yield own
    own.close()
    del shell.airflow.settings["AIRFLOW__LIVESTORM__TOKEN_STORE"]


def test_it_gives_the_seed_reads_what_is_stored_and_refreshes_nothing(by_variable: Shell) -> None:
    url, rest = by_variable.run_until_url("connect", "conn", "--redirect-uri", by_variable.callback)
    requests.get(agree(url), timeout=30)
    done = by_variable.end(rest)
    assert (done.code, "the tokens are stored" in done.out) == (0, True), done  # the refresh DAG has not run yet
    before = by_variable.sandbox.status()["counters"]
    assert by_variable.run("test", "conn").code == 75
    refused = by_variable.run("refresh", "conn")
    assert (refused.code, "its refresh DAG alone refreshes it" in refused.err) == (1, True)
    assert by_variable.sandbox.status()["counters"]["refreshes"] == before["refreshes"]

    assert by_variable.airflow.python(_REFRESH) == 1
    assert by_variable.run("test", "conn").out.startswith("Connected as ")
    status = json.loads(by_variable.run("status", "conn", "--output", "json").out)[0]
    assert (status["state"], status["connected_as"] is not None) == ("connected", True)

    assert by_variable.run("disconnect", "conn", "--yes").code == 0
    assert json.loads(by_variable.run("status", "conn", "--output", "json").out)[0]["state"] == "not_connected"
    counters = by_variable.sandbox.status()["counters"]
    assert counters["reuses_of_spent_tokens"] == before["reuses_of_spent_tokens"]
