"""Contender 1 with tokens that expire: the loop over `requests` refreshes by itself.

It keeps the tokens in a file that all processes share, and looks into it before it refreshes, as another process may
have done so. With `--lock` it looks and refreshes under a lock of the file, which helps the processes of one machine.
"""

from __future__ import annotations

import contextlib
import json
import time

import requests
from kept_token import CLIENT, KeptToken
from told import SESSION, Begun, arguments, wait

_UNAUTHORIZED = 401


class Tokens:
    """Gives the access token, and refreshes it where it must.

    Args:
        url: of the token endpoint.
        kept: the shared file.
        lock: whether to refresh under its lock.
    """

    def __init__(self, url: str, kept: KeptToken, *, lock: bool) -> None:
        self._url = url
        self._kept = kept
        self._lock = lock
        self._now = kept.read()

    def get(self) -> str:
        """An access token that has not expired."""
        return str(self._now["access_token"]) if self._now["expires_at"] > time.time() else self.renew()

    def renew(self) -> str:
        """Another access token than the last one: whatever another process got meanwhile, else by a refresh."""
        with self._kept.alone() if self._lock else contextlib.nullcontext():
            newest = self._kept.read()
            if newest["access_token"] == self._now["access_token"]:
                form = {"grant_type": "refresh_token", "refresh_token": newest["refresh_token"], **CLIENT}
                answer = requests.post(self._url, data=form, timeout=60)
                answer.raise_for_status()
                newest = self._kept.write(answer.json())
        self._now = newest
        return str(newest["access_token"])


def main() -> None:
    """One long list into one file."""
    told = arguments()
    wait()
    begun, rows = Begun(), 0
    tokens = Tokens(told.token_url, KeptToken(told.credential), lock=told.lock)
    told.out.mkdir(parents=True)
    number: int | None = 0
    with requests.Session() as http, (told.out / "session_people.jsonl").open("w", encoding="utf-8") as file:

        def ask(token: str) -> requests.Response:
            return http.get(
                f"{told.url}/sessions/{SESSION}/people", params={"page[number]": number, "page[size]": 50},
                headers={"Authorization": f"Bearer {token}"}, timeout=60,
            )  # fmt: skip

        while number is not None:
            answer = ask(tokens.get())
            if answer.status_code == _UNAUTHORIZED:
                answer = ask(tokens.renew())
            answer.raise_for_status()
            document = answer.json()
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in document["data"])
            rows += len(document["data"])
            number = document["meta"]["next_page"]
    begun.report(rows)


if __name__ == "__main__":
    main()
