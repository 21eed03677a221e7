"""Contender 1: a loop over `requests.Session`, the standard library's json, a line a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from told import SESSION, Begun, arguments
from urllib3 import Retry


def pages(http: requests.Session, url: str) -> Iterator[list[dict[str, Any]]]:
    """The pages of a list."""
    number: int | None = 0
    while number is not None:
        answer = http.get(url, params={"page[number]": number, "page[size]": 50}, timeout=60)
        answer.raise_for_status()
        document = answer.json()
        yield document["data"]
        number = document["meta"]["next_page"]


def main() -> None:
    """One long list into one file; or events, sessions and the people of each session, all of them each time."""
    told = arguments()
    begun, rows = Begun(), 0
    told.out.mkdir(parents=True, exist_ok=True)
    with requests.Session() as http:
        http.headers["Authorization"] = told.token
        http.mount("http://", HTTPAdapter(max_retries=Retry(50, status_forcelist=[429, 502, 503, 504])))

        def store(stream: str, path: str, mode: str = "w", ids: list[str] | None = None) -> None:
            nonlocal rows
            with (told.out / f"{stream}.jsonl").open(mode, encoding="utf-8") as file:
                for page in pages(http, told.url + path):
                    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in page)
                    rows += len(page)
                    if ids is not None:
                        ids += [row["id"] for row in page]

        if told.work == "list":
            store("session_people", f"/sessions/{SESSION}/people")
        else:
            store("events", "/events")
            (told.out / "session_people.jsonl").unlink(missing_ok=True)
            sessions: list[str] = []
            store("sessions", "/sessions", ids=sessions)
            for session in sessions:
                store("session_people", f"/sessions/{session}/people", "a")
    begun.report(rows)


if __name__ == "__main__":
    main()
