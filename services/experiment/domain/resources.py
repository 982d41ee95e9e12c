"""What a job asks of its job manager, and whether that can be asked at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.experiment.domain.facts import ComputeResource, Deployment, JobResources
from services.experiment.domain.policy import effective_resources
from services.experiment.domain.spec import Fault, Spec

LONGEST_WALL_TIME_S = 10 * 366 * 24 * 3600
_MOST = {"node_count": 1_000_000, "cpu_count": 100_000_000, "memory_mib": 1_000_000_000, "gpu_count": 10_000}
_ALLOCATION = re.compile(r"[!-~]{0,300}")


def of_job(spec: Spec, deployment: Deployment, resource: ComputeResource) -> JobResources:
    """What the job of `spec` asks for: what it names, else what the deployment does, and the queue it then goes to."""
    default = resource.queue("")
    return effective_resources(spec.wanted, deployment.default_resources, default.name if default else "")


def resource_faults(spec: Spec, resource: ComputeResource | None) -> Iterator[Fault]:
    """Every fault of what `spec` asks for, whoever asks."""
    wanted = spec.resources
    for name, most in _MOST.items():
        if getattr(wanted, name) > most:
            yield Fault(f"spec.resources.{name}", f"is {getattr(wanted, name)}: no more than {most} can be asked for")
    if not 0 <= wanted.wall_time_s <= LONGEST_WALL_TIME_S:
        yield Fault("spec.resources.wall_time", f"must lie between 0 and {LONGEST_WALL_TIME_S} seconds")
    if not _ALLOCATION.fullmatch(wanted.allocation):
        yield Fault(
            "spec.resources.allocation", "must be a name of at most 300 printable ASCII characters without spaces"
        )
    if resource is not None:
        yield from _queue_faults(spec, resource)


def _queue_faults(spec: Spec, resource: ComputeResource) -> Iterator[Fault]:
    name = spec.wanted.batch_queue
    if name and resource.queue(name) is None:
        queues = ", ".join(each.name for each in resource.queues)
        yield Fault(
            "spec.resources.batch_queue" if spec.resources.batch_queue else "spec.batch_queue",
            f"{resource.name!r} has no batch queue {name!r}: "
            + (f"choose one of {queues}" if queues else "it has none, leave this empty"),
        )
