"""A compute resource and its rules."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.registry.domain import limits as limit_rules
from services.registry.domain.host_keys import host_key_fault
from services.registry.domain.limits import NO_LIMITS, Limits
from services.registry.domain.text import path_fault, quoted
from services.registry.domain.violations import Violation, repeated, under


class JobManager(enum.StrEnum):
    """The batch scheduler of a compute resource."""

    FORK = "FORK"
    SLURM = "SLURM"
    PBS = "PBS"
    LSF = "LSF"


@dataclass(frozen=True)
class BatchQueue:
    """A queue of a job manager."""

    name: str
    description: str = ""
    limits: Limits = NO_LIMITS
    default_queue: bool = False


@dataclass(frozen=True)
class LoginPreference:
    """The login of one group's users, in place of the host's own; what is empty is the host's own."""

    group: str
    login: str
    credential_id: str = ""
    scratch: str = ""


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
    batch_queues: tuple[BatchQueue, ...] = ()
    login_preferences: tuple[LoginPreference, ...] = ()
    restricted: bool = False
    disabled: bool = False
    description: str = ""
    create_time_us: int = 0
    revision: int = 0

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The names of its queues, in their order."""
        return tuple(queue.name for queue in self.batch_queues)


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
    yield from _queue_violations(resource.batch_queues)
    yield from _login_violations(resource.login_preferences)


def _queue_violations(queues: Sequence[BatchQueue]) -> Iterator[Violation]:
    yield from repeated("batch_queues[{}].name", [queue.name for queue in queues], "queue")
    for position, queue in enumerate(queues):
        yield from under(f"batch_queues[{position}]", limit_rules.violations(queue.limits))
    defaults = [position for position, queue in enumerate(queues) if queue.default_queue]
    for position in defaults[1:]:
        fault = f"{quoted(queues[defaults[0]].name)} is the default queue already: a host has one at most"
        yield Violation(f"batch_queues[{position}].default_queue", fault)


def _login_violations(preferences: Sequence[LoginPreference]) -> Iterator[Violation]:
    yield from repeated("login_preferences[{}].group", [one.group for one in preferences], "group")
    for position, preference in enumerate(preferences):
        if preference.scratch and (fault := path_fault(preference.scratch, absolute=True)):
            yield Violation(f"login_preferences[{position}].scratch", f"{quoted(preference.scratch)} {fault}")
