"""The mesh that is measured: a fresh home, free ports, taken down at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vahana.profile.v1 import identity_pb2
from vahana_client.connection import Connection
from vahana_client.home import Home
from vahana_client.mesh.record import MeshRecord

UP_SECONDS = 120.0
"""After which a mesh that is not up is given up."""


class BenchMesh:
    """A mesh that is up, and the `vahana` command on it."""

    def __init__(self, home: Path) -> None:
        """Start nothing yet."""
        self.home = Home(home)
        self.up_seconds = 0.0
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("VAHANA_")}
        self._environment = {**inherited, "VAHANA_HOME": str(home)}

    def vahana(self, *words: object) -> None:
        """Run a command line that must succeed."""
        command = [sys.executable, "-m", "vahana_client", *map(str, words)]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=UP_SECONDS, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"vahana {' '.join(map(str, words))}: {done.stdout}\n{done.stderr}")

    def up(self) -> None:
        """Bring it up and note how long that took."""
        began = time.monotonic()
        self.vahana("up", "--detach", "--free-ports")
        self.up_seconds = time.monotonic() - began

    def connect(self) -> Connection:
        """A connection to the gateway, as the administrator."""
        return Connection(self._address("gateway"), self.home.token_file("admin").read_text().strip())

    def connect_directly(self, service: str) -> Connection:
        """A connection straight to a service, as the administrator; good for five minutes."""
        with self.connect() as connection:
            answer = connection.identity.ExchangeToken(identity_pb2.ExchangeTokenRequest())
        return Connection(self._address(service), answer.access_token)

    def _address(self, service: str) -> str:
        record = MeshRecord.load(self.home)
        if record is None:
            raise RuntimeError(f"no mesh is up in {self.home.path}")
        return record.processes[service].address


@contextmanager
def fresh_mesh(home: Path) -> Iterator[BenchMesh]:
    """A mesh that is up; taken down when left."""
    mesh = BenchMesh(home)
    try:
        mesh.up()
        yield mesh
    finally:
        mesh.vahana("down")
