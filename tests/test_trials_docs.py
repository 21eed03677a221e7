"""docs/tokens.md shows what `make trials` found: its table is that of docs/trials.json, and nobody wrote into it."""

from __future__ import annotations

import json

from scripts.local_airflow import REPOSITORY
from trials.report import rendered

DOCS = REPOSITORY / "docs"


def test_the_table_is_made_from_the_figures() -> None:
    page = (DOCS / "tokens.md").read_text()
    assert rendered(page, json.loads((DOCS / "trials.json").read_text())) == page
