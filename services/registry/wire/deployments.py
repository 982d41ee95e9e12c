"""Application deployments on the wire."""

from collections.abc import Sequence

from services.chassis.clock import to_timestamp
from services.registry.domain.deployments import Deployment, Parallelism, Variable
from services.registry.domain.job_resources import NO_RESOURCES, JobResources
from services.registry.wire.durations import from_duration, to_duration
from vahana.event.v1 import task_pb2
from vahana.registry.v1 import application_pb2 as pb


def from_message(sent: pb.ApplicationDeployment) -> Deployment:
    """A deployment as a caller describes it; what the service sets itself is left out."""
    return Deployment(
        compute_resource=sent.compute_resource,
        executable=sent.executable,
        arguments=tuple(sent.arguments),
        module_loads=tuple(sent.module_loads),
        environment=tuple(Variable(variable.name, variable.value) for variable in sent.environment),
        pre_job_commands=tuple(tuple(command.arguments) for command in sent.pre_job_commands),
        post_job_commands=tuple(tuple(command.arguments) for command in sent.post_job_commands),
        command_timeout_us=from_duration(sent.command_timeout),
        rerun_safe=sent.rerun_safe,
        parallelism=_parallelism(sent.parallelism),
        launcher=tuple(sent.launcher),
        default_resources=_resources(sent.default_resources),
    )


def to_message(stored: Deployment) -> pb.ApplicationDeployment:
    """A stored deployment as callers see it."""
    return pb.ApplicationDeployment(
        compute_resource=stored.compute_resource,
        executable=stored.executable,
        arguments=stored.arguments,
        module_loads=stored.module_loads,
        environment=[
            task_pb2.EnvironmentVariable(name=variable.name, value=variable.value) for variable in stored.environment
        ],
        pre_job_commands=_commands(stored.pre_job_commands),
        post_job_commands=_commands(stored.post_job_commands),
        command_timeout=to_duration(stored.command_timeout_us),
        rerun_safe=stored.rerun_safe,
        parallelism=task_pb2.Parallelism.Value(f"PARALLELISM_{stored.parallelism}"),
        launcher=stored.launcher,
        default_resources=_resources_message(stored.default_resources),
        create_time=to_timestamp(stored.create_time_us),
        revision=stored.revision,
    )


def _commands(stored: Sequence[Sequence[str]]) -> list[task_pb2.Command]:
    return [task_pb2.Command(arguments=words) for words in stored]


def _parallelism(number: task_pb2.Parallelism.ValueType) -> Parallelism:
    if number == task_pb2.PARALLELISM_UNSPECIFIED:
        return Parallelism.SERIAL
    return Parallelism(task_pb2.Parallelism.Name(number).removeprefix("PARALLELISM_"))


def _resources(sent: task_pb2.JobResources) -> JobResources:
    return JobResources(
        batch_queue=sent.batch_queue,
        allocation=sent.allocation,
        node_count=sent.node_count,
        cpu_count=sent.cpu_count,
        memory_mib=sent.memory_mib,
        wall_time_us=from_duration(sent.wall_time),
        gpu_count=sent.gpu_count,
    )


def _resources_message(stored: JobResources) -> task_pb2.JobResources | None:
    if stored == NO_RESOURCES:
        return None
    return task_pb2.JobResources(
        batch_queue=stored.batch_queue,
        allocation=stored.allocation,
        node_count=stored.node_count,
        cpu_count=stored.cpu_count,
        memory_mib=stored.memory_mib,
        wall_time=to_duration(stored.wall_time_us),
        gpu_count=stored.gpu_count,
    )
