"""One real Airflow for all end-to-end tests; `trials/cluster.py` says of what."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from airflow_provider_livestorm.sandbox.process import SandboxProcess
from trials.cluster import Cluster, cluster

TOKEN_LIFE = 3  # seconds: shorter than a task runs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is below here needs the stack, and comes last: a plain failure should show before it is started."""
    here = pathlib.Path(__file__).parent
    mine = [item for item in items if here in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.e2e)
    items[:] = [item for item in items if item not in mine] + mine


@dataclass
class Stack(Cluster):
    """The running Airflow and the sandbox that its connections point at."""

    sandbox: SandboxProcess
    data: pathlib.Path
    other_secrets: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start everything once; about half a minute."""
    base = tmp_path_factory.mktemp("e2e")
    here = pathlib.Path(__file__).parent
    data = base / "data"
    data.mkdir()
    with contextlib.ExitStack() as running:
        sandbox = running.enter_context(SandboxProcess(preset="tiny", rotation="strict", token_life=TOKEN_LIFE))
        seed = sandbox.grant()
        elsewhere = {
            "conn_type": "livestorm", "host": sandbox.api_url, "login": seed["client_id"],
            "password": seed["client_secret"],
            "extra": {"refresh_token": seed["refresh_token"], "token_url": sandbox.token_url},
        }  # fmt: skip
        settings = {
            "LIVESTORM_DESTINATION": str(data / "sync"),
            "LIVESTORM_BAD_INPUT": str(data / "bad"),
            "LIVESTORM_KEEP_ALIVE": "livestorm_default,from_environment",
            "AIRFLOW_CONN_FROM_ENVIRONMENT": json.dumps(elsewhere),
        }
        airflow = running.enter_context(
            cluster(base, dags=[here / "dags"], plugins=here / "plugins", settings=settings)
        )
        yield Stack(**vars(airflow), sandbox=sandbox, data=data)
