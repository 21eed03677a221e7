"""Two callers and one who interferes, in every order of their steps: no token is spent twice and none is lost.

Where that can't be helped the test says which orders those are, and that there are no others.
"""

from __future__ import annotations

import pytest

from airflow_provider_livestorm.auth import lease as lease_module
from airflow_provider_livestorm.auth.lease import LEASE_SECONDS
from airflow_provider_livestorm.auth.token import TokenSet
from airflow_provider_livestorm.exceptions import LivestormReconnectRequiredError, LivestormTokenError
from tests.auth.interleaving import explore
from tests.auth.rotation import SEED, Rotation
from tests.auth.workers import BEGINNINGS, NAMES, Stalled, Workers


@pytest.fixture(autouse=True)
def owners_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "uuid", NAMES)
    monkeypatch.setattr(lease_module.log, "disabled", True)  # thousands of runs


every_beginning = pytest.mark.parametrize("begin", BEGINNINGS)
every_world = pytest.mark.parametrize(
    ("rotation", "begin"), [("strict", "a seed"), ("strict", "an expired pair"), ("grace", "a seed")]
)
both_rotations = pytest.mark.parametrize("rotation", ["strict", "grace"])


@every_world
def test_two_callers_and_an_editor_of_something_else_spend_one_token(rotation: Rotation, begin: str) -> None:
    class Edited(Workers):
        def __init__(self) -> None:
            super().__init__(rotation=rotation, begin=begin)
            self.enter("editor", self.edit)

        def edit(self) -> None:
            self.pause("edit")
            self.store.edit(other="edited")

        def check_end(self) -> None:
            super().check_end()
            assert self.server.redeemed == [SEED]
            assert [token.access_token for token in self.results] == ["access-1", "access-1"]
            assert self.store.extra is not None
            assert self.store.extra["refresh_token"] == "refresh-1"
            assert self.store.extra["other"] == "edited"

    assert explore(Edited) > 10


@every_world
def test_three_callers_spend_one_token(rotation: Rotation, begin: str) -> None:
    class Three(Workers):
        def check_end(self) -> None:
            super().check_end()
            assert self.server.redeemed == [SEED]
            assert {token.access_token for token in self.results} == {"access-1"}

    assert explore(lambda: Three(rotation=rotation, begin=begin, callers="ABC")) > 10


@every_beginning
def test_a_refresh_token_that_a_person_pastes_wins_and_is_spent_once(begin: str) -> None:
    class Pasted(Workers):
        def __init__(self) -> None:
            super().__init__(begin=begin)
            self.server.valid.add("pasted")
            self.enter("editor", self.paste)

        def paste(self) -> None:
            self.pause("paste")
            self.store.edit(refresh_token="pasted")

        def check_end(self) -> None:
            super().check_end()
            if self.store.record.refresh_token == "pasted":
                assert self.store.record.token is None, "the access token of the old one is void"
                assert "pasted" not in self.server.redeemed, "both were served before the person came"
            else:
                assert self.server.redeemed.count("pasted") == 1
                assert self.store.record.token is not None
                assert self.server.came_from[self.store.record.token.access_token] == "pasted"
            assert self.server.reuses == 0
            assert all(isinstance(token, TokenSet) for token in self.results)

    assert explore(Pasted) > 10


@both_rotations
def test_a_store_that_fails_once_before_or_after_it_wrote_costs_no_token(rotation: Rotation) -> None:
    for when in ("fail_before", "fail_after"):

        class Failing(Workers):
            def __init__(self) -> None:
                super().__init__(rotation=rotation)
                self.enter("trouble", self.trouble)

            def trouble(self) -> None:
                self.pause("trouble")
                getattr(self.store, when).append(LivestormTokenError("the database failed"))  # noqa: B023

            def check_end(self) -> None:
                super().check_end()
                assert self.server.redeemed == [SEED]
                assert {token.access_token for token in self.results} == {"access-1"}

        assert explore(Failing) > 10


@every_world
def test_a_holder_that_outlives_its_lease_loses_nothing(rotation: Rotation, begin: str) -> None:
    """A second spending can't be helped where the first stalled in its lease; what it gave is stored all the same."""

    class Late(Stalled):
        def check_end(self) -> None:
            super().check_end()
            assert any(isinstance(token, TokenSet) for token in self.results)

    assert explore(lambda: Late(rotation=rotation, begin=begin)) > 10


@every_beginning
def test_a_late_failure_leaves_the_lease_of_whoever_took_over_alone(begin: str) -> None:
    """The first holder's try fails after its lease ran out: the second holder's lease is not the first's to give back.

    If it is, a third try finds no lease and sends the token that the second holder has on the wire.
    """

    class Late(Workers):
        def __init__(self) -> None:
            super().__init__(begin=begin)
            self.server.arriving.append(self.fail_late)

        def fail_late(self) -> None:
            self.clock.now += LEASE_SECONDS + 1
            raise LivestormTokenError("HTTP 503")

    assert explore(Late) > 10


@every_beginning
def test_a_late_refusal_is_not_believed_while_another_holds_the_lease(begin: str) -> None:
    """Whoever holds the lease has redeemed, and is about to store: to say `reconnect` is to wake a person for nothing.

    It can't be helped where the holder itself is refused: what the stalled one got is not in the store yet.
    """

    class Late(Stalled):
        def check_end(self) -> None:
            super().check_end()
            told = [result for result in self.results if isinstance(result, LivestormReconnectRequiredError)]
            assert not told or self.server.refused_a_holder

    assert explore(lambda: Late(begin=begin)) > 10


@every_beginning
def test_only_a_blind_write_that_straddles_the_commit_loses_a_token(begin: str) -> None:
    """Airflow's own form reads the row and writes it back without comparing: nothing on our side can prevent that one.

    Its read and write are milliseconds apart, in one request.
    """
    lost: list[bool] = []

    class Blind(Workers):
        def __init__(self) -> None:
            super().__init__(begin=begin, callers="A")
            self.committed_between = False
            self.enter("form", self.save)

        def save(self) -> None:
            self.pause("form reads")
            read, before = dict(self.store.extra or {}), self.store.record.generation
            self.pause("form writes")
            self.committed_between = self.store.record.generation != before
            self.store.overwrite(read | {"other": "edited"})

        def check_end(self) -> None:
            lost.append(not self.stored_token_is_alive)
            assert self.stored_token_is_alive or self.committed_between
            assert self.server.reuses == 0

    assert explore(Blind) > 2
    assert any(lost), "the order that can't be helped must have been among them"
