"""What Airflow asks every provider: its connection type with its form, and its configuration options."""

from __future__ import annotations

from typing import Any

from airflow_provider_livestorm import __version__
from airflow_provider_livestorm.hooks import form

__all__ = ["get_provider_info"]


def get_provider_info() -> dict[str, Any]:
    """Provider metadata in the shape of Airflow's `provider.yaml.schema.json`."""
    return {
        "package-name": "airflow-provider-livestorm",
        "name": "Livestorm",
        "description": "Webinar data from [Livestorm](https://livestorm.co/), with OAuth tokens that rotate safely.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Livestorm",
                "external-doc-url": "https://developers.livestorm.co/",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {"integration-name": "Livestorm", "python-modules": ["airflow_provider_livestorm.hooks.livestorm"]},
        ],
        "operators": [
            {
                "integration-name": "Livestorm",
                "python-modules": [
                    "airflow_provider_livestorm.operators.livestorm",
                    "airflow_provider_livestorm.operators.recordings",
                ],
            },
        ],
        "extra-links": [
            "airflow_provider_livestorm.links.LivestormEventLink",
            "airflow_provider_livestorm.links.LivestormSessionLink",
        ],
        "connection-types": [
            {
                "connection-type": "livestorm",
                "hook-class-name": "airflow_provider_livestorm.hooks.livestorm.LivestormHook",
                "hook-name": "Livestorm",
                **form.metadata(),
            }
        ],
        "cli": ["airflow_provider_livestorm.cli.definition.airflow_commands"],
        "config": {
            "livestorm": {
                "description": "The Livestorm provider.",
                "options": {
                    "token_store": {
                        "description": (
                            "Who refreshes OAuth tokens. `auto`: the process itself where it has a database session,"
                            " else the token broker in the api-server. `metadata_db` and `broker` force one."
                            " `variable`: the DAG that `token_refresh_dag` makes; all else only reads its Variable."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "broker",
                        "default": "auto",
                    },
                    "broker_url": {
                        "description": (
                            "The api-server's address as workers reach it. By default that of"
                            " `[core] execution_api_server_url`, else `[api] base_url`."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "http://airflow-api-server:8080",
                        "default": None,
                    },
                },
            }
        },
    }
