"""The Connection row as a token store: many processes, one true compare-and-swap, always encrypted.

Airflow runs in processes of its own here, with a SQLite database; tests/e2e has PostgreSQL.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from scripts.local_airflow import LocalAirflow

_COUNT = """
import json, sys
from airflow_provider_livestorm.auth.stores.metadata_db import MetadataDbStore
store = MetadataDbStore("counted")
for _ in range(40):
    while True:
        seen = store.read()
        if store.compare_and_swap(seen, seen.extra | {"number": seen.extra["number"] + 1}) is not None:
            break
"""
_READ = """
import json, sys
from airflow_provider_livestorm.auth.stores.metadata_db import MetadataDbStore
from airflow_provider_livestorm.exceptions import LivestormError
try:
    print(json.dumps(MetadataDbStore(json.load(sys.stdin)).read().extra))
except LivestormError as error:
    print(json.dumps(str(error)))
"""
_REFRESH = """
import json, sys, time
from airflow_provider_livestorm.hooks.livestorm import LivestormHook
give_up = time.monotonic() + 60
tokens = set()
while len(tokens) < 4 and time.monotonic() < give_up:
    hook = LivestormHook("shared")
    hook.ping()
    tokens.add(hook.get_token())
print(json.dumps(len(tokens)))
"""

_MASKED = """
import json
from airflow._shared.secrets_masker import redact as in_servers
from airflow.sdk._shared.secrets_masker import redact as in_tasks
from airflow_provider_livestorm.auth.stores.metadata_db import MetadataDbStore
from airflow_provider_livestorm.hooks.connection import open_lease, server_side_settings
settings = server_side_settings("masked")
secrets = [settings.secret, settings.extra["refresh_token"], open_lease(settings).get().access_token]
secrets.append(MetadataDbStore("masked").read().extra["refresh_token"])
print(json.dumps([len(set(secrets)), [[in_servers(one), in_tasks(one)] for one in secrets]]))
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> LocalAirflow:
    airflow = LocalAirflow(tmp_path_factory.mktemp("airflow"))
    airflow.migrate()
    return airflow


def test_no_increment_is_lost_among_four_processes(airflow: LocalAirflow) -> None:
    airflow.put_connection(conn_id="counted", conn_type="livestorm", extra='{"number": 0, "else": "stays"}')
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: airflow.python(_COUNT), range(4)))
    row = airflow.read_connection("counted")
    assert row["extra"] == {"number": 160, "else": "stays"}
    assert row["encrypted"] is True
    assert row["stored"].startswith("gAAAAA")
    assert "stays" not in row["stored"]


@pytest.mark.parametrize(
    ("conn_id", "said"),
    [("nobody", "is not in Airflow's metadata database"), ("counted", {"number": 160, "else": "stays"})],
)
def test_a_row_is_read_or_its_absence_explained(airflow: LocalAirflow, conn_id: str, said: object) -> None:
    found = airflow.python(_READ, conn_id)
    assert said in found if isinstance(said, str) else found == said


def test_processes_with_a_database_share_a_token_that_lives_two_seconds(airflow: LocalAirflow) -> None:
    """As tasks of Airflow 2.11 and `airflow dags test` do: the lease runs in each of them."""
    with SandboxProcess(preset="empty", rotation="strict", token_life=2, interval_limit=0) as sandbox:
        grant = sandbox.grant()
        extra = {"refresh_token": grant["refresh_token"], "token_url": sandbox.token_url}
        airflow.put_connection(
            conn_id="shared", conn_type="livestorm", host=sandbox.api_url, login=grant["client_id"],
            password=grant["client_secret"], extra=json.dumps(extra),
        )  # fmt: skip
        with ThreadPoolExecutor(3) as pool:
            tokens = list(pool.map(lambda _: airflow.python(_REFRESH), range(3)))
        counters = sandbox.status()["counters"]
        assert tokens == [4, 4, 4], "the tokens must expire while they run, or this proves nothing"
        assert counters["refreshes"] < sum(tokens), "they shared them"
        assert counters["reuses_of_spent_tokens"] == 0
        assert counters["refused_refreshes"] == 0
        assert airflow.read_connection("shared")["extra"]["refresh_token"] == sandbox.newest_refresh_token()


def test_each_secret_is_known_to_both_maskers_of_the_process_that_refreshes(airflow: LocalAirflow) -> None:
    """Airflow 3 has one for servers and one for tasks; its own `mask_secret` for providers tells the latter alone."""
    with SandboxProcess(preset="empty", rotation="strict", interval_limit=0) as sandbox:
        grant = sandbox.grant()
        airflow.put_connection(
            conn_id="masked",
            conn_type="livestorm",
            host=sandbox.api_url,
            login=grant["client_id"],
            password=grant["client_secret"],
            extra=json.dumps({"refresh_token": grant["refresh_token"], "token_url": sandbox.token_url}),
        )
        found = airflow.python(_MASKED)
    assert found == [4, [["***", "***"]] * 4]
