"""Contender 6b: this project's operator, with its ledger, its journal and its manifest."""

from __future__ import annotations

import importlib
import json
import logging
import os

from told import Begun, arguments

told = arguments()
os.environ["AIRFLOW_CONN_LIVESTORM_DEFAULT"] = json.dumps(
    {"conn_type": "livestorm", "password": told.token, "host": told.url}
)

from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator  # noqa: E402 - after the environment


def main() -> None:
    """One long list, or events, sessions and the people of each session: all the first time, then what changed."""
    logging.disable(logging.INFO)
    importlib.import_module("airflow_provider_livestorm.operators.syncing")  # others import at their top
    begun = Begun()
    operator = LivestormSyncStreamsOperator(
        task_id="sync",
        streams=["session_people"] if told.work == "list" else ["events", "sessions", "session_people"],
        destination=str(told.out),
        file_format=told.format,
        exclude_columns=(),
    )
    summary = operator.execute({})
    begun.report(sum(summary["rows"].values()) if isinstance(summary["rows"], dict) else summary["rows"])


if __name__ == "__main__":
    main()
