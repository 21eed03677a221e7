"""What an access token may be allowed to do (api.md 1.3), for whoever asks a person to choose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_livestorm.exceptions import LivestormConfigurationError

__all__ = ["READ_ONLY", "SCOPES", "Scope", "lacking", "scope_text"]


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope.

    Attributes:
        name: as Livestorm knows it.
        about: what it opens, in words.
        preselected: whether it is asked for where nobody chose: what the streams read.
    """

    name: str
    about: str
    preselected: bool = False

    @property
    def write(self) -> bool:
        """Whether it allows changes; it includes reading."""
        return self.name.endswith(":write")


SCOPES = (
    Scope("identity:read", "who is connected, and the workspace's name", preselected=True),
    Scope("events:read", "events, sessions, registrants, attendance, chat, questions, recordings", preselected=True),
    Scope("admin:read", "the users of the workspace", preselected=True),
    Scope("webhooks:read", "the webhooks that are set up", preselected=True),
    Scope("identity:write", "change the identity"),
    Scope("events:write", "change events and sessions, register and remove people"),
    Scope("admin:write", "invite and remove users of the workspace"),
    Scope("webhooks:write", "set up and remove webhooks"),
)
READ_ONLY = tuple(scope.name for scope in SCOPES if scope.preselected)
_KNOWN = {scope.name for scope in SCOPES}


def scope_text(names: Iterable[str]) -> str:
    """The `scope` parameter for a choice of scopes, in the order of `SCOPES`.

    Raises:
        LivestormConfigurationError: none was chosen, or one that does not exist.
    """
    chosen = set(names)
    if not chosen:
        raise LivestormConfigurationError("Choose at least one scope.")
    if unknown := sorted(chosen - _KNOWN):
        raise LivestormConfigurationError(
            f"There is no scope {', '.join(repr(name[:50]) for name in unknown)}; there are"
            f" {', '.join(scope.name for scope in SCOPES)}."
        )
    return " ".join(scope.name for scope in SCOPES if scope.name in chosen)


def lacking(asked: str, granted: str | None) -> list[str]:
    """Which of the scopes that were asked for were not granted; a write scope includes the read one.

    Args:
        asked: space separated.
        granted: likewise; None where the answer named none, which means all (RFC 6749, 5.1).
    """
    if granted is None:
        return []
    had = set(granted.split())
    had |= {f"{name.removesuffix(':write')}:read" for name in had if name.endswith(":write")}
    return [name for name in asked.split() if name not in had]
