"""Compute resources on the wire."""

from services.chassis.clock import to_timestamp
from services.registry.domain.compute_resources import BatchQueue, ComputeResource, JobManager, LoginPreference
from services.registry.wire import limits
from services.registry.wire.durations import to_duration
from vahana.event.v1 import task_pb2
from vahana.registry.v1 import compute_resource_pb2 as pb


def from_message(sent: pb.ComputeResource) -> ComputeResource:
    """A host as a caller describes it; what the service sets itself is left out."""
    return ComputeResource(
        name=sent.name,
        description=sent.description,
        address=sent.address,
        port=sent.port,
        host_keys=tuple(sent.host_keys),
        login=sent.login,
        credential_id=sent.credential_id,
        scratch=sent.scratch,
        job_manager=JobManager(task_pb2.JobManager.Name(sent.job_manager).removeprefix("JOB_MANAGER_")),
        batch_queues=tuple(map(_queue, sent.batch_queues)),
        login_preferences=tuple(
            LoginPreference(one.group, one.login, one.credential_id, one.scratch) for one in sent.login_preferences
        ),
        restricted=sent.restricted,
        disabled=sent.disabled,
    )


def to_message(stored: ComputeResource) -> pb.ComputeResource:
    """A stored host as callers see it."""
    return pb.ComputeResource(
        name=stored.name,
        description=stored.description,
        address=stored.address,
        port=stored.port,
        host_keys=stored.host_keys,
        login=stored.login,
        credential_id=stored.credential_id,
        scratch=stored.scratch,
        job_manager=task_pb2.JobManager.Value(f"JOB_MANAGER_{stored.job_manager}"),
        batch_queues=map(_queue_message, stored.batch_queues),
        login_preferences=[
            pb.LoginPreference(group=one.group, login=one.login, credential_id=one.credential_id, scratch=one.scratch)
            for one in stored.login_preferences
        ],
        restricted=stored.restricted,
        disabled=stored.disabled,
        create_time=to_timestamp(stored.create_time_us),
        revision=stored.revision,
    )


def _queue(sent: pb.BatchQueue) -> BatchQueue:
    return BatchQueue(sent.name, sent.description, limits.from_message(sent), sent.default_queue)


def _queue_message(stored: BatchQueue) -> pb.BatchQueue:
    return pb.BatchQueue(
        name=stored.name,
        description=stored.description,
        max_node_count=stored.limits.node_count,
        max_cpu_count=stored.limits.cpu_count,
        max_memory_mib=stored.limits.memory_mib,
        max_wall_time=to_duration(stored.limits.wall_time_us),
        max_gpu_count=stored.limits.gpu_count,
        default_queue=stored.default_queue,
    )
