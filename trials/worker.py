"""A worker as Airflow 3 has them, without a database by its own account: it asks the broker, and nobody else.

Run as a script by `outage.py`. Airflow's database is within its reach all the same, so that a fall-back would show.
"""

from __future__ import annotations

import json
import os
import sys

__all__: list[str] = []


def main() -> None:
    """Serve line after line."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # Airflow logs to standard output
        from airflow_provider_livestorm.auth.stores.broker import BrokerClient  # noqa: PLC0415 - Airflow logs on import
        from airflow_provider_livestorm.hooks.connection import ConnectionSettings, token_source  # noqa: PLC0415

        for line in sys.stdin:
            source = token_source(ConnectionSettings(**json.loads(line)))
            slept: list[float] = []
            if isinstance(source, BrokerClient):
                source._sleep = slept.append  # noqa: SLF001 - the pauses are known; nobody has to live through them
            try:
                found, message = "token", source.get().access_token
            except Exception as error:  # noqa: BLE001 - whatever it is, the trial wants to count it
                found, message = type(error).__name__, str(error)
            told = {"source": type(source).__name__, "found": found, "message": message, "slept": slept}
            print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
