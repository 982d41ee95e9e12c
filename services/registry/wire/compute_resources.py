"""Compute resources on the wire."""

from services.chassis.clock import to_timestamp
from services.registry.domain.compute_resources import BatchQueue, ComputeResource, JobManager
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
        batch_queues=tuple(BatchQueue(queue.name, queue.description) for queue in sent.batch_queues),
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
        batch_queues=[pb.BatchQueue(name=queue.name, description=queue.description) for queue in stored.batch_queues],
        create_time=to_timestamp(stored.create_time_us),
        revision=stored.revision,
    )
