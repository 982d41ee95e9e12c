"""Servers for tests, started once a session and only when asked for: a real Kafka and a private PostgreSQL."""

import itertools
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from vahana_client.mesh.kafka import LocalKafka
from vahana_client.mesh.postgres import LocalPostgres, PostgresError


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests of one costly server share a worker."""
    if "e2e" in item.path.parts:
        item.add_marker(pytest.mark.xdist_group("mesh"))
    elif "chaos" in item.path.parts:
        item.add_marker(pytest.mark.xdist_group("chaos"))
    elif {"kafka", "harness"} & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.xdist_group("kafka"))


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@pytest.fixture(scope="session")
def kafka_ports() -> Callable[[int], list[int]]:
    """Ports of loopback that nobody listens on."""
    return free_ports


class KafkaServer:
    """A broker for the session; tests keep apart by prefixes."""

    def __init__(self, broker: LocalKafka) -> None:
        self.broker = broker
        self.bootstrap = broker.bootstrap
        self._numbers = itertools.count(1)

    def prefix(self) -> str:
        """Return a prefix for topics and groups that no other test has."""
        return f"t{next(self._numbers)}."


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A real Apache Kafka on free ports; its jars come from the user's cache, or Maven once."""
    broker = LocalKafka(tmp_path_factory.mktemp("kafka"), *free_ports(2))
    broker.prepare()
    broker.start()
    yield KafkaServer(broker)
    broker.stop()


class PostgresServer:
    """A cluster for the session; tests keep apart by databases."""

    def __init__(self, server: LocalPostgres) -> None:
        self.server = server
        self._numbers = itertools.count(1)

    def connect(self, database: str) -> psycopg.Connection:
        """Connect past everything under test."""
        return self.server.connect(database)

    def database(self) -> str:
        """Return the SQLAlchemy URL of a new, empty database."""
        return self.server.create(f"test_{next(self._numbers)}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL 15 on a free port, run as another user where the tests run as root."""
    # The directory must be one that the other user can enter, which pytest's are not.
    server = LocalPostgres(Path(tempfile.mkdtemp(prefix="vahana-postgres-")), *free_ports(1), fsync=False)
    try:
        try:
            server.prepare()
        except PostgresError as error:
            pytest.skip(str(error))
        server.start()
        yield PostgresServer(server)
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return request.getfixturevalue("postgres").database()


Store = Callable[[str], str]
"""Makes a database for a service of this name, and returns its URL."""


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> Store | None:
    """Where meshes under test keep what they know: in files of their own (None), or in PostgreSQL, where the
    environment says VAHANA_TEST_DATABASE=postgresql.
    """
    if os.environ.get("VAHANA_TEST_DATABASE") != "postgresql":
        return None
    server = request.getfixturevalue("postgres")
    return lambda _name: server.database()
