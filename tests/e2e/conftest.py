"""One real mesh for the whole run: every service a process, a real Kafka, a real SSH server."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Store
from vahana.profile.v1 import identity_pb2
from vahana_client.connection import Connection
from vahana_client.home import Home
from vahana_client.mesh.health import serving
from vahana_client.mesh.ports import SERVICES
from vahana_client.mesh.record import MeshRecord

EXAMPLE = Path(__file__).parents[2] / "examples/bowtie2"

_CALM = {"VAHANA_BLOCKED_BUDGET_SECONDS": "20"}
"""Settings of the mesh under test: what waits for something outside gives up soon."""


class RunningMesh:
    """A mesh in a home of its own, and the `vahana` command on it."""

    def __init__(self, home: Path) -> None:
        self.home = Home(home)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("VAHANA_")}
        self.environment = {**inherited, **_CALM, "VAHANA_HOME": str(home)}

    def keep_in(self, database: Callable[[str], str]) -> None:
        """Have each service keep what it knows in the database made for its name, and not in a file."""
        owners = [name for name in SERVICES if name != "gateway"]
        self.environment |= {f"VAHANA_{name.upper()}_DATABASE_URL": database(name) for name in owners}

    def vahana(self, *words: object, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs a command line to its end, whatever its exit code."""
        return subprocess.run(
            [sys.executable, "-m", "vahana_client", *map(str, words)],
            env=self.environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def ok(self, *words: object, seconds: float = 120) -> str:
        """Runs a command line that must succeed and returns its standard output."""
        done = self.vahana(*words, seconds=seconds)
        assert done.returncode == 0, f"vahana {' '.join(map(str, words))}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def data(self, *words: object) -> Any:
        """Runs a command line that must succeed and returns what it printed as JSON."""
        return json.loads(self.ok(*words, "-o", "json"))

    def record(self) -> MeshRecord:
        """What runs now."""
        record = MeshRecord.load(self.home)
        assert record is not None
        return record

    def pid(self, name: str) -> int:
        """The pid of a service, of "kafka", "sshd" or "supervisor"."""
        record = self.record()
        return record.supervisor.pid if name == "supervisor" else record.processes[name].pid

    def address(self, name: str) -> str:
        """HOST:PORT of a service, of "kafka" or "sshd"."""
        return self.record().processes[name].address

    def token(self, subject: str = "admin") -> str:
        """The token of the administrator or of a service."""
        return self.home.token_file(subject).read_text().strip()

    def access_token(self, subject: str = "admin") -> str:
        """What services called directly take from the administrator or a service: its token, exchanged."""
        with Connection(self.address("profile"), self.token(subject)) as connection:
            return connection.identity.ExchangeToken(identity_pb2.ExchangeTokenRequest()).access_token

    def connect(self) -> Connection:
        """A connection to the gateway, as the administrator."""
        return Connection(self.record().gateway, self.token())

    def wait_serving(self, name: str, other_than: int = 0, seconds: float = 60) -> None:
        """Waits until a service answers, as another process than the one with the pid given."""
        wait_until(lambda: self.pid(name) != other_than and serving(self.address(name)), seconds, f"{name} to serve")

    def log(self, name: str) -> str:
        """What a process wrote to its log."""
        return self.home.log_file(name).read_text(errors="replace")


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits for a condition; fails the test where it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory, store: Store | None) -> Iterator[RunningMesh]:
    """A mesh that is up, with the compute resource `local`; taken down after the last test."""
    running = RunningMesh(tmp_path_factory.mktemp("mesh") / "home")
    if store is not None:
        running.keep_in(store)
    try:
        running.ok("up", "--detach", "--free-ports", seconds=180)
        yield running
    finally:
        running.vahana("down")


@pytest.fixture(scope="session")
def bowtie2(mesh: RunningMesh) -> RunningMesh:
    """The mesh with the example's application registered and its project created."""
    mesh.ok("app", "register", EXAMPLE / "application.yaml")
    mesh.ok("project", "create", "lambda")
    return mesh
