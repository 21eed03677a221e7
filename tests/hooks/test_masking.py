"""Masking holds no lock while it tells Airflow's supervisor, which lets other work of the event loop run meanwhile."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_livestorm.hooks import masking


def test_a_trigger_may_mask_while_another_one_of_the_same_loop_is_masking(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a triggerer, Airflow's `mask_secret` on the loop's thread lets the loop go on until the supervisor answers."""
    told: list[str] = []
    done = threading.Event()

    def tell(secret: str) -> None:
        if secret == "the-first-trigger's":
            masking.mask_secret("the-second-trigger's")  # as the loop would, in the same thread
        told.append(secret)

    def loop() -> None:
        masking.mask_secret("the-first-trigger's")
        done.set()

    monkeypatch.setattr(masking, "mask_in_tasks", tell)
    threading.Thread(target=loop, daemon=True).start()
    assert done.wait(10), "the loop waits for itself"
    assert told == ["the-second-trigger's", "the-first-trigger's"]
