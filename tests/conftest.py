"""Servers for tests, started once a session and only when asked for: a real Kafka and a private PostgreSQL."""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from vahana_client.mesh.kafka import LocalKafka


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests of one costly server share a worker."""
    if "e2e" in item.path.parts:
        item.add_marker(pytest.mark.xdist_group("mesh"))
    elif {"kafka", "harness"} & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.xdist_group("kafka"))


_POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")


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

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://vahana@127.0.0.1:{self._port}/{database}"

    def connect(self, database: str) -> psycopg.Connection:
        """Connect past everything under test."""
        return psycopg.connect(f"host=127.0.0.1 port={self._port} user=vahana dbname={database}", autocommit=True)

    def database(self) -> str:
        """Return the SQLAlchemy URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL 15 on a free port, run as another user where the tests run as root."""
    if not (_POSTGRES_BIN / "initdb").exists():
        pytest.skip(f"PostgreSQL 15 is not installed ({_POSTGRES_BIN}/initdb): apt-get install postgresql-15")
    # initdb refuses root; and the directory must be one that the other user can enter, which pytest's are not.
    account = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    directory = Path(tempfile.mkdtemp(prefix="vahana-postgres-"))
    data = directory / "data"
    process = None
    try:
        if account:
            os.chown(directory, pwd.getpwnam("postgres").pw_uid, -1)
        initdb = [
            _POSTGRES_BIN / "initdb",
            "-D",
            data,
            "-U",
            "vahana",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        ]
        subprocess.run(initdb, check=True, capture_output=True, cwd=directory, **account)
        (port,) = free_ports(1)
        process = _start_postgres(data, port, directory, account)
        yield PostgresServer(port)
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # its "fast" stop, which does not wait for clients
            process.wait(30)
        shutil.rmtree(directory)


def _start_postgres(data: Path, port: int, directory: Path, account: dict) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "max_connections": 200,
    }
    command = [_POSTGRES_BIN / "postgres", "-D", data]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=directory, **account)
    server = PostgresServer(port)
    deadline = time.monotonic() + 30
    while True:
        try:
            server.connect("postgres").close()
            return process
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}") from None
            time.sleep(0.05)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return request.getfixturevalue("postgres").database()
