"""Everything is killed and stopped while experiments run, and the broker loses all its data: all of them end right."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.faults import Budget
from tests.chaos.storm import storm
from tests.conftest import free_ports
from vahana_client.mesh.postgres import LocalPostgres, PostgresError


@pytest.fixture
def own_postgres() -> Iterator[LocalPostgres]:
    """A PostgreSQL for one test, which may kill it."""
    server = LocalPostgres(Path(tempfile.mkdtemp(prefix="vahana-postgres-")), *free_ports(1))
    try:
        try:
            server.prepare()
        except PostgresError as error:
            pytest.skip(str(error))
        server.start()
        yield server
    finally:
        server.remove()


@pytest.mark.timeout(1200)
def test_sixty_experiments_survive_a_hundred_and_fifty_faults_and_the_loss_of_the_broker(tmp_path: Path) -> None:
    found = storm(tmp_path, experiments=60, budget=Budget(faults=150, wipes=1, pause=0.8), seed=1)
    assert found.made["broker wiped"] == 1
    assert sum(found.made.values()) == 151
    assert found.violations == []
    assert found.stuck == []
    assert found.completed == 60


@pytest.mark.timeout(900)
def test_the_same_on_postgresql_which_crashes_too(own_postgres: LocalPostgres, tmp_path: Path) -> None:
    budget = Budget(faults=40, wipes=1, pause=0.8, postgres=2)
    found = storm(tmp_path, experiments=20, budget=budget, seed=2, postgres=own_postgres)
    assert found.made["PostgreSQL killed"] == 2
    assert found.violations == []
    assert found.stuck == []
    assert found.completed == 20
