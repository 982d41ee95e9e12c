"""vahana app register, list."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import grpc
import typer
from google.protobuf.message import Message

from vahana.registry.v1 import application_pb2 as pb
from vahana_client.cli.application_file import ApplicationFile, read_application
from vahana_client.cli.context import context
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows
from vahana_client.connection import Connection, every

cli = typer.Typer(help="Applications: what can be run, with which inputs and outputs, and where.", no_args_is_help=True)

_COLUMNS: Columns = {
    "NAME": lambda one: one.module.name,
    "VERSION": lambda one: one.module.version,
    "INPUTS": lambda one: ", ".join(each.name for each in one.interface.inputs),
    "OUTPUTS": lambda one: ", ".join(each.name for each in one.interface.outputs),
    "DEPLOYED ON": lambda one: ", ".join(each.compute_resource for each in one.deployments),
    "DESCRIPTION": lambda one: one.module.description,
}


@cli.command()
def register(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A YAML file with module, interface and deployments.")],
    version: Annotated[str, typer.Option(help="Register it as this version, whatever the file says.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Register an application; doing so again with the same file changes nothing."""
    described = read_application(file, version)
    with context(ctx).connect() as connection:
        _register(connection, described)
        name, registered = described.module.name, described.module.version
        found = connection.applications.GetApplication(pb.GetApplicationRequest(name=name, version=registered))
    hosts = ", ".join(one.compute_resource for one in found.application.deployments)
    emit_one(output, found.application, [("application", f"{name} {registered}"), ("deployed on", hosts)])


@cli.command("list")
def list_(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """List the applications."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.applications.ListApplications(pb.ListApplicationsRequest(page_token=token)),
            lambda page: page.applications,
        )
        emit_rows(output, rows, _COLUMNS, "no application yet; `vahana app register` adds one")


def _register(connection: Connection, file: ApplicationFile) -> None:
    name, version = file.module.name, file.module.version
    module = pb.CreateApplicationModuleRequest(module=file.module)
    module.request_id = _request_id(module)
    _once(
        lambda: connection.applications.CreateApplicationModule(module),
        lambda: _same(_get(connection, name, version).module, file.module),
    )
    interface = pb.CreateApplicationInterfaceRequest(name=name, version=version, interface=file.interface)
    interface.request_id = _request_id(interface)
    _once(
        lambda: connection.applications.CreateApplicationInterface(interface),
        lambda: _same(_get(connection, name, version).interface, file.interface),
    )
    for one in file.deployments:
        _deploy(connection, name, version, one)


def _deploy(connection: Connection, name: str, version: str, wanted: pb.ApplicationDeployment) -> None:
    request = pb.CreateApplicationDeploymentRequest(name=name, version=version, deployment=wanted)
    request.request_id = _request_id(request)
    _once(
        lambda: connection.applications.CreateApplicationDeployment(request),
        lambda: any(_same(found, wanted) for found in _get(connection, name, version).deployments),
    )


def _once(create: Callable[[], object], there_already: Callable[[], bool]) -> None:
    """Creates something, unless the very same thing exists."""
    try:
        create()
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS or not there_already():
            raise


def _get(connection: Connection, name: str, version: str) -> pb.Application:
    return connection.applications.GetApplication(pb.GetApplicationRequest(name=name, version=version)).application


def _same(stored: Message, wanted: Message) -> bool:
    """Compares leaving aside what the registry sets itself."""
    copy = type(stored)()
    copy.CopyFrom(stored)
    for field in ("create_time", "revision"):
        if field in copy.DESCRIPTOR.fields_by_name:
            copy.ClearField(field)
    return copy == wanted


def _request_id(request: Message) -> str:
    """An id that follows from the content, so that sending the same content again is a repeat."""
    return f"app-{hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()}"
