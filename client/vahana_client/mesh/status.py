"""How each process of a recorded mesh does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from vahana_client.mesh.health import serving
from vahana_client.mesh.ports import SERVICES, answers
from vahana_client.mesh.record import MeshRecord, ProcessRecord

_HEALTHY = ("SERVING", "LISTENING", "RUNNING")


@dataclass(frozen=True)
class ProcessStatus:
    """One process. `health` is SERVING (services), LISTENING (Kafka, SSH server), RUNNING (supervisor), NOT SERVING
    where it runs without answering, or DOWN."""

    name: str
    pid: int
    health: str
    restarts: int
    address: str
    log: str

    @property
    def healthy(self) -> bool:
        """Whether it runs and answers."""
        return self.health in _HEALTHY

    def data(self) -> dict[str, Any]:
        """Plain data for JSON and YAML."""
        return asdict(self)


def look(record: MeshRecord) -> list[ProcessStatus]:
    """Asks every process at once."""
    named = {"supervisor": record.supervisor, **record.processes}
    with ThreadPoolExecutor(len(named)) as pool:
        return list(pool.map(_look_at, named, named.values()))


def _look_at(name: str, process: ProcessRecord) -> ProcessStatus:
    return ProcessStatus(name, process.pid, _health(name, process), process.restarts, process.address, process.log)


def _health(name: str, process: ProcessRecord) -> str:
    if not process.alive():
        return "DOWN"
    if name == "supervisor":
        return "RUNNING"
    if name in SERVICES:
        return "SERVING" if serving(process.address) else "NOT SERVING"
    return "LISTENING" if answers(process.address) else "NOT SERVING"
