"""Application deployments on the wire."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration

from services.chassis.clock import to_timestamp
from services.registry.domain.deployments import Deployment, Variable
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
        command_timeout_us=sent.command_timeout.seconds * 1_000_000 + sent.command_timeout.nanos // 1_000,
        rerun_safe=sent.rerun_safe,
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
        command_timeout=_duration(stored.command_timeout_us),
        rerun_safe=stored.rerun_safe,
        create_time=to_timestamp(stored.create_time_us),
        revision=stored.revision,
    )


def _commands(stored: Sequence[Sequence[str]]) -> list[task_pb2.Command]:
    return [task_pb2.Command(arguments=words) for words in stored]


def _duration(us: int) -> Duration | None:
    """No duration where none was given: the reader's default holds."""
    if not us:
        return None
    seconds, rest = divmod(us, 1_000_000)
    return Duration(seconds=seconds, nanos=rest * 1_000)
