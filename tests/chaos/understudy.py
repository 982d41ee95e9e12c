"""A service of a mesh played by a process of the test's own, so that it can be started with a fail point set."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.e2e.conftest import RunningMesh, wait_until
from vahana_client.mesh.health import serving
from vahana_client.mesh.ports import SERVICES

_SECONDS = 30.0


class Understudies:
    """Play services in the place of the mesh's own processes, whose supervisor is stopped and starts none again."""

    def __init__(self, mesh: RunningMesh) -> None:
        self._mesh = mesh
        self._originals = {name: psutil.Process(mesh.pid(name)) for name in SERVICES}
        # Once a process has ended, nobody can tell how it was started.
        self._commands = {name: each.cmdline() for name, each in self._originals.items()}
        self._environments = {name: each.environ() for name, each in self._originals.items()}
        self._playing: dict[str, subprocess.Popen[bytes]] = {}

    def play(self, name: str, failpoints: str = "") -> "subprocess.Popen[bytes]":
        """Ends the process of a service and starts another, with these fail points set; returns it once it serves."""
        self._end(name)
        with self._mesh.home.log_file(name).open("ab") as log:
            process = subprocess.Popen(
                self._commands[name],
                env={**self._environments[name], "VAHANA_FAILPOINTS": failpoints},
                cwd=self._mesh.home.path,
                stdout=log,
                stderr=log,
            )
        self._playing[name] = process
        wait_until(lambda: serving(self._mesh.address(name)), _SECONDS, f"{name} to serve")
        return process

    def end(self) -> None:
        """Ends all of them."""
        for name in self._playing:
            self._end(name)

    def _end(self, name: str) -> None:
        playing = self._playing.get(name)
        if playing is None:
            original = self._originals[name]
            original.terminate()
            # Its parent is stopped: it stays as a zombie, and nobody else can come by its number.
            wait_until(lambda: original.status() == psutil.STATUS_ZOMBIE, _SECONDS, f"{name} to end")
            return
        playing.terminate()
        try:
            playing.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            playing.kill()
            playing.wait()


@contextmanager
def understudies(mesh: RunningMesh) -> Iterator[Understudies]:
    """Have them play, for a while; afterwards the supervisor starts the mesh's own processes again."""
    supervisor = mesh.pid("supervisor")
    players = Understudies(mesh)
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield players
    finally:
        players.end()
        os.kill(supervisor, signal.SIGCONT)
