"""What the experiment service asks of the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import grpc

from services.chassis.errors import NotFound
from services.chassis.rpc.client import call_metadata, translate
from services.experiment.domain.facts import (
    Application,
    ComputeResource,
    DataType,
    Deployment,
    InputDefinition,
    Interface,
    OutputDefinition,
)
from vahana.registry.v1 import application_pb2, application_pb2_grpc, compute_resource_pb2, compute_resource_pb2_grpc

REGISTRY = "registry"
_SECONDS = 10.0
_DEFAULT_COMMAND_TIMEOUT = 3600.0

Answer = TypeVar("Answer")


class RegistryCatalog:
    """The catalog as the registry answers it."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Ask over `channel`."""
        self._applications = application_pb2_grpc.ApplicationServiceStub(channel)
        self._compute_resources = compute_resource_pb2_grpc.ComputeResourceServiceStub(channel)

    def application(self, tenant: str, name: str, version: str) -> Application | None:
        """See facts.Catalog."""
        request = application_pb2.GetApplicationRequest(name=name, version=version)
        response = _found(
            lambda: self._applications.GetApplication(request, timeout=_SECONDS, metadata=tuple(call_metadata(tenant)))
        )
        return _application(response.application) if response else None

    def compute_resource(self, tenant: str, name: str) -> ComputeResource | None:
        """See facts.Catalog."""
        request = compute_resource_pb2.GetComputeResourceRequest(name=name)
        response = _found(
            lambda: self._compute_resources.GetComputeResource(
                request, timeout=_SECONDS, metadata=tuple(call_metadata(tenant))
            )
        )
        return _compute_resource(response.compute_resource) if response else None


def _found(ask: Callable[[], Answer]) -> Answer | None:
    try:
        with translate(REGISTRY):
            return ask()
    except NotFound:
        return None


def _application(message: application_pb2.Application) -> Application:
    return Application(
        name=message.module.name,
        version=message.module.version,
        interface=_interface(message.interface) if message.HasField("interface") else None,
        deployments=tuple(_deployment(each) for each in message.deployments),
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
        command_timeout=message.command_timeout.ToTimedelta().total_seconds() or _DEFAULT_COMMAND_TIMEOUT,
        rerun_safe=message.rerun_safe,
    )


def _compute_resource(message: compute_resource_pb2.ComputeResource) -> ComputeResource:
    return ComputeResource(
        name=message.name,
        address=message.address,
        port=message.port,
        login=message.login,
        credential_id=message.credential_id,
        scratch=message.scratch,
        job_manager=message.job_manager,
        host_keys=tuple(message.host_keys),
        batch_queues=tuple(each.name for each in message.batch_queues),
    )
