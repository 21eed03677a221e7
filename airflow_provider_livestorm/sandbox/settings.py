"""The sandbox's switches and limits: what a user may set at the start, and change while it runs.

Where api.md says UNSURE, a switch gives the positions; the default is the less comfortable one. `consent` is another
kind: what any OAuth server may do, and Doorkeeper by itself does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Settings"]


_MOST = 1_000_000_000


def _switch(default: Any, other: Any, *more: Any, about: str) -> Any:
    return field(default=default, metadata={"choices": (default, other, *more), "about": about})


def _number(default: int, about: str) -> Any:
    return field(default=default, metadata={"choices": None, "about": about})


@dataclass
class Settings:
    """All that can be set: what each one does stands beside it, and in the docs, which are held against it."""

    # --- OAuth (api.md 1) -----
    rotation: str = _switch(
        "strict",
        "grace",
        "none",
        about="When the old pair dies: at the refresh; at the first use of the new access token; there is no new"
        " refresh token.",
    )
    token_life: int = _number(7200, "Seconds that an access token lives; Doorkeeper's default.")
    missing_scope: int = _switch(403, 401, about="HTTP status where the credential lacks the scope.")
    bearer_errors: str = _switch("empty", "json", about="Body of a 401 or 403 to an access token.")
    basic_client: str = _switch("refused", "accepted", about="Whether a client may show itself by HTTP Basic.")
    extra_routes: str = _switch(
        "absent", "present", about="Whether /oauth/revoke, /oauth/introspect and /oauth/token/info are there."
    )
    code_life: int = _number(600, "Seconds that an authorization code lives; Doorkeeper's default.")
    pkce: str = _switch(
        "checked", "ignored", about="Ignored: as a server that does not know PKCE, whose parameters mean nothing then."
    )
    consent: str = _switch(
        "as_asked",
        "read_only",
        about="Which scopes an authorization grants; read_only: of one that writes, the one that reads.",
    )
    oauth_calls: str = _switch("counted", "free", about="Whether calls of the token endpoint count as API calls.")
    workspace_state: str = _switch("validated", "blocked", about="Blocked: every API call is answered 403.")

    # --- limits (api.md 3) -----
    interval_limit: int = _number(5, "Calls in any one second; 0 for no limit.")
    monthly_limit: int = _number(10_000, "Calls in 30 days; 0 for no limit.")
    refused_calls: str = _switch("counted", "free", about="Whether a 429 of the second counts against the month.")
    failed_calls: str = _switch("counted", "free", about="Whether calls that fail otherwise count as calls.")
    monthly_spelling: str = _switch(
        "new", "old", about="Header RateLimit-Monthly or, as it once was, RateLimit-Montly."
    )
    contacts_limit: int = _number(0, "People who may register in 30 days before registering answers 402; 0: no limit.")

    # --- lists (api.md 2.1, 8) -----
    repeated_include: str = _switch("last", "all", about="What include=a&include=b means.")
    oversize_pages: str = _switch("refuse", "clamp", "honour", about="What becomes of page[size] over 50.")
    items_per_page: str = _switch("page_size", "row_count", about="What that member of meta tells.")
    meta_form: str = _switch("full", "old", about="Old lacks current_page, previous_page and next_page.")
    empty_page_count: int = _switch(0, 1, about="page_count of an empty list.")
    bounds: str = _switch("exclusive", "inclusive", about="Whether filter bounds take what lies on them.")
    breakout_rooms: str = _switch("hidden", "shown", about="Where filter[include_breakout_rooms] is not sent.")
    people_window: str = _switch(
        "person", "registration", about="Whose times the created and updated filters of session people mean."
    )
    people_includes: str = _switch(
        "parents", "people", about="What include of session people takes: event and session, or people."
    )
    included_people: str = _switch("cut", "complete", about="include=people: the first 50 of a session, or all.")

    # --- what moves what (api.md 8) -----
    session_updates: str = _switch(
        "stays", "moves", about="session.updated_at when a registration or an attendance changes."
    )
    event_updates: str = _switch("stays", "moves", about="event.updated_at when one of its sessions changes.")
    attendance_delay: int = _number(14_400, "Seconds after the end of a session until its attendance is final.")
    life: str = _switch(
        "ordinary", "no_deletions", "none", about="What happens by itself as the clock moves, besides sessions' hours."
    )

    # --- forms that sources tell differently (api.md 5, 6.5) -----
    organization_form: str = _switch(
        "organizations", "users", about="What GET /organization answers to an OAuth access token."
    )
    user_roles: str = _switch("all", "documented", about="All: owner and admin are seen besides host and moderator.")
    incomplete_people: str = _switch("some", "none", about="Whether some people lack an e-mail or a registrant_detail.")
    embed_url: str = _switch("absent", "returned", about="Whether a session's embed_url, which is written, is read.")
    chat_type: str = _switch("chat_messages", "messages", about="Type of a chat message.")
    chat_members: str = _switch("few", "all", about="All: a chat message tells its session, event and updated_at.")
    chat_include: str = _switch("refused", "author", about="Whether chat messages take include=author.")
    question_spelling: str = _switch("responded_orally", "response_orally", about="Of that attribute.")
    job_counters: str = _switch("items", "tasks", "succeeded", about="Names of a job's counters.")
    bulk_tasks: str = _switch("flat", "attributes", about="Where a task of a bulk registration holds its fields.")
    bulk_unknown_field: str = _switch("job", "row", about="What an unknown field of one task spoils.")
    unknown_field: int = _switch(400, 422, about="HTTP status for a field that the event does not have.")
    registered_already: int = _switch(409, 422, about="HTTP status where the person is registered.")
    removal_by_email: int = _switch(204, 200, about="HTTP status of DELETE /sessions/{id}/people.")
    person_update_delay: int = _number(
        120, "Seconds by which PATCH of a session person answers late; it applies at once."
    )

    # --- webhooks (api.md 7) -----
    webhook_meta: str = _switch("absent", "told", about="Whether a delivery names its event in data.meta.webhook.")
    webhook_urls: str = _switch("https", "loopback", about="Loopback: http to this machine is taken as well.")

    def change(self, changes: dict[str, Any]) -> None:
        """Set some of them; ValueError, with nothing changed, for a name or a value that does not exist."""
        known = {one.name: one for one in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no setting {name!r}; there are {', '.join(sorted(known))}")
            choices = known[name].metadata["choices"]
            right_type = type(value) is type(getattr(self, name))  # True is not 1 here
            if choices is not None and (not right_type or value not in choices):
                raise ValueError(f"{name} is one of {', '.join(map(str, choices))}; got {value!r}")
            if choices is None and not (right_type and 0 <= value <= _MOST):
                raise ValueError(f"{name} is a whole number from 0 to {_MOST}; got {value!r:.40}")
        for name, value in changes.items():
            setattr(self, name, value)

    def described(self) -> list[dict[str, Any]]:
        """Each setting: name, value, default, choices (null: a whole number), and what it does."""
        return [
            {
                "name": one.name,
                "value": getattr(self, one.name),
                "default": one.default,
                "choices": one.metadata["choices"],
                "about": one.metadata["about"],
            }
            for one in fields(self)
        ]
