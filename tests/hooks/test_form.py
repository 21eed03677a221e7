"""The form methods of the hook as Airflow 3.0 and 3.1 ask them; tests/test_provider_info.py has later ones."""

from __future__ import annotations

from airflow_provider_livestorm.api.client import API_URL
from airflow_provider_livestorm.auth.oauth import AUTHORIZE_URL, TOKEN_URL
from airflow_provider_livestorm.auth.scopes import READ_ONLY, scope_text
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
from airflow_provider_livestorm.provider_info import get_provider_info


def test_they_say_the_same_as_the_metadata() -> None:
    (told,) = get_provider_info()["connection-types"]
    widgets = LivestormHook.get_connection_form_widgets()
    assert {name: (field.args[0], field.kwargs["description"]) for name, field in widgets.items()} == {
        name: (field["label"], field["description"]) for name, field in told["conn-fields"].items()
    }
    unseen = [name for name, field in widgets.items() if field.field_class.__name__ == "PasswordField"]
    assert unseen == [
        name for name, field in told["conn-fields"].items() if field["schema"].get("format") == "password"
    ]
    behaviour = LivestormHook.get_ui_field_behaviour()
    assert {name.replace("_", "-"): value for name, value in behaviour.items()} == told["ui-field-behaviour"]


def test_placeholders_are_what_is_meant_where_a_field_is_left_empty() -> None:
    placeholders = LivestormHook.get_ui_field_behaviour()["placeholders"]
    assert (placeholders["host"], placeholders["token_url"], placeholders["authorize_url"]) == (
        API_URL, TOKEN_URL, AUTHORIZE_URL,
    )  # fmt: skip
    assert placeholders["scope"] == scope_text(READ_ONLY)
