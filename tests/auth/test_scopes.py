"""The scopes that a person may choose from."""

from __future__ import annotations

import pytest

from airflow_provider_livestorm.auth.scopes import READ_ONLY, SCOPES, lacking, scope_text
from airflow_provider_livestorm.exceptions import LivestormConfigurationError
from airflow_provider_livestorm.sandbox.doorkeeper import SCOPES as LIVESTORMS


def test_they_are_livestorms_and_only_reading_is_preselected() -> None:
    assert {scope.name for scope in SCOPES} == set(LIVESTORMS)
    assert set(READ_ONLY) == {scope.name for scope in SCOPES if not scope.write}


def test_a_choice_is_written_in_one_order() -> None:
    assert scope_text(["events:read", "identity:read"]) == scope_text({"identity:read", "events:read"})
    assert scope_text(["events:read", "identity:read"]) == "identity:read events:read"


@pytest.mark.parametrize(("names", "said"), [([], "at least one"), (["events:read", "polls:read"], "'polls:read'")])
def test_no_scope_and_one_that_does_not_exist_are_refused(names: list[str], said: str) -> None:
    with pytest.raises(LivestormConfigurationError, match=said):
        scope_text(names)


@pytest.mark.parametrize(
    ("asked", "granted", "missing"),
    [
        ("identity:read events:read", "identity:read events:read", []),
        ("identity:read events:read", "events:read", ["identity:read"]),
        ("events:read", "events:write", []),  # write includes read (api.md 1.3)
        ("events:write", "events:read", ["events:write"]),
        ("events:read", None, []),  # not named: as asked for (RFC 6749, 5.1)
        ("events:read", "", ["events:read"]),
    ],
)
def test_what_was_asked_for_and_not_granted_is_found(asked: str, granted: str | None, missing: list[str]) -> None:
    assert lacking(asked, granted) == missing
