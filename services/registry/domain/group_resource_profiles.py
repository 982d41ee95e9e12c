"""A group resource profile and its rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.registry.domain import limits as limit_rules
from services.registry.domain.compute_resources import ComputeResource
from services.registry.domain.limits import NO_LIMITS, Limits
from services.registry.domain.text import listed, quoted
from services.registry.domain.violations import Violation, repeated, under


@dataclass(frozen=True)
class ResourceGrant:
    """What a profile's groups may use of one compute resource; no queues and no allocations stand for all."""

    compute_resource: str
    batch_queues: tuple[str, ...] = ()
    allocations: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS


@dataclass(frozen=True)
class GroupResourceProfile:
    """A set of grants for some groups. The fields mean what the proto of the same name says."""

    name: str
    groups: tuple[str, ...]
    grants: tuple[ResourceGrant, ...]
    description: str = ""
    create_time_us: int = 0
    revision: int = 0


def violations(profile: GroupResourceProfile, hosts: Mapping[str, ComputeResource]) -> Iterator[Violation]:
    """Every rule the profile breaks; `hosts` are those of its compute resources that there are, by name."""
    yield from repeated("groups[{}]", profile.groups, "group")
    for position, grant in enumerate(profile.grants):
        yield from under(f"grants[{position}]", _grant_violations(grant, hosts.get(grant.compute_resource)))


def _grant_violations(grant: ResourceGrant, host: ComputeResource | None) -> Iterator[Violation]:
    yield from repeated("batch_queues[{}]", grant.batch_queues, "queue")
    yield from repeated("allocations[{}]", grant.allocations, "allocation")
    yield from limit_rules.violations(grant.limits)
    if host is None:
        yield Violation("compute_resource", f"there is no compute resource {quoted(grant.compute_resource)}")
        return
    for position, queue in enumerate(grant.batch_queues):
        if queue not in host.queue_names:
            fault = f"{quoted(queue)} is no queue of {quoted(host.name)}: choose one of {listed(host.queue_names)}"
            yield Violation(f"batch_queues[{position}]", fault)
