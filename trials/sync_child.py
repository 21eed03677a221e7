"""One sync in a process of its own, to be killed or weighed: arguments as JSON on stdin, its end as JSON on stdout."""

from __future__ import annotations

import datetime as dt
import json
import pathlib
import sys

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.api.pacing import Pacer
from airflow_provider_livestorm.auth.credentials import ApiToken
from airflow_provider_livestorm.sync.runner import SyncRunner
from airflow_provider_livestorm.sync.state import Destination
from trials.syncing import todo


def main() -> None:
    """Say that it begins, run, say how it ended."""
    told = json.loads(sys.stdin.readline())
    pacer = Pacer(sleep=lambda _: None)
    with LivestormClient(ApiToken(told["token"]), base_url=told["url"], pacer=pacer) as client:
        runner = SyncRunner(
            client,
            Destination(pathlib.Path(told["folder"])),
            todo(tuple(told["streams"])),
            file_format=told.get("file_format", "jsonl.gz"),
            now=lambda: dt.datetime.fromtimestamp(told["now"], dt.UTC),
        )
        print("begins", flush=True)
        result = runner.run()
    # Not getrusage, whose peak begins with that of the process which started this one.
    status = pathlib.Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    rows = sum(entry.rows for entry in result.streams.values())
    print(json.dumps({"calls": result.calls, "resumed": result.resumed, "rows": rows, "peak": peak}), flush=True)


if __name__ == "__main__":
    main()
