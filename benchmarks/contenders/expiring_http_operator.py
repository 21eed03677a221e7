"""Contender 3 with tokens that expire: its HTTP Connection holds a header, which is sent as it is for good."""

from __future__ import annotations

from http_operator import main
from told import wait

if __name__ == "__main__":
    wait()
    main()
