"""The file of tokens that the contenders without a store share: their best fair chance must be a good one."""

from __future__ import annotations

import importlib
import pathlib
import threading
from typing import Any

import pytest

CONTENDERS = pathlib.Path(__file__).parents[2] / "benchmarks" / "contenders"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Any:
    monkeypatch.syspath_prepend(str(CONTENDERS))
    return importlib.import_module("kept_token").KeptToken(str(tmp_path / "credential.json"))


def test_what_is_kept_is_read_back(kept: Any) -> None:
    written = kept.write({"access_token": "a", "refresh_token": "r", "expires_in": 60, "scope": "events:read"})
    assert kept.read() == written
    assert set(written) == {"access_token", "refresh_token", "expires_at"}


def test_the_lock_is_held_by_one_at_a_time(kept: Any) -> None:
    inside, together = [0], []

    def hold() -> None:
        with kept.alone():
            inside[0] += 1
            together.append(inside[0])
            threading.Event().wait(0.02)
            inside[0] -= 1

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [1, 1, 1, 1]
