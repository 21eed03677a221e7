"""What runs inside Airflow's api-server. The plugin class is loaded by every Airflow process; its app by one."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_livestorm.plugin import listener

__all__ = ["LivestormPlugin"]


class LivestormPlugin(AirflowPlugin):
    """Mounts the page and the token broker under `/livestorm`, and puts the page into Airflow's menu.

    On Airflow 2.11, which knows neither FastAPI apps nor external views, it does nothing.
    """

    name = "livestorm"
    listeners = [listener]  # noqa: RUF012 - as Airflow has it

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # lazy, as the docstring says
        """Made on first use: only the api-server asks for it, and only it should pay for the imports."""
        from airflow_provider_livestorm.plugin.app import create_app  # noqa: PLC0415

        return [{"app": create_app(), "url_prefix": "/livestorm", "name": "Livestorm"}]

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]  # likewise
        """The page, in a frame under the navigation; a path without a slash before it keeps Airflow's own prefix."""
        from airflow_provider_livestorm.hooks.connection import airflow_url  # noqa: PLC0415 - as above

        prefix = urlsplit(airflow_url()).path
        return [
            {
                "name": "Livestorm", "href": f"{prefix}/livestorm/", "url_route": "livestorm", "destination": "nav",
                "category": "admin", "icon": f"{prefix}/livestorm/assets/icon.svg",
                "icon_dark_mode": f"{prefix}/livestorm/assets/icon-dark.svg",
            }
        ]  # fmt: skip
