"""`python -m benchmarks.tokens`: what a cached token adds to a request, and what asking the token broker costs a task.

The former is the time of `OAuthCredential.authorization()` on top of a private API token's; the latter needs a real
api-server and is measured by `make trials`.
"""

from __future__ import annotations

import json
import statistics
import time
import timeit

from airflow_provider_livestorm.auth.credentials import ApiToken, OAuthCredential
from airflow_provider_livestorm.auth.token import TokenSet

_CALLS, _ROUNDS = 20_000, 9


class _Source:
    """Gives a token that lives two hours; it is asked once."""

    asked = 0

    def get(self, *, refused: str | None = None) -> TokenSet:
        self.asked += 1
        return TokenSet("x" * 43, time.time() + 7200, 1, 7200.0)


def main() -> None:
    """Measure and print a line of JSON."""
    source = _Source()
    oauth, private = OAuthCredential(source), ApiToken("x" * 43)
    oauth.authorization()
    rounds = [_microseconds(oauth) - _microseconds(private) for _ in range(_ROUNDS)]
    figures = {"min": min(rounds), "median": statistics.median(rounds), "max": max(rounds)}
    added = {name: round(figure, 3) for name, figure in figures.items()}
    print(json.dumps({"cached_token_adds_microseconds": added, "questions": source.asked}, indent=2))


def _microseconds(credential: OAuthCredential | ApiToken) -> float:
    return timeit.timeit(credential.authorization, number=_CALLS) / _CALLS * 1e6


if __name__ == "__main__":
    main()
