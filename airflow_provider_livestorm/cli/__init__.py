"""The console script `airflow-livestorm`. On Airflow 3 all but the sandbox is `airflow livestorm ...` as well.

Each command imports what it needs, when it is run: the sandbox works without Airflow.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the exit code, as `definition.EPILOG` says them."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["sandbox"]:
        from airflow_provider_livestorm.sandbox.command import run  # noqa: PLC0415 - its libraries are optional

        return run(arguments[1:])
    # As Airflow's own command line: a process that may use the metadata database. Said before Airflow is imported.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    from airflow_provider_livestorm.cli.definition import parser  # noqa: PLC0415 - imports Airflow

    try:
        options = parser().parse_args(arguments)
        options.func(options)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
