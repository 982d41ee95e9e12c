"""A compute resource and its rules."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.registry.domain.host_keys import host_key_fault
from services.registry.domain.text import path_fault, quoted
from services.registry.domain.violations import Violation, repeated


class JobManager(enum.StrEnum):
    """The batch scheduler of a compute resource."""

    FORK = "FORK"


@dataclass(frozen=True)
class BatchQueue:
    """A queue of a job manager."""

    name: str
    description: str = ""


@dataclass(frozen=True)
class ComputeResource:
    """A host, or the login node of a cluster. The fields mean what the proto of the same name says."""

    name: str
    address: str
    port: int
    host_keys: tuple[str, ...]
    login: str
    credential_id: str
    scratch: str
    job_manager: JobManager
    batch_queues: tuple[BatchQueue, ...] = field(default=())
    description: str = ""
    create_time_us: int = 0
    revision: int = 0


def violations(resource: ComputeResource) -> Iterator[Violation]:
    """Every rule the resource breaks."""
    for position, key in enumerate(resource.host_keys):
        if fault := host_key_fault(key):
            yield Violation(f"host_keys[{position}]", fault)
    yield from repeated("host_keys[{}]", resource.host_keys, "the key")
    if fault := path_fault(resource.scratch, absolute=True):
        yield Violation("scratch", f"{quoted(resource.scratch)} {fault}")
    if resource.job_manager is JobManager.FORK and resource.batch_queues:
        yield Violation("batch_queues", "FORK has no queues: leave them out, or name the host's job manager")
    yield from repeated("batch_queues[{}].name", [queue.name for queue in resource.batch_queues], "queue")
