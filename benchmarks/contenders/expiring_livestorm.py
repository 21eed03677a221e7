"""Contender 6 with tokens that expire: this project's hook, over the store that its process has.

Without Airflow's database, as an Airflow 3 task, it asks the token broker; with it, as a task of Airflow 2.11 and the
command line, it refreshes in the Connection's row.
"""

from __future__ import annotations

import os

import msgspec
from told import SESSION, Begun, arguments, wait

from airflow_provider_livestorm.hooks import opened  # noqa: F401 - imported before the work begins, as with all others
from airflow_provider_livestorm.hooks.livestorm import LivestormHook


def main() -> None:
    """One long list into one file."""
    told = arguments()
    if os.environ["_AIRFLOW_PROCESS_CONTEXT"] == "server":
        from airflow import models  # noqa: PLC0415 - a task of Airflow 3 has no use for them
        from sqlalchemy.orm import configure_mappers  # noqa: PLC0415 - likewise

        models.import_all_models()
        configure_mappers()
    told.out.mkdir(parents=True)
    encoder, rows = msgspec.json.Encoder(), 0
    wait()
    begun = Begun()
    with (told.out / "session_people.jsonl").open("wb") as file:
        for page in LivestormHook(told.credential).paginate(f"/sessions/{SESSION}/people"):
            file.write(encoder.encode_lines(page.resources))
            rows += len(page.resources)
    begun.report(rows)


if __name__ == "__main__":
    main()
