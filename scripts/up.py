"""`make up`: `airflow standalone` with the sandbox beside it and the connection in place, until Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import signal
import sys

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.demo import CONN_ID, HOME, connect, console
from scripts.local_airflow import LocalAirflow


def main() -> int:
    """Start both, say where they are, and wait; returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's stop is a Ctrl-C
    with contextlib.ExitStack() as stack:
        airflow = LocalAirflow(
            HOME / "up",
            settings={
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
                "LIVESTORM_DESTINATION": str(HOME / "up-data"),
            },
        )
        callback = f"{airflow.url}/livestorm/callback"  # so that a click on Connect comes back
        sandbox = stack.enter_context(SandboxProcess(preset="small", rotation="strict", redirect_uris=[callback]))
        console.print(f"Migrating the metadata database in {HOME / 'up'} ...")
        airflow.migrate()
        connect(airflow, sandbox)
        console.print(f"Starting airflow standalone (its log: {HOME / 'up' / 'standalone.log'}) ...")
        child = stack.enter_context(airflow.process("standalone"))
        airflow.wait_until_up(child)
        password = json.loads((HOME / "up" / "passwords.json").read_text())["admin"]
        console.print(f"\nAirflow   {airflow.url}   user admin, password {password}")
        console.print(f"Sandbox   {sandbox.url}   connection {CONN_ID}, pool livestorm")
        console.print(f"Connect   {airflow.url}/livestorm/   the Livestorm page, also in Airflow's menu")
        console.print("Switch on livestorm_sync or livestorm_custom_task and trigger it. Ctrl-C stops both.")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            child.wait()
            console.print(f"airflow standalone ended by itself; see {HOME / 'up' / 'standalone.log'}")
            return 1
        console.print("\nStopping ...")
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
