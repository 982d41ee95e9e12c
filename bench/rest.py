"""What a mesh at rest costs: memory and CPU of all service processes together, the broker aside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import psutil

from bench.figures import Figure, Goal
from vahana_client.home import Home
from vahana_client.mesh.ports import SERVICES
from vahana_client.mesh.record import MeshRecord

SECONDS = 30.0
MOST_MB = 700.0
MOST_PERCENT = 3.0


def at_rest(home: Home) -> Iterator[Figure]:
    """Leave a mesh alone for half a minute. Memory is PSS: what processes share is counted once."""
    record = MeshRecord.load(home)
    if record is None:
        raise RuntimeError(f"no mesh is up in {home.path}")
    services = [psutil.Process(record.processes[name].pid) for name in SERVICES]
    before = _cpu_seconds(services)
    time.sleep(SECONDS)
    percent = (_cpu_seconds(services) - before) / SECONDS * 100
    pss = sum(each.memory_full_info().pss for each in services) / 1e6
    yield Figure("rest_pss_mb", pss, "MB", Goal(MOST_MB))
    yield Figure("rest_cpu_percent", percent, "%", Goal(MOST_PERCENT))


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    times = [each.cpu_times() for each in processes]
    return sum(each.user + each.system for each in times)
