"""The other commands, on a real metadata database and the sandbox."""

from __future__ import annotations

import json
import subprocess

import pytest
import requests

from tests.cli.conftest import Shell, agree


@pytest.fixture
def connected(shell: Shell) -> Shell:
    url, rest = shell.run_until_url("connect", "conn", "--redirect-uri", shell.callback)
    requests.get(agree(url), timeout=30)
    assert shell.end(rest).code == 0
    return shell


def test_status_lists_all_connections_and_is_1_if_one_of_them_needs_somebody(connected: Shell) -> None:
    done = connected.run("status", "--output", "json")
    found = {one["conn_id"]: one for one in done.json}
    assert found.keys() == {"conn", "by_token", "broken"}
    assert found["conn"]["state"] == "connected"
    assert found["by_token"]["kind"] == "api_token"
    assert found["broken"]["state"] == "needs_attention"
    assert done.code == 1
    assert connected.run("status", "conn").code == 0
    table = connected.run("status")
    assert "conn" in table.out
    assert "broken: Connection 'broken' has no password" in table.err


def test_status_asks_livestorm_nothing(connected: Shell) -> None:
    connected.sandbox.reset_counters()
    connected.run("status")
    connected.run("quota")
    counters = connected.sandbox.status()["counters"]
    assert (counters["calls_total"], counters["refreshes"]) == (0, 0)


def test_test_says_who_and_is_1_where_livestorm_refuses(connected: Shell) -> None:
    done = connected.run("test", "conn")
    assert done.code == 0
    assert done.out.startswith("Connected as ")
    assert "calls left this month" in done.out
    assert connected.run("test", "by_token").code == 0
    connected.sandbox.revoke()
    refused = connected.run("test", "conn", "--output", "json")
    assert refused.code == 1
    assert refused.json["ok"] is False
    assert refused.json["retryable"] is False
    assert f"open {connected.airflow.url}/livestorm/?connection=conn" in refused.json["message"]
    status = connected.run("status", "conn", "--output", "json")
    assert (status.code, status.json[0]["state"]) == (1, "needs_reconnecting")


def test_what_may_be_over_soon_is_75(connected: Shell) -> None:
    connected.sandbox.add_fault(path_prefix="/v1/me", status=503, body="html", times=0)
    try:
        done = connected.run("test", "conn", "--output", "json")
    finally:
        connected.sandbox.clear_faults()
    assert done.code == 75
    assert done.json["retryable"] is True


def test_refresh_spends_one_refresh_token_though_the_access_token_lives(connected: Shell) -> None:
    before = connected.sandbox.status()["counters"]["refreshes"]
    done = connected.run("refresh", "conn")
    assert done.code == 0
    assert "refreshed; the access token expires 20" in done.out
    counters = connected.sandbox.status()["counters"]
    assert (counters["refreshes"] - before, counters["reuses_of_spent_tokens"]) == (1, 0)
    assert connected.run("refresh", "by_token").code == 1


def test_disconnect_asks_first_and_leaves_no_token(connected: Shell) -> None:
    asked = connected.run("disconnect", "conn")
    assert asked.code == 1
    assert "say --yes" in asked.err
    assert connected.run("status", "conn", "--output", "json").json[0]["state"] == "connected"
    done = connected.run("disconnect", "conn", "--yes")
    assert done.code == 0
    assert "its tokens were removed from Airflow, but not revoked at Livestorm" in done.out
    status = connected.run("status", "conn", "--output", "json")
    assert (status.code, status.json[0]["state"]) == (0, "not_connected")


def test_quota_tells_what_livestorm_said_and_what_this_airflow_did(connected: Shell) -> None:
    connected.run("test", "conn")
    done = connected.run("quota", "conn", "--output", "json")
    assert done.code == 0
    (told,) = done.json
    assert told["limit"] == 10_000
    assert told["remaining"] < 10_000
    assert told["resets_at"] is None
    assert len(told["calls"]) == 30
    assert told["calls"][-1]["calls"] >= 2
    table = connected.run("quota", "conn").out
    assert "not known" in table
    assert f"{told['calls'][-1]['day']} | {told['calls'][-1]['calls']}" in " ".join(table.split()), "by day"


@pytest.mark.parametrize("name", ["status", "test", "refresh", "quota", "disconnect"])
def test_a_connection_that_is_not_there_is_one_sentence(shell: Shell, name: str) -> None:
    done = shell.run(name, "nobody", *(["--yes"] if name == "disconnect" else []))
    assert (done.code, done.out) == (1, "")
    assert done.err == "There is no connection 'nobody'.\n"


@pytest.mark.parametrize("output", ["plain", "yaml", "table"])
def test_other_forms_are_airflows_own(connected: Shell, output: str) -> None:
    for name in ("status", "quota", "test"):
        done = connected.run(name, "conn", "--output", output)
        assert done.code == 0
        assert done.out


def test_no_secret_is_said(connected: Shell) -> None:
    for name in ("status", "test", "refresh", "quota", "disconnect"):
        done = connected.run(name, "conn", "--output", "json", *(["--yes"] if name == "disconnect" else []))
        said = done.out + done.err
        assert not [secret for secret in connected.sandbox.secrets() if secret in said]


def test_airflow_itself_has_the_commands_and_says_nothing_but_json(connected: Shell) -> None:
    done = connected.airflow.run("livestorm", "status", "conn", "--output", "json")
    assert json.loads(done.stdout)[0]["state"] == "connected"


def test_logs_are_not_among_results(connected: Shell) -> None:
    """With --verbose there are some; the console script's own process, as Airflow's handlers keep their stream."""
    script = connected.airflow.interpreter.with_name("airflow-livestorm")
    connected.sandbox.add_fault(path_prefix="/v1/me", status=503, body="html", times=1)
    done = subprocess.run(
        [str(script), "test", "conn", "--verbose", "--output", "json"],
        env=connected.airflow.env, text=True, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["ok"] is True
    assert "try 1 failed" in done.stderr
