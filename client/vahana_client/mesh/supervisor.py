"""Brings the mesh up, keeps it up, takes it down."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vahana_client.connection import Connection
from vahana_client.home import Home
from vahana_client.mesh.identities import ensure_identities
from vahana_client.mesh.kafka_cache import KafkaError
from vahana_client.mesh.local_host import ensure_local_host
from vahana_client.mesh.plans import Mesh, MeshOptions, bootstrap, plan_mesh, tail
from vahana_client.mesh.ports import choose_ports
from vahana_client.mesh.process import SupervisedProcess
from vahana_client.mesh.record import MeshRecord, running
from vahana_client.mesh.sshd import SshdError
from vahana_client.mesh.stop import KEEP_LAST, STOP_SECONDS, stop_recorded

TICK_SECONDS = 0.1
DEATHS_BEFORE_READY = 5
"""A process that died this often before the mesh was up will not come up."""


class MeshError(Exception):
    """The mesh could not be brought up; the message says why."""


class Supervisor:
    """Runs one mesh in the calling process."""

    def __init__(self, home: Home, options: MeshOptions, say: Callable[[str], None]) -> None:
        """`say` is told each thing worth telling, a line at a time."""
        self._home = home
        self._options = options
        self._say = say
        self._stop = threading.Event()
        self._processes: list[SupervisedProcess] = []
        self._record = MeshRecord()

    def run(self) -> None:
        """Returns after SIGTERM or SIGINT, when all has ended. Fails with MeshError, or with PortTakenError."""
        self._home.make()
        with _only_one(self._home):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda *_: self._stop.set())
            mesh = self._prepare()
            try:
                self._bring_up(mesh)
                while not self._stop.wait(TICK_SECONDS):
                    self._tend()
            finally:
                self._take_down()

    def _prepare(self) -> Mesh:
        before = MeshRecord.load(self._home) or MeshRecord()
        for sentence in stop_recorded(before):
            self._say(sentence)
        ports = choose_ports(self._options.ports, before.ports, free=self._options.free_ports)
        ensure_identities(self._home)
        self._record = MeshRecord(
            gateway=f"127.0.0.1:{ports['gateway']}",
            kafka=bootstrap(ports, self._options),
            ports=ports,
            supervisor=running(os.getpid()),
        )
        self._record.supervisor.log = str(self._home.log_file("supervisor"))
        try:
            return plan_mesh(self._home, ports, self._options)
        except (KafkaError, SshdError) as error:
            raise MeshError(str(error)) from error

    def _bring_up(self, mesh: Mesh) -> None:
        began = time.monotonic()
        for plan in mesh.plans:
            process = SupervisedProcess(plan)
            process.start()
            self._processes.append(process)
        self._save()
        self._wait_until_all_answer(began + self._options.patience_seconds)
        if mesh.sshd is not None and not self._stop.is_set():
            self._register_local_host(mesh)
        self._record.ready = not self._stop.is_set()
        self._save()
        if self._record.ready:
            self._say(f"the mesh is up after {time.monotonic() - began:.1f} s: gateway {self._record.gateway}")

    def _wait_until_all_answer(self, deadline: float) -> None:
        silent = list(self._processes)
        while silent and not self._stop.is_set():
            self._tend()
            silent = [process for process in silent if not process.plan.answers()]
            hopeless = [process for process in silent if process.restarts >= DEATHS_BEFORE_READY]
            if hopeless or (silent and time.monotonic() > deadline):
                raise MeshError(_complaint(hopeless or silent))
            self._stop.wait(TICK_SECONDS)

    def _register_local_host(self, mesh: Mesh) -> None:
        assert mesh.sshd is not None  # noqa: S101
        token = self._home.token_file("admin").read_text().strip()
        with Connection(self._record.gateway, token) as connection:
            warning = ensure_local_host(connection, self._home, mesh.sshd)
        if warning:
            self._say(f"warning: {warning}")

    def _tend(self) -> None:
        sentences = [sentence for process in self._processes if (sentence := process.tend())]
        for sentence in sentences:
            self._say(sentence)
        if sentences:
            self._save()

    def _save(self) -> None:
        self._record.processes = {process.plan.name: process.record for process in self._processes}
        self._record.save(self._home)

    def _take_down(self) -> None:
        """Ends the services first: they need Kafka and the SSH server to end well."""
        services = [process for process in self._processes if process.plan.name not in KEEP_LAST]
        servers = [process for process in self._processes if process.plan.name in KEEP_LAST]
        for group in (services, servers):
            for process in group:
                process.ask_to_end()
            deadline = time.monotonic() + STOP_SECONDS
            for process in group:
                if not process.wait_end(deadline):
                    self._say(f"{process.plan.name} did not end within {STOP_SECONDS:.0f} s and was killed")
        self._record.ready = False
        self._record.processes = {}
        self._record.save(self._home)
        self._say("the mesh is down")


def _complaint(silent: list[SupervisedProcess]) -> str:
    names = ", ".join(process.plan.name for process in silent)
    logs = "\n".join(f"--- {one.plan.log}\n{tail(one.plan.log)}" for one in silent)
    return f"the mesh did not come up; not answering: {names}\n{logs}"


@contextmanager
def _only_one(home: Home) -> Iterator[None]:
    with (home.path / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise MeshError(f"a mesh is already running in {home.path}; `vahana status` shows it") from error
        yield
