"""Contender 3: Airflow's HttpOperator with `pagination_function`; as its docs have it, all pages wait in memory.

It makes a hook, and the hook a session, for each page: so each page opens a connection, which nothing among its
parameters changes (`tcp_keep_alive` is of the socket). A 429 is asked again by `retry_args`, as its docs have it; the
error that tenacity is shown does not carry the answer's Retry-After, so the wait grows from a second. Where a limit is
told, the pagination function keeps to it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from typing import Any

from told import SESSION, Begun, arguments

told = arguments()
os.environ["AIRFLOW_CONN_LIVESTORM_HTTP"] = json.dumps(
    {"conn_type": "http", "host": told.url, "extra": {"Authorization": told.token}}
)

import tenacity  # noqa: E402 - after the environment
from airflow.providers.http.operators.http import HttpOperator  # noqa: E402 - likewise

RETRY = {
    "wait": tenacity.wait_exponential(multiplier=1, max=60),
    "stop": tenacity.stop_after_attempt(10),
    "retry": tenacity.retry_if_exception_type(Exception),
}


def next_page(response: Any) -> dict[str, Any] | None:
    """What is asked next."""
    number = response.json()["meta"]["next_page"]
    if number is None:
        return None
    if told.per_second:
        # A twentieth more than a call's share of a second: the sixth that comes a few ms early would be refused.
        time.sleep(max(0.0, 1.05 / told.per_second - response.elapsed.total_seconds()))
    return {"data": {"page[number]": number, "page[size]": 50}}


def rows(responses: Any) -> list[dict[str, Any]]:
    """Out of all pages."""
    return [row for response in responses for row in response.json()["data"]]


def fetch(path: str) -> list[dict[str, Any]]:
    """One list."""
    operator = HttpOperator(
        task_id="fetch", http_conn_id="livestorm_http", endpoint=path, method="GET",
        data={"page[number]": 0, "page[size]": 50}, pagination_function=next_page, response_filter=rows,
        retry_args=RETRY,
    )  # fmt: skip
    found: list[dict[str, Any]] = operator.execute({})
    return found


def main() -> None:
    """One long list; or events, sessions and the people of each session, by an operator each."""
    logging.disable(logging.INFO)
    begun, count = Begun(), 0
    told.out.mkdir(parents=True, exist_ok=True)

    def store(stream: str, path: str, mode: str = "w") -> list[str]:
        nonlocal count
        found = fetch(path)
        with (told.out / f"{stream}.jsonl").open(mode, encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
        count += len(found)
        return [row["id"] for row in found]

    if told.work == "list":
        store("session_people", f"/sessions/{SESSION}/people")
    else:
        store("events", "/events")
        (told.out / "session_people.jsonl").unlink(missing_ok=True)
        for session in store("sessions", "/sessions"):
            store("session_people", f"/sessions/{session}/people", "a")
    begun.report(count)


if __name__ == "__main__":
    main()
