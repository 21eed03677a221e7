"""`make demo`: from a local Livestorm to files, the whole way, on a machine that has nothing but Python.

It starts the sandbox, makes an Airflow of its own on SQLite, connects it with a refresh token, runs
`dags/livestorm_sync.py`, and ends with a table of what came of it.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import msgspec
from rich.console import Console
from rich.table import Table

from airflow_provider_livestorm.auth.scopes import READ_ONLY
from airflow_provider_livestorm.auth.token import TokenRecord
from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import REPOSITORY, LocalAirflow

CONN_ID = "livestorm_default"
HOME = pathlib.Path(os.environ.get("LIVESTORM_DEMO_FOLDER") or REPOSITORY / ".demo")
_PROGRESS = re.compile(r"\b(events|sessions|session_people): (rows|list|page) ")

console = Console(highlight=False, soft_wrap=True)


def connect(airflow: LocalAirflow, sandbox: SandboxProcess) -> int:
    """Save the connection with a seed refresh token, as a person would after agreeing in the browser.

    Returns the generation of its token.
    """
    grant = sandbox.grant(" ".join(READ_ONLY))
    extra = {
        "refresh_token": grant["refresh_token"],
        "token_url": sandbox.token_url,
        "authorize_url": sandbox.authorize_url,
    }
    airflow.put_connection(
        conn_id=CONN_ID,
        conn_type="livestorm",
        host=sandbox.api_url,
        port=0,  # the Test button of Airflow 3.3's list sends 0 where there is none, and is refused for the difference
        login=grant["client_id"],
        password=grant["client_secret"],
        extra=msgspec.json.encode(extra).decode(),
        pool=("livestorm", 1),
    )
    return TokenRecord.from_extra(extra).generation


def generation(airflow: LocalAirflow) -> int:
    """How often the connection's token has been refreshed."""
    return TokenRecord.from_extra(airflow.read_connection(CONN_ID)["extra"]).generation


def run_dag(airflow: LocalAirflow, destination: pathlib.Path) -> None:
    """Run the DAG as `airflow dags test` does, and show its progress."""
    airflow.settings["LIVESTORM_DESTINATION"] = str(destination)
    with subprocess.Popen(
        airflow.command("dags", "test", "livestorm_sync"),
        env=airflow.env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        assert child.stdout is not None
        output = []
        for line in child.stdout:
            output.append(line)
            if found := _PROGRESS.search(line):
                console.print(f"      {line[found.start() :].split(' loc=')[0].strip()}")
    if child.returncode:
        raise SystemExit("The DAG failed:\n" + "".join(output[-40:]))


def main() -> int:
    """Run the demo; returns the exit code."""
    began = time.monotonic()
    destination = HOME / "data"
    shutil.rmtree(destination, ignore_errors=True)  # each demo has a workspace of its own, and begins from nothing
    console.print("[bold]1/4[/] Start the sandbox, a local Livestorm (5 requests a second, rotating refresh tokens)")
    with SandboxProcess(preset="tiny", rotation="strict") as sandbox:
        console.print(f"      {sandbox.url}")
        console.print("[bold]2/4[/] Make an Airflow of its own, on SQLite, in .demo")
        airflow = LocalAirflow(HOME / "airflow")
        airflow.migrate()
        console.print(f"[bold]3/4[/] Save the connection {CONN_ID} with a refresh token, and the pool livestorm")
        before = connect(airflow, sandbox)
        console.print("[bold]4/4[/] Run dags/livestorm_sync.py")
        sandbox.reset_counters()
        run_dag(airflow, destination)
        after = generation(airflow)
        counters = sandbox.status()["counters"]
    show(destination, before, after, counters)
    console.print(f"\nDone in {time.monotonic() - began:.0f} s.")
    return 0


def show(destination: pathlib.Path, before: int, after: int, counters: dict[str, object]) -> None:
    """The table, and where to look next."""
    manifest = msgspec.json.decode((destination / "_livestorm" / "manifest.json").read_bytes())
    run = manifest["runs"][-1]
    table = Table("stream", "rows", "files", "calls", title="What the sync published", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, stream in run["streams"].items():
        table.add_row(name, f"{stream['rows']:,}", str(len(stream["files"])), str(stream["calls"]))
    console.print()
    console.print(table)
    console.print(
        f"token generation: {before} before, {after} after"
        f" ({counters['refreshes']} refresh, {counters['reuses_of_spent_tokens']} reuses of a spent token)"
    )
    first = run["streams"]["session_people"]["files"][0]["path"]
    console.print("\nWhere to look next:")
    shown = (
        destination.relative_to(pathlib.Path.cwd()) if destination.is_relative_to(pathlib.Path.cwd()) else destination
    )
    console.print(f"  the manifest   {shown}/_livestorm/manifest.json")
    console.print(f"  a row          zcat {shown}/{first} | head -n 1")
    console.print("  the DAGs       dags/livestorm_sync.py, dags/livestorm_custom_task.py")
    console.print("  Airflow's UI   make up")


if __name__ == "__main__":
    sys.exit(main())
