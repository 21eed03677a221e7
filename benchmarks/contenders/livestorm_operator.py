"""Contender 6b: this project's operator, with its ledger, its journal and its manifest."""

from __future__ import annotations

import json
import logging
import os

from told import Begun, arguments

told = arguments()
os.environ["AIRFLOW_CONN_LIVESTORM_DEFAULT"] = json.dumps(
    {"conn_type": "livestorm", "password": told.token, "host": told.url}
)

# Both after the environment; the second is what the operator imports as it begins, and others import at their top.
from airflow_provider_livestorm.operators.livestorm import LivestormSyncStreamsOperator  # noqa: E402
from airflow_provider_livestorm.operators.syncing import opened_runner  # noqa: E402, F401


def main() -> None:
    """One long list, or events, sessions and the people of each session: all the first time, then what changed."""
    logging.disable(logging.INFO)
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
