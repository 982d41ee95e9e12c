"""mesh.json: what runs, where and since when, so that `status` and `down` need nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from vahana_client.home import Home

_SAME_START_SECONDS = 1.5
"""Start times are counted in clock ticks since boot and may be read a little differently twice."""


@dataclass
class ProcessRecord:
    """One process; `started` tells it from a later one with the same pid."""

    pid: int = 0
    started: float = 0.0
    restarts: int = 0
    address: str = ""
    log: str = ""

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.find() is not None

    def find(self) -> psutil.Process | None:
        """Returns the process, unless it is gone, a zombie or another one."""
        if self.pid <= 0:
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START_SECONDS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


@dataclass
class MeshRecord:
    """The whole mesh. `ready` is set once every process answers; `ports` are kept when the mesh is down."""

    gateway: str = ""
    kafka: str = ""
    ready: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    supervisor: ProcessRecord = field(default_factory=ProcessRecord)
    processes: dict[str, ProcessRecord] = field(default_factory=dict)

    @classmethod
    def load(cls, home: Home) -> MeshRecord | None:
        """Returns what `vahana up` wrote last, or None."""
        try:
            data = json.loads(home.mesh_file.read_text())
        except FileNotFoundError:
            return None
        supervisor = ProcessRecord(**data.pop("supervisor"))
        processes = {name: ProcessRecord(**one) for name, one in data.pop("processes").items()}
        return cls(supervisor=supervisor, processes=processes, **data)

    def save(self, home: Home) -> None:
        """Replaces the file at once."""
        write_whole(home.mesh_file, json.dumps(asdict(self), indent=2) + "\n")

    def alive(self) -> bool:
        """Whether any process of the mesh still runs."""
        return self.supervisor.alive() or any(process.alive() for process in self.processes.values())


def write_whole(path: Path, text: str) -> None:
    """Writes a private file so that readers see the old one or the new one, never a part."""
    partial = path.with_name(f".{path.name}.part")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)


def running(pid: int) -> ProcessRecord:
    """Returns the record of a process that runs now."""
    try:
        return ProcessRecord(pid=pid, started=psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return ProcessRecord(pid=pid)
