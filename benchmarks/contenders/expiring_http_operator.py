"""Contender 3 with tokens that expire: its Connection holds a header that is sent as it is; nothing refreshes it."""

from __future__ import annotations

from http_operator import main
from told import wait

if __name__ == "__main__":
    wait()
    main()
