"""The connection form in the web server of Airflow 2.11, filled in and sent as a browser does it."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from scripts.local_airflow import LocalAirflow
from tests.airflow2.conftest import Stack

CONN_ID = "from_the_form"
BROWSER = pathlib.Path(__file__).with_name("web_form.py").read_text()


@pytest.fixture(scope="module")
def said(airflow2: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the browser saw, and what the row held after each step."""
    everybody = tmp_path_factory.mktemp("web") / "webserver_config.py"
    everybody.write_text("AUTH_ROLE_PUBLIC = 'Admin'\nWTF_CSRF_ENABLED = False\n")
    airflow = LocalAirflow(
        airflow2.airflow.home,
        database=airflow2.airflow.database,
        settings={"AIRFLOW__WEBSERVER__CONFIG_FILE": str(everybody)},
    )
    sandbox = airflow2.sandbox
    sandbox.reset_counters()
    grant = sandbox.grant()
    typed = {
        "host": sandbox.api_url, "login": grant["client_id"], "password": grant["client_secret"],
        "extra__livestorm__token_url": sandbox.token_url, "extra__livestorm__scope": "events:read",
    }  # fmt: skip
    pasted = {"extra__livestorm__refresh_token": grant["refresh_token"]}
    found = airflow.python(BROWSER, {"conn_id": CONN_ID, "typed": typed, "pasted": pasted})
    assert isinstance(found, dict)
    return found | {"typed": typed, "pasted_token": grant["refresh_token"], "counters": sandbox.status()["counters"]}


def test_it_has_our_fields_and_those_with_tokens_are_typed_unseen(said: dict[str, Any]) -> None:
    ours = {name.removeprefix("extra__livestorm__"): kind for name, kind in said["types"].items() if "__" in name}
    assert ours == {
        "refresh_token": "password", "access_token": "password", "scope": "text", "token_url": "text",
        "authorize_url": "text",
    }  # fmt: skip
    for label in ("Refresh token", "Access token", "Scope", "Token URL", "Authorize URL"):
        assert re.search(rf"<label [^>]*>\s*{label}\s*</label>", said["page"]), label


def test_it_hides_and_names_airflows_own_fields_and_shows_examples(said: dict[str, Any]) -> None:
    assert said["behaviour"]["hidden_fields"] == ["schema", "port"]
    assert said["behaviour"]["relabeling"]["password"] == "OAuth client secret, or private API token"
    placeholders = said["behaviour"]["placeholders"]
    assert placeholders["host"] == "https://api.livestorm.co/v1"
    assert placeholders["extra__livestorm__token_url"] == "https://app.livestorm.co/oauth/token"


def test_it_leads_to_the_command_as_there_is_no_page(said: dict[str, Any]) -> None:
    assert "Leave it empty, save, then run: airflow-livestorm connect CONN_ID." in said["page"]


def test_what_is_typed_is_saved_and_what_is_left_empty_is_not(said: dict[str, Any]) -> None:
    new, typed = said["new"], said["typed"]
    assert (new["login"], new["password"]) == (typed["login"], typed["password"])
    assert new["extra"] == {"token_url": typed["extra__livestorm__token_url"], "scope": "events:read"}


def test_the_button_says_how_to_connect_a_connection_that_nobody_has_authorized(said: dict[str, Any]) -> None:
    assert said["new_tested"] == {
        "status": False,
        "message": "Nobody has authorized this connection at Livestorm yet: run `airflow-livestorm connect"
        f" {CONN_ID}` beside Airflow.",
    }


def test_no_secret_is_shown_and_a_save_keeps_them_all(said: dict[str, Any]) -> None:
    refreshed = said["refreshed"]
    assert refreshed["extra"]["refresh_token"] != said["pasted_token"]
    for secret in (refreshed["password"], refreshed["extra"]["refresh_token"], refreshed["extra"]["access_token"]):
        assert secret not in said["edit"]
    assert said["saved"] == refreshed | {"description": "another one"}


def test_a_form_that_was_open_during_a_refresh_does_not_bring_the_spent_token_back(said: dict[str, Any]) -> None:
    rotated, late = said["rotated"]["extra"], said["saved_late"]["extra"]
    assert rotated["refresh_token"] != said["saved"]["extra"]["refresh_token"]
    assert late["refresh_token"] == rotated["refresh_token"]
    assert (said["counters"]["reuses_of_spent_tokens"], said["counters"]["refused_refreshes"]) == (0, 0)


def test_the_button_says_that_airflow_2_hands_it_no_saved_token(said: dict[str, Any]) -> None:
    assert said["tested"]["status"] is False
    assert said["tested"]["message"].startswith("Airflow 2 does not hand a saved refresh token to its Test button")
