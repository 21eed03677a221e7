"""The connection form, described once: for Airflow's provider metadata, and for the form methods of the hook.

Airflow 3.2 and later draw it from `provider_info.py`, which every process loads, so this module imports nothing of
Airflow; older ones ask the hook.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CONN_TYPE", "UNCHANGED", "behaviour", "metadata", "widgets"]

CONN_TYPE = "livestorm"
# By the names of Airflow's own fields.
_HIDDEN = ("schema", "port")
_LABELS = {
    "host": "API URL",
    "login": "OAuth client id",
    "password": "OAuth client secret, or private API token",
}
_PLACEHOLDERS = {
    "host": "https://api.livestorm.co/v1",
    "login": "leave empty to use a private API token",
}
_ON_AIRFLOW_3 = "open Livestorm in Airflow's menu (Admin) and click Connect"
_ON_AIRFLOW_2 = "run: airflow-livestorm connect CONN_ID"  # there is no page
# airflow.www.views.SENSITIVE_FIELD_PLACEHOLDER of Airflow 2: a save that sends it keeps what is stored by then.
UNCHANGED = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of `extra`.

    Attributes:
        about: stands below it.
        example: of a value, where one helps: its placeholder.
        secret: whether it is typed unseen, and never shown again.
    """

    label: str
    about: str
    example: str | None = None
    secret: bool = False


def _fields(connect: str) -> dict[str, _Field]:
    return {
        "refresh_token": _Field(
            "Refresh token",
            f"Leave it empty, save, then {connect}. Each refresh replaces it; paste one only if you were given it by"
            " other means. A private API token needs none.",
            secret=True,
        ),
        "access_token": _Field("Access token", "Kept by the provider; leave it alone.", secret=True),
        "scope": _Field(
            "Scope",
            "What was granted, for people to read; Connect fills it in.",
            "identity:read events:read admin:read webhooks:read",
        ),
        "token_url": _elsewhere("Token URL", "https://app.livestorm.co/oauth/token"),
        "authorize_url": _elsewhere("Authorize URL", "https://app.livestorm.co/oauth/authorize"),
    }


def _elsewhere(label: str, url: str) -> _Field:
    return _Field(
        label, f"Empty for {url}; another one is for a sandbox or a proxy only. https, or http on loopback.", url
    )


def metadata() -> dict[str, Any]:
    """The form as members of a connection type in `provider.yaml`."""
    told = behaviour()
    return {
        "ui-field-behaviour": {
            "hidden-fields": told["hidden_fields"],
            "relabeling": told["relabeling"],
            "placeholders": told["placeholders"],  # Airflow 3.3 shows those of its own fields alone
        },
        "conn-fields": {name: _schema(field) for name, field in _fields(_ON_AIRFLOW_3).items()},
    }


def behaviour() -> dict[str, Any]:
    """What `get_ui_field_behaviour` of a hook gives: what becomes of Airflow's own fields, and every placeholder."""
    examples = {name: field.example for name, field in _fields(_ON_AIRFLOW_2).items() if field.example}
    return {"hidden_fields": [*_HIDDEN], "relabeling": {**_LABELS}, "placeholders": _PLACEHOLDERS | examples}


def widgets(*, airflow_2: bool) -> dict[str, Any]:
    """What `get_connection_form_widgets` of a hook gives: the fields of `extra`, for WTForms.

    Args:
        airflow_2: whether they are drawn by Airflow 2; Airflow 3.0 and 3.1 read labels and descriptions off them.
    """
    return {
        name: _widget(field, airflow_2=airflow_2)
        for name, field in _fields(_ON_AIRFLOW_2 if airflow_2 else _ON_AIRFLOW_3).items()
    }


def _schema(field: _Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if field.secret:
        schema["format"] = "password"
    return {"label": field.label, "description": field.about, "schema": schema}


def _widget(field: _Field, *, airflow_2: bool) -> Any:
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget  # noqa: PLC0415 - Airflow 2's
    from wtforms import PasswordField, StringField  # noqa: PLC0415 - as above

    if not airflow_2:
        return (PasswordField if field.secret else StringField)(field.label, description=field.about)
    if not field.secret:
        return StringField(field.label, description=field.about, widget=BS3TextFieldWidget())

    class Kept(BS3PasswordFieldWidget):  # type: ignore[misc] # Flask-AppBuilder has no types
        """Keeps what is stored unless something is typed: its base comes back empty, and a save would delete it."""

        def __call__(self, shown: Any, **attributes: Any) -> Any:
            if shown.data:  # what is pasted takes its place, and is not put behind it
                attributes |= {"value": UNCHANGED, "onfocus": "this.select()", "onclick": "this.select()"}
            return super().__call__(shown, **{"value": "", **attributes})

    return PasswordField(field.label, description=field.about, widget=Kept(hide_value=False))
