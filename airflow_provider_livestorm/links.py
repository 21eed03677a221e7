"""Links from a task instance to Livestorm: to the page of its event, and to the room of its session.

Livestorm documents no address of its dashboard; `registration_link` and `room_link` are what it tells (api.md 6.1,
6.2). The operator notes them in the XCom `livestorm_link`; Airflow asks here, and 2.11 does so in its webserver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_livestorm.api.records import Event, Session

__all__ = ["LINK_KEY", "LivestormEventLink", "LivestormSessionLink", "note_links"]

LINK_KEY = "livestorm_link"


def note_links(context: Context, *, event: Event | None = None, session: Session | None = None) -> None:
    """Note where the links of this task instance lead, as XCom `livestorm_link`: `{"event": url, "session": url}`.

    :param context: of the task; where it has no task instance, nothing is noted.
    :param event: links to its registration page.
    :param session: links to its room.
    """
    told = {"event": event and event.registration_link, "session": session and session.room_link}
    # What is shown to be clicked must lead to the web, whatever was sent to us.
    links = {name: url for name, url in told.items() if url and url.startswith("https://")}
    task_instance: Any = context.get("ti")
    if links and task_instance is not None:
        task_instance.xcom_push(key=LINK_KEY, value=links)


class _NotedLink(BaseOperatorLink):
    about: ClassVar[str]

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The URL, or nothing where the task noted none."""
        del operator
        noted = XCom.get_value(ti_key=ti_key, key=LINK_KEY)
        return str(noted.get(self.about, "")) if isinstance(noted, dict) else ""


class LivestormEventLink(_NotedLink):
    """To the event's registration page."""

    name = "Livestorm event"
    about = "event"


class LivestormSessionLink(_NotedLink):
    """To the session's room."""

    name = "Livestorm session"
    about = "session"
