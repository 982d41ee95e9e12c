"""What goes wrong, drawn by a seed: processes of a mesh are killed, or stopped for a while; the broker loses all."""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.e2e.conftest import RunningMesh
from vahana_client.mesh.kafka import LocalKafka
from vahana_client.mesh.ports import SERVICES
from vahana_client.mesh.postgres import LocalPostgres

STOPS = (0.3, 1.0, 3.0, 12.0)
"""Seconds a process is stopped for: the last is beyond every lease."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much goes wrong: services killed or stopped, the broker wiped, PostgreSQL killed; `pause` is the seconds
    between two faults.
    """

    faults: int
    wipes: int
    pause: float
    postgres: int = 0

    def at(self, times: int) -> set[int]:
        """Before which faults something else happens, so many times, evenly spread."""
        return {self.faults * (number + 1) // (times + 1) for number in range(times)}


class Faults:
    """Makes faults on a thread of its own until its budget is spent."""

    def __init__(self, mesh: RunningMesh, seed: int, budget: Budget, postgres: LocalPostgres | None = None) -> None:
        self._mesh, self._dice, self._budget, self._postgres = mesh, Random(seed), budget, postgres
        self._stopped: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, name="faults")
        self.made: Counter[str] = Counter()
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether nothing goes wrong any more."""
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for the last of them; raises what kept it from making them."""
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            wipes, kills = self._budget.at(self._budget.wipes), self._budget.at(self._budget.postgres)
            for number in range(self._budget.faults):
                if number in wipes:
                    self._wipe()
                if number in kills and self._postgres is not None:
                    self._kill(self._postgres)
                self._strike()
                self._let_pass(self._dice.uniform(0.5, 1.5) * self._budget.pause)
            self._let_pass(max(STOPS))
        except BaseException as error:
            self.error = error
        finally:
            self._wake(time.monotonic() + max(STOPS))

    def _strike(self) -> None:
        """Kill or stop a service that runs; those that are down or stopped already are left alone."""
        while True:
            name = self._dice.choice(SERVICES)
            pid = self._mesh.pid(name)
            if pid not in self._stopped and _is(pid, name):
                break
            self._let_pass(0.05)
        if self._dice.random() < 0.5:
            self._send(pid, signal.SIGKILL)
            self.made[f"SIGKILL {name}"] += 1
        else:
            self._stopped[pid] = time.monotonic() + self._dice.choice(STOPS)
            self._send(pid, signal.SIGSTOP)
            self.made[f"SIGSTOP {name}"] += 1

    def _let_pass(self, seconds: float) -> None:
        """Let time pass; who was stopped long enough goes on."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))
            self._wake(time.monotonic())

    def _wake(self, now: float) -> None:
        for pid in [pid for pid, until in self._stopped.items() if until <= now]:
            del self._stopped[pid]
            self._send(pid, signal.SIGCONT)

    def _wipe(self) -> None:
        """Have the broker lose all it holds, while nobody starts it again."""
        record = self._mesh.record()
        supervisor, broker = record.supervisor.pid, record.processes["kafka"].pid
        os.kill(supervisor, signal.SIGSTOP)
        try:
            self._send(broker, signal.SIGKILL)
            LocalKafka(self._mesh.home.path, record.ports["kafka"], record.ports["kafka-controller"]).wipe()
        finally:
            os.kill(supervisor, signal.SIGCONT)
        self.made["broker wiped"] += 1

    def _kill(self, postgres: LocalPostgres) -> None:
        """Have PostgreSQL crash, and come back after a while with what was committed."""
        postgres.kill()
        self._let_pass(self._dice.uniform(0.5, 4.0))
        postgres.start()
        self.made["PostgreSQL killed"] += 1

    @staticmethod
    def _send(pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _is(pid: int, name: str) -> bool:
    """Whether this is a process of the service, and not one that came by its number."""
    try:
        return f"services.{name}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
