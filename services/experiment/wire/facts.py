"""What the registry knows, from its messages."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.duration_pb2 import Duration

from services.experiment.domain.facts import (
    Application,
    BatchQueue,
    ComputeResource,
    DataType,
    Deployment,
    GroupResourceProfile,
    InputDefinition,
    Interface,
    JobResources,
    Limits,
    LoginPreference,
    OutputDefinition,
    Parallelism,
    ResourceGrant,
)
from vahana.event.v1 import task_pb2
from vahana.registry.v1 import application_pb2, compute_resource_pb2, group_resource_profile_pb2

_DEFAULT_COMMAND_TIMEOUT = 3600.0


class _Limited(Protocol):
    """A message with limits."""

    max_node_count: int
    max_cpu_count: int
    max_memory_mib: int
    max_gpu_count: int

    @property
    def max_wall_time(self) -> Duration: ...


def application(
    message: application_pb2.Application, deployments: list[application_pb2.ApplicationDeployment]
) -> Application:
    """An application with its deployments, which are entities of their own."""
    return Application(
        name=message.module.name,
        version=message.module.version,
        interface=_interface(message.interface) if message.HasField("interface") else None,
        deployments=tuple(_deployment(each) for each in sorted(deployments, key=lambda each: each.compute_resource)),
        revision=message.module.revision,
        retired=message.module.retired,
    )


def compute_resource(message: compute_resource_pb2.ComputeResource) -> ComputeResource:
    """A compute resource."""
    return ComputeResource(
        name=message.name,
        address=message.address,
        port=message.port,
        login=message.login,
        credential_id=message.credential_id,
        scratch=message.scratch,
        job_manager=message.job_manager,
        host_keys=tuple(message.host_keys),
        queues=tuple(BatchQueue(each.name, _limits(each), each.default_queue) for each in message.batch_queues),
        revision=message.revision,
        restricted=message.restricted,
        disabled=message.disabled,
        login_preferences=tuple(
            LoginPreference(each.group, each.login, each.credential_id, each.scratch)
            for each in message.login_preferences
        ),
    )


def group_resource_profile(message: group_resource_profile_pb2.GroupResourceProfile) -> GroupResourceProfile:
    """A group resource profile."""
    return GroupResourceProfile(
        name=message.name,
        groups=tuple(message.groups),
        grants=tuple(
            ResourceGrant(each.compute_resource, tuple(each.batch_queues), tuple(each.allocations), _limits(each))
            for each in message.grants
        ),
    )


def job_resources(message: task_pb2.JobResources) -> JobResources:
    """What a job asks for."""
    return JobResources(
        batch_queue=message.batch_queue,
        allocation=message.allocation,
        node_count=message.node_count,
        cpu_count=message.cpu_count,
        memory_mib=message.memory_mib,
        wall_time_s=_seconds(message.wall_time),
        gpu_count=message.gpu_count,
    )


def _limits(message: _Limited) -> Limits:
    return Limits(
        node_count=message.max_node_count,
        cpu_count=message.max_cpu_count,
        memory_mib=message.max_memory_mib,
        wall_time_s=_seconds(message.max_wall_time),
        gpu_count=message.max_gpu_count,
    )


def _interface(message: application_pb2.ApplicationInterface) -> Interface:
    return Interface(
        inputs=tuple(_input(each) for each in message.inputs),
        outputs=tuple(_output(each) for each in message.outputs),
    )


def _input(message: application_pb2.ApplicationInput) -> InputDefinition:
    return InputDefinition(
        name=message.name,
        type=DataType(message.type),
        required=message.required,
        default=message.default_value if message.HasField("default_value") else None,
        choices=tuple(message.choices),
        on_command_line=message.on_command_line,
        option=message.option,
    )


def _output(message: application_pb2.ApplicationOutput) -> OutputDefinition:
    return OutputDefinition(
        name=message.name,
        type=DataType(message.type),
        file=message.file,
        required=message.required,
        on_command_line=message.on_command_line,
        option=message.option,
    )


def _deployment(message: application_pb2.ApplicationDeployment) -> Deployment:
    return Deployment(
        compute_resource=message.compute_resource,
        executable=message.executable,
        arguments=tuple(message.arguments),
        module_loads=tuple(message.module_loads),
        environment=tuple((each.name, each.value) for each in message.environment),
        pre_job_commands=tuple(tuple(each.arguments) for each in message.pre_job_commands),
        post_job_commands=tuple(tuple(each.arguments) for each in message.post_job_commands),
        command_timeout=_seconds(message.command_timeout) or _DEFAULT_COMMAND_TIMEOUT,
        rerun_safe=message.rerun_safe,
        revision=message.revision,
        parallelism=Parallelism(message.parallelism),
        launcher=tuple(message.launcher),
        default_resources=job_resources(message.default_resources),
    )


def _seconds(duration: Duration) -> float:
    # Not by ToTimedelta, which refuses what the message can hold.
    return duration.seconds + duration.nanos / 1e9
