"""What a deployment asks of the job manager by default."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.registry.domain.compute_resources import ComputeResource
from services.registry.domain.limits import wall_time_fault
from services.registry.domain.text import listed, quoted
from services.registry.domain.violations import Violation

_ALLOCATION = re.compile(r"[!-~]{1,300}")
_MOST = {"node_count": 1_000_000, "cpu_count": 100_000_000, "memory_mib": 1_000_000_000_000, "gpu_count": 10_000}

PLACEHOLDERS = ("batch_queue", "allocation", "node_count", "cpu_count", "gpu_count", "memory_mib", "wall_time")
"""What "{resources.NAME}" may name in the words of a deployment."""


@dataclass(frozen=True)
class JobResources:
    """The fields mean what JobResources of the proto says; 0 and "" leave a thing open."""

    batch_queue: str = ""
    allocation: str = ""
    node_count: int = 0
    cpu_count: int = 0
    memory_mib: int = 0
    wall_time_us: int = 0
    gpu_count: int = 0


NO_RESOURCES = JobResources()


def violations(resources: JobResources, host: ComputeResource) -> Iterator[Violation]:
    """Every rule the resources break on that host. Its limits are left to each launch: they change."""
    if resources.batch_queue and resources.batch_queue not in host.queue_names:
        fault = f"is no queue of {quoted(host.name)}: choose one of {listed(host.queue_names)}"
        yield Violation("batch_queue", f"{quoted(resources.batch_queue)} {fault}")
    if resources.allocation and not _ALLOCATION.fullmatch(resources.allocation):
        fault = "is no allocation: write 1 to 300 ASCII characters without spaces"
        yield Violation("allocation", f"{quoted(resources.allocation)} {fault}")
    for name, most in _MOST.items():
        if getattr(resources, name) > most:
            yield Violation(name, f"is above {most}: lower it")
    if fault := wall_time_fault(resources.wall_time_us):
        yield Violation("wall_time", fault)
