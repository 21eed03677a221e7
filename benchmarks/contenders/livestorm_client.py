"""Contender 6a: this project's client alone, its pages as they came, a line a row."""

from __future__ import annotations

import msgspec
from told import SESSION, Begun, arguments

from airflow_provider_livestorm.api.client import LivestormClient
from airflow_provider_livestorm.auth.credentials import ApiToken


def main() -> None:
    """One long list into one file."""
    told = arguments()
    begun, rows = Begun(), 0
    told.out.mkdir(parents=True, exist_ok=True)
    encoder = msgspec.json.Encoder()
    with (
        LivestormClient(ApiToken(told.token), base_url=told.url) as client,
        (told.out / "session_people.jsonl").open("wb") as file,
    ):
        for page in client.paginate(f"/sessions/{SESSION}/people"):
            file.write(encoder.encode_lines(page.resources))
            rows += len(page.resources)
    begun.report(rows)


if __name__ == "__main__":
    main()
