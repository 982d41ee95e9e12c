"""Fixtures over the helpers of support.py."""

from collections.abc import Iterator

import pytest

from services.chassis.db import Database
from services.chassis.migrate import upgrade
from services.executor.schema import metadata
from tests.contract.executor.support import Executor


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A migrated database, once of either kind."""
    upgrade(database_url, "services.executor")
    database = Database(database_url, metadata)
    yield database
    database.close()


@pytest.fixture
def executor(db: Database) -> Executor:
    """The only executor."""
    return Executor(db, "executor-one")
