"""Applications on the wire: modules, interfaces, and both with their deployments."""

from services.chassis.clock import to_timestamp
from services.registry.domain.applications import Application, Module
from services.registry.domain.interfaces import Input, Interface, Output
from services.registry.domain.values import DataType
from services.registry.wire import deployments
from vahana.registry.v1 import application_pb2 as pb


def module_from_message(sent: pb.ApplicationModule) -> Module:
    """A module as a caller describes it; what the service sets itself is left out."""
    return Module(sent.name, sent.version, sent.description, sent.retired)


def module_to_message(stored: Module) -> pb.ApplicationModule:
    """A stored module as callers see it."""
    return pb.ApplicationModule(
        name=stored.name,
        version=stored.version,
        description=stored.description,
        create_time=to_timestamp(stored.create_time_us),
        retired=stored.retired,
        revision=stored.revision,
    )


def interface_from_message(sent: pb.ApplicationInterface) -> Interface:
    """An interface as a caller describes it."""
    return Interface(tuple(map(_input, sent.inputs)), tuple(map(_output, sent.outputs)))


def interface_to_message(stored: Interface) -> pb.ApplicationInterface:
    """A stored interface as callers see it."""
    return pb.ApplicationInterface(
        inputs=map(_input_message, stored.inputs), outputs=map(_output_message, stored.outputs)
    )


def to_message(stored: Application) -> pb.Application:
    """A stored application, whole, as callers see it."""
    return pb.Application(
        module=module_to_message(stored.module),
        interface=interface_to_message(stored.interface) if stored.interface else None,
        deployments=map(deployments.to_message, stored.deployments),
    )


def _input(sent: pb.ApplicationInput) -> Input:
    return Input(
        name=sent.name,
        description=sent.description,
        type=_type(sent.type),
        required=sent.required,
        default_value=sent.default_value if sent.HasField("default_value") else None,
        choices=tuple(sent.choices),
        on_command_line=sent.on_command_line,
        option=sent.option,
    )


def _input_message(stored: Input) -> pb.ApplicationInput:
    return pb.ApplicationInput(
        name=stored.name,
        description=stored.description,
        type=_type_number(stored.type),
        required=stored.required,
        default_value=stored.default_value,
        choices=stored.choices,
        on_command_line=stored.on_command_line,
        option=stored.option,
    )


def _output(sent: pb.ApplicationOutput) -> Output:
    return Output(
        name=sent.name,
        description=sent.description,
        type=_type(sent.type),
        required=sent.required,
        file=sent.file,
        on_command_line=sent.on_command_line,
        option=sent.option,
    )


def _output_message(stored: Output) -> pb.ApplicationOutput:
    return pb.ApplicationOutput(
        name=stored.name,
        description=stored.description,
        type=_type_number(stored.type),
        required=stored.required,
        file=stored.file,
        on_command_line=stored.on_command_line,
        option=stored.option,
    )


def _type(number: pb.DataType.ValueType) -> DataType:
    return DataType(pb.DataType.Name(number).removeprefix("DATA_TYPE_"))


def _type_number(kind: DataType) -> pb.DataType.ValueType:
    return pb.DataType.Value(f"DATA_TYPE_{kind}")
