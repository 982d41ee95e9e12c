"""Limits on the wire: fields of the messages that have them."""

from typing import Protocol

from google.protobuf.duration_pb2 import Duration

from services.registry.domain.limits import Limits
from services.registry.wire.durations import from_duration


class Limited(Protocol):
    """A message with limits."""

    max_node_count: int
    max_cpu_count: int
    max_memory_mib: int
    max_gpu_count: int

    @property
    def max_wall_time(self) -> Duration: ...


def from_message(sent: Limited) -> Limits:
    """The limits a caller sent."""
    return Limits(
        node_count=sent.max_node_count,
        cpu_count=sent.max_cpu_count,
        memory_mib=sent.max_memory_mib,
        wall_time_us=from_duration(sent.max_wall_time),
        gpu_count=sent.max_gpu_count,
    )
