"""What runs inside Airflow's api-server. The plugin class is loaded by every Airflow process; its app by one."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

__all__ = ["LivestormPlugin"]


class LivestormPlugin(AirflowPlugin):
    """Mounts the token broker under `/livestorm`. On Airflow 2.11, which knows no FastAPI apps, it does nothing."""

    name = "livestorm"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # lazy, as the docstring says
        """Made on first use: only the api-server asks for it, and only it should pay for the imports."""
        from airflow_provider_livestorm.plugin.token_broker import create_app  # noqa: PLC0415

        return [{"app": create_app(), "url_prefix": "/livestorm", "name": "Livestorm"}]
