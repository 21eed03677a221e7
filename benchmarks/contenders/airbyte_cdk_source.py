"""Contender 5: a declarative source of airbyte-cdk, read by its own entrypoint; its messages are the lines of a file.

Pages follow `meta.next_page` by `CursorPagination`, as its docs have it where an answer names the next one:
`PageIncrement` ends at a page that is not full, and where the last is full asks for one more, which Livestorm answers
with 400. Concurrency is the CDK's default, two partitions at a time: ten ask some pages of the parent more than once,
and a long list is a single one. The state messages are kept as a platform keeps them, and given to the next run. With
`--per-second` the budget of calls is declared (`HTTPAPIBudget`); a 429 is waited for as Retry-After tells.
"""

from __future__ import annotations

import json
import os
from typing import Any

from told import SESSION, Begun, arguments

told = arguments()
os.environ["DEPLOYMENT_MODE"] = "testing"

from airbyte_cdk.entrypoint import AirbyteEntrypoint  # noqa: E402 - after the environment
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (  # noqa: E402 - likewise
    ConcurrentDeclarativeSource,
)


def stream(name: str, path: str, **retriever: Any) -> dict[str, Any]:
    """A stream over a list of Livestorm's."""
    cursor = retriever.pop("cursor", None)
    fields = retriever.pop("fields", None)
    made: dict[str, Any] = {
        "type": "DeclarativeStream",
        "name": name,
        "primary_key": ["id"],
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester", "url_base": f"{told.url}/", "path": path, "http_method": "GET",
                "authenticator": {
                    "type": "ApiKeyAuthenticator", "api_token": told.token,
                    "inject_into": {"type": "RequestOption", "inject_into": "header", "field_name": "Authorization"},
                },
                "error_handler": {
                    "type": "DefaultErrorHandler", "max_retries": 20,
                    "backoff_strategies": [{"type": "WaitTimeFromHeader", "header": "Retry-After"}],
                    "response_filters": [{"type": "HttpResponseFilter", "http_codes": [429], "action": "RETRY"}],
                },
            },
            "record_selector": {
                "type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
            },
            "paginator": {
                "type": "DefaultPaginator",
                "page_token_option": {
                    "type": "RequestOption", "inject_into": "request_parameter", "field_name": "page[number]",
                },
                "page_size_option": {
                    "type": "RequestOption", "inject_into": "request_parameter", "field_name": "page[size]",
                },
                "pagination_strategy": {
                    "type": "CursorPagination", "page_size": 50,
                    "cursor_value": "{{ response['meta']['next_page'] }}",
                    "stop_condition": "{{ response['meta']['next_page'] is none }}",
                },
            },
            **retriever,
        },
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}},
    }  # fmt: skip
    if cursor:
        value = f"{{{{ record{fields} }}}}"
        made["incremental_sync"] = {
            "type": "DatetimeBasedCursor", "cursor_field": "cursor", "datetime_format": "%s",
            "cursor_datetime_formats": ["%s"],
            "start_datetime": {"type": "MinMaxDatetime", "datetime": "0", "datetime_format": "%s"},
            "start_time_option": {
                "type": "RequestOption", "inject_into": "request_parameter", "field_name": "filter[updated_since]",
            },
        }  # fmt: skip
        made["transformations"] = [
            {
                "type": "AddFields",
                "fields": [{"path": ["cursor"], "value": value, "value_type": "integer"}],
            }
        ]
    return made


def streams() -> list[dict[str, Any]]:
    """One long list; or events, sessions and the people of sessions.

    Each session is asked for the people that were updated since it was last asked. With `--trusting` the sessions are
    a parent with `incremental_dependency`: only those are asked that were updated.
    """
    if told.work == "list":
        return [stream("session_people", f"sessions/{SESSION}/people")]
    updated = "['attributes']['updated_at']"
    sessions = stream("sessions", "sessions", cursor=told.trusting, fields=updated)
    parent = {
        "type": "ParentStreamConfig", "stream": sessions, "parent_key": "id", "partition_field": "session",
        "incremental_dependency": told.trusting,
    }  # fmt: skip
    return [
        stream("events", "events", cursor=True, fields=updated),
        sessions,
        stream(
            "session_people",
            "sessions/{{ stream_partition['session'] }}/people",
            partition_router={"type": "SubstreamPartitionRouter", "parent_stream_configs": [parent]},
            cursor=True,
            fields="['attributes'].get('registrant_detail', {}).get('updated_at', 0)",  # a few rows come without it
        ),
    ]


def manifest() -> dict[str, Any]:
    """The source."""
    made: dict[str, Any] = {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["session_people"]},
        "streams": streams(),
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    }
    if told.per_second:
        made["api_budget"] = {
            "type": "HTTPAPIBudget",
            "policies": [
                {
                    "type": "MovingWindowCallRatePolicy",
                    "rates": [{"type": "Rate", "limit": told.per_second, "interval": "PT1S"}],
                    "matchers": [],
                }
            ],
        }
    return made


def main(made: dict[str, Any], config: dict[str, Any]) -> None:
    """Read, writing every message; keep the newest state of each stream.

    Args:
        made: the manifest.
        config: of the source, as its user filled it in.
    """
    begun, rows = Begun(), 0
    told.out.mkdir(parents=True, exist_ok=True)
    told.state.mkdir(parents=True, exist_ok=True)
    names = [one["name"] for one in made["streams"]]
    catalog = {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": "incremental" if told.work == "workspace" else "full_refresh",
                "destination_sync_mode": "append",
            }
            for name in names
        ]
    }
    files = {name: told.state / f"{name}.json" for name in ("config", "catalog", "state")}
    files["config"].write_text(json.dumps(config))
    files["catalog"].write_text(json.dumps(catalog))
    kept = json.loads(files["state"].read_text()) if files["state"].exists() else []
    files["state"].write_text(json.dumps(kept))
    arguments_of_read = ["read", *(word for name in files for word in (f"--{name}", str(files[name])))]
    parsed = AirbyteEntrypoint.parse_args(arguments_of_read)
    source = ConcurrentDeclarativeSource(
        catalog=ConcurrentDeclarativeSource.read_catalog(str(files["catalog"])),
        config=config,
        state=ConcurrentDeclarativeSource.read_state(str(files["state"])),
        source_config=made,
    )
    newest = {one["stream"]["stream_descriptor"]["name"]: one for one in kept}
    with (told.out / "messages.jsonl").open("a", encoding="utf-8") as file:
        for message in AirbyteEntrypoint(source).run(parsed):
            file.write(f"{message}\n")
            rows += message.startswith('{"type":"RECORD"')
            if message.startswith('{"type":"STATE"'):
                state = json.loads(message)["state"]
                newest[state["stream"]["stream_descriptor"]["name"]] = state
                beside = files["state"].with_suffix(".new")
                beside.write_text(json.dumps([*newest.values()]))
                beside.replace(files["state"])
    begun.report(rows)


if __name__ == "__main__":
    main(manifest(), {})
