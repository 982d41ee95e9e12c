"""The plan of a process as messages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from services.experiment.domain.facts import ComputeResource, JobResources
from services.experiment.domain.plan import (
    Cleanup,
    Commands,
    Content,
    EnvSetup,
    Monitoring,
    PlannedTask,
    StageIn,
    StageOut,
    Submission,
    TaskType,
)
from vahana.event.v1 import task_pb2 as pb
from vahana.experiment.v1 import experiment_pb2


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a task's attempts; times are in seconds."""

    max_attempts: int
    initial_backoff: float
    max_backoff: float
    blocked_budget: float


def planned_tasks(
    tasks: Iterable[PlannedTask], bounds: Bounds, retries: Iterable[experiment_pb2.TaskRetry]
) -> list[pb.PlannedTask]:
    """The tasks of a plan, with the usual bounds but for what `retries` say of tasks of their types."""
    special = {each.task_type: each.retry for each in retries}
    return [_planned_task(each, _retry(bounds, special.get(each.type.value))) for each in tasks]  # type: ignore[call-overload]


def _retry(bounds: Bounds, special: pb.RetryPolicy | None) -> pb.RetryPolicy:
    policy = pb.RetryPolicy(
        max_attempts=bounds.max_attempts,
        initial_backoff=_duration(bounds.initial_backoff),
        max_backoff=_duration(bounds.max_backoff),
        blocked_budget=_duration(bounds.blocked_budget),
    )
    if special is not None:
        for descriptor, _ in special.ListFields():
            # A duration is taken whole: merged, it would keep parts of the usual one.
            policy.ClearField(descriptor.name)  # type: ignore[arg-type]
        policy.MergeFrom(special)
    return policy


def _planned_task(task: PlannedTask, retry: pb.RetryPolicy) -> pb.PlannedTask:
    return pb.PlannedTask(
        task_id=task.task_id,
        type=task.type.value,  # type: ignore[arg-type]
        depends_on=task.depends_on,
        trigger_rule=task.trigger.value,  # type: ignore[arg-type]
        required=task.required,
        retry=retry,
        spec=_task_spec(task.type, task.content),
    )


def target(resource: ComputeResource) -> pb.Target:
    """Where a process runs, as it is registered at the moment, by the login of its launcher's groups."""
    return pb.Target(
        compute_resource=resource.name,
        address=resource.address,
        port=resource.port,
        login=resource.login,
        host_keys=resource.host_keys,
        credential_id=resource.credential_id,
        scratch=resource.scratch,
        job_manager=resource.job_manager,  # type: ignore[arg-type]
    )


def digest(target_bytes: bytes, tasks: Iterable[bytes]) -> str:
    """SHA-256 of a plan: the serialised target, then the serialised tasks in order; lower-case hexadecimal."""
    digested = hashlib.sha256(target_bytes)
    for content in tasks:
        digested.update(content)
    return digested.hexdigest()


def _task_spec(kind: TaskType, content: Content) -> pb.TaskSpec:
    match content:
        case EnvSetup():
            spec = pb.TaskSpec(env_setup=pb.EnvSetup())
        case StageIn():
            spec = pb.TaskSpec(data_staging_in=_stage_in(content))
        case Commands() if kind is TaskType.PRE_JOB_COMMAND:
            spec = pb.TaskSpec(pre_job_command=_commands(content))
        case Commands():
            spec = pb.TaskSpec(post_job_command=_commands(content))
        case Submission():
            spec = pb.TaskSpec(job_submission=_submission(content))
        case Monitoring():
            spec = pb.TaskSpec(monitoring=pb.Monitoring(job_task_id=content.job_task_id))
        case StageOut():
            spec = pb.TaskSpec(data_staging_out=_stage_out(content))
        case Cleanup():
            spec = pb.TaskSpec(cleanup=pb.Cleanup())
    return spec


def _stage_in(content: StageIn) -> pb.DataStagingIn:
    return pb.DataStagingIn(input=content.input, sha256=content.sha256, size=content.size, file_name=content.file_name)


def _commands(content: Commands) -> pb.CommandSet:
    return pb.CommandSet(
        commands=[pb.Command(arguments=words) for words in content.commands],
        module_loads=content.module_loads,
        environment=_environment(content.environment),
        timeout=_duration(content.timeout),
    )


def _submission(content: Submission) -> pb.JobSubmission:
    return pb.JobSubmission(
        command=pb.Command(arguments=content.words),
        module_loads=content.module_loads,
        environment=_environment(content.environment),
        rerun_safe=content.rerun_safe,
        resources=_resources(content.resources),
    )


def _resources(wanted: JobResources) -> pb.JobResources:
    return pb.JobResources(
        batch_queue=wanted.batch_queue,
        allocation=wanted.allocation,
        node_count=wanted.node_count,
        cpu_count=wanted.cpu_count,
        memory_mib=wanted.memory_mib,
        wall_time=_duration(wanted.wall_time_s) if wanted.wall_time_s else None,
        gpu_count=wanted.gpu_count,
    )


def _stage_out(content: StageOut) -> pb.DataStagingOut:
    return pb.DataStagingOut(
        output=content.output,
        source=content.source.value,  # type: ignore[arg-type]
        path=content.path,
        job_task_id=content.job_task_id,
        file_name=content.file_name,
        required=content.required,
    )


def _environment(variables: Iterable[tuple[str, str]]) -> list[pb.EnvironmentVariable]:
    return [pb.EnvironmentVariable(name=name, value=value) for name, value in variables]


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration
