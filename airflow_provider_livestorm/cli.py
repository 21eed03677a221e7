"""The console script `airflow-livestorm`. Each command imports what it needs, when it is run."""

from __future__ import annotations

import sys

__all__ = ["main"]

_USAGE = """\
usage: airflow-livestorm COMMAND [OPTIONS]

commands:
  sandbox    run a local Livestorm to write and try DAGs against (airflow-livestorm sandbox --help)
"""


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or 2 for a wrong command line."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["sandbox"]:
        from airflow_provider_livestorm.sandbox.command import run  # noqa: PLC0415 - its libraries are optional

        return run(arguments[1:])
    if arguments[:1] in (["--help"], ["-h"]):
        print(_USAGE, end="")
        return 0
    print(_USAGE, end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
