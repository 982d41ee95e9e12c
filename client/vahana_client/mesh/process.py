"""One supervised process: started, watched, started again after a growing pause."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vahana_client.mesh.record import ProcessRecord, running

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A process that ran this long starts again without a pause grown by earlier deaths."""


@dataclass(frozen=True)
class ProcessPlan:
    """How to start one process, and how to see that it answers."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    address: str
    answers: Callable[[], bool]


@dataclass
class SupervisedProcess:
    """A process under supervision. `pid` is 0 until it was first started."""

    plan: ProcessPlan
    restarts: int = 0
    record: ProcessRecord = field(default_factory=ProcessRecord)
    _running: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _pause: float = FIRST_PAUSE_SECONDS
    _start_at: float = 0.0

    def start(self) -> None:
        """Starts the process in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        with self.plan.log.open("ab") as log:
            self._running = subprocess.Popen(
                list(self.plan.command),
                env=dict(self.plan.environment),
                cwd=self.plan.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started = time.monotonic()
        found = running(self._running.pid)
        self.record = ProcessRecord(
            found.pid, found.started, self.restarts, address=self.plan.address, log=str(self.plan.log)
        )

    def tend(self) -> str:
        """Looks after the process; returns a sentence where something happened, else ""."""
        now = time.monotonic()
        if self._running is not None:
            code = self._running.poll()
            if code is None:
                return ""
            self._running = None
            self._pause = FIRST_PAUSE_SECONDS if now - self._started > STEADY_SECONDS else self._pause
            self._start_at = now + self._pause
            sentence = f"{self.plan.name} {_ended(code)}; starting again in {self._pause:.1f} s (log: {self.plan.log})"
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            return sentence
        if now < self._start_at:
            return ""
        self.restarts += 1
        self.start()
        return f"{self.plan.name} started again, pid {self.record.pid}"

    def ask_to_end(self) -> None:
        """Sends SIGTERM, if it runs."""
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()

    def wait_end(self, deadline: float) -> bool:
        """Waits for the end until a monotonic time, then kills; returns whether it ended by itself."""
        if self._running is None:
            return True
        try:
            self._running.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()
            return False
        return True


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
