"""How large a job may be."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.registry.domain.violations import Violation

_SECOND_US = 1_000_000
_LONGEST_WALL_TIME_US = 3650 * 86_400 * _SECOND_US


@dataclass(frozen=True)
class Limits:
    """The most a job may ask for; 0 is no limit. Memory and GPUs count on each node, CPU cores in all."""

    node_count: int = 0
    cpu_count: int = 0
    memory_mib: int = 0
    wall_time_us: int = 0
    gpu_count: int = 0


NO_LIMITS = Limits()


def violations(limits: Limits) -> Iterator[Violation]:
    """Every rule the limits break, by the fields of a message whose limits are called "max_…"."""
    if fault := wall_time_fault(limits.wall_time_us):
        yield Violation("max_wall_time", fault)


def wall_time_fault(wall_time_us: int) -> str:
    """Why this is no wall time, with the way out; "" where it is one."""
    if not 0 <= wall_time_us <= _LONGEST_WALL_TIME_US:
        return "is negative or above 3650 days: choose a time between, or none"
    if wall_time_us % _SECOND_US:
        return "holds a part of a second, which no job manager knows: write whole seconds"
    return ""
