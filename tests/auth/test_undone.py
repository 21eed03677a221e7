"""A save of the connection form that read the row before a refresh was stored, and writes it a moment after.

Airflow's own save is no compare-and-swap: it puts the spent refresh token back. Who spent it stores the new pair again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_livestorm.auth.lease import TokenLease
from airflow_provider_livestorm.auth.token import Grant, TokenSet
from airflow_provider_livestorm.auth.undone import Refreshed
from airflow_provider_livestorm.exceptions import LivestormTokenError
from tests.auth.rotation import SEED, Clock, Doorkeeper, MemoryStore


class Scene:
    """One refresh, the row as the form's save read it amid that, and what the lease does a moment later."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.server = Doorkeeper()
        self.read: dict[str, Any] = {}
        self.moment_later: list[Callable[[], None]] = []
        self.refreshed = Refreshed(later=self.moment_later.append)
        self.server.arriving.append(lambda: self.read.update(copy.deepcopy(self.store.extra or {})))

    def lease(self, **settings: Any) -> TokenLease:
        return TokenLease(
            "conn", self.store, self.server, mask=lambda _: None, clock=self.clock, sleep=self.clock.sleep,
            **{"refreshed": self.refreshed, **settings},
        )  # fmt: skip

    def save(self, **changes: Any) -> None:
        assert self.store.extra is not None
        self.store.extra = {**self.read, **changes}
        self.store.revision += 1


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.lease().get()
    return scene


def test_the_new_pair_is_stored_again_beside_what_the_person_saved(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.save(note="mine")
    assert scene.store.extra is not None
    assert scene.store.extra["refresh_token"] == SEED, "the spent one is back"
    (settle,) = scene.moment_later
    settle()
    assert scene.store.extra["note"] == "mine"
    assert scene.store.extra["refresh_token"] == "refresh-1"
    assert "a save undid its refresh" in caplog.text
    assert scene.lease().get().access_token == "access-1"
    assert (scene.server.redeemed, scene.server.reuses) == ([SEED], 0)


@pytest.mark.parametrize("ask", [lambda lease: lease.get(), lambda lease: lease.stored()], ids=["get", "stored"])
def test_who_asks_before_that_stores_it_again(scene: Scene, ask: Callable[[TokenLease], TokenSet | None]) -> None:
    """Even where the form was opened before the first refresh, and its save took the lease away, too."""
    del scene.read["token_state"]
    scene.save()
    token = ask(scene.lease())
    assert token is not None
    assert token.access_token == "access-1"
    assert (scene.server.redeemed, scene.server.reuses) == ([SEED], 0)


def test_another_process_waits_for_it_by_the_lease_that_is_back_too(scene: Scene) -> None:
    scene.save()
    with pytest.raises(LivestormTokenError, match="another process has been refreshing"):
        scene.lease(refreshed=Refreshed(), patience=2.0).get()
    scene.moment_later[0]()
    assert scene.lease(refreshed=Refreshed()).get().access_token == "access-1"
    assert scene.server.reuses == 0


def test_a_refresh_token_that_the_save_pasted_stays(scene: Scene) -> None:
    scene.save(refresh_token="pasted")
    before = copy.deepcopy(scene.store.extra)
    scene.moment_later[0]()
    assert scene.store.extra == before


def test_a_row_that_nobody_saved_is_left_alone(scene: Scene) -> None:
    revision = scene.store.revision
    scene.moment_later[0]()
    assert scene.store.revision == revision


def test_a_row_that_cannot_be_read_is_told_in_the_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.store.extra = None
    scene.moment_later[0]()
    assert "is not in Airflow's metadata database" in caplog.text


def test_a_server_that_does_not_rotate_needs_no_second_look() -> None:
    """Its refresh token stays: that it is in the row says nothing of a save."""
    scene = Scene()

    class Steady(Doorkeeper):
        def refresh(self, refresh_token: str, *, within: float) -> Grant:
            return Grant("access-1", None, 100.0)

    scene.server = Steady()
    scene.lease().get()
    assert scene.moment_later == []


def test_only_the_last_hundred_refreshes_are_remembered() -> None:
    refreshed = Refreshed()
    stored: list[int] = []
    for number in range(101):
        refreshed.remember("conn", f"spent-{number}", lambda: stored.append(1), lambda: None)
    assert not refreshed.restore("conn", "spent-0")
    assert not refreshed.restore("another", "spent-1")
    assert refreshed.restore("conn", "spent-1")
    assert stored == [1]
