"""Group resource profiles on the wire."""

from services.chassis.clock import to_timestamp
from services.registry.domain.group_resource_profiles import GroupResourceProfile, ResourceGrant
from services.registry.wire import limits
from services.registry.wire.durations import to_duration
from vahana.registry.v1 import group_resource_profile_pb2 as pb


def from_message(sent: pb.GroupResourceProfile) -> GroupResourceProfile:
    """A profile as a caller describes it; what the service sets itself is left out."""
    return GroupResourceProfile(
        name=sent.name,
        description=sent.description,
        groups=tuple(sent.groups),
        grants=tuple(map(_grant, sent.grants)),
    )


def to_message(stored: GroupResourceProfile) -> pb.GroupResourceProfile:
    """A stored profile as callers see it."""
    return pb.GroupResourceProfile(
        name=stored.name,
        description=stored.description,
        groups=stored.groups,
        grants=map(_grant_message, stored.grants),
        create_time=to_timestamp(stored.create_time_us),
        revision=stored.revision,
    )


def _grant(sent: pb.ResourceGrant) -> ResourceGrant:
    queues, allocations = tuple(sent.batch_queues), tuple(sent.allocations)
    return ResourceGrant(sent.compute_resource, queues, allocations, limits.from_message(sent))


def _grant_message(stored: ResourceGrant) -> pb.ResourceGrant:
    return pb.ResourceGrant(
        compute_resource=stored.compute_resource,
        batch_queues=stored.batch_queues,
        allocations=stored.allocations,
        max_node_count=stored.limits.node_count,
        max_cpu_count=stored.limits.cpu_count,
        max_memory_mib=stored.limits.memory_mib,
        max_wall_time=to_duration(stored.limits.wall_time_us),
        max_gpu_count=stored.limits.gpu_count,
    )
