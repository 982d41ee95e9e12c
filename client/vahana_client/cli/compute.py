"""vahana compute add, list, show, update, check, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from vahana.event.v1 import task_pb2
from vahana.executor.v1 import executor_pb2
from vahana.profile.v1 import credential_pb2
from vahana.registry.v1 import compute_resource_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError, ExitCode
from vahana_client.cli.output import Columns, Format, Output, emit_data, emit_one, emit_rows, moment, plain, short
from vahana_client.connection import every, new_request_id

cli = typer.Typer(help="Hosts and clusters on which experiments run.", no_args_is_help=True)

_CHECK_SECONDS = 90.0

_COLUMNS: Columns = {
    "NAME": lambda one: one.name,
    "HOST": lambda one: f"{one.login}@{one.address}:{one.port}",
    "JOB MANAGER": lambda one: short(task_pb2.JobManager, one.job_manager),
    "SCRATCH": lambda one: one.scratch,
    "DESCRIPTION": lambda one: one.description,
}

_FINDINGS: Columns = {
    "CHECK": lambda one: one.check,
    "PASSED": lambda one: "yes" if one.passed else "no",
    "FOUND": lambda one: one.detail,
}


@cli.command()
def add(  # noqa: PLR0917 (the command line's options)
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for it: lower-case letters, digits, dots, hyphens.")],
    address: Annotated[str, typer.Option(help="Host name or IP address of its SSH server.")],
    login: Annotated[str, typer.Option(help="The user to log in as.")],
    credential: Annotated[str, typer.Option(help="The credential to log in with, by its name or id.")],
    scratch: Annotated[str, typer.Option(help="Absolute path under which experiments run.")],
    host_key: Annotated[
        list[str] | None,
        typer.Option(help='A key of the host, "ssh-ed25519 AAAA…"; may be given several times.', show_default=False),
    ] = None,
    host_key_file: Annotated[
        Path | None, typer.Option(help="A file of keys, in the form of ssh-keyscan's output or a .pub file.")
    ] = None,
    port: Annotated[int, typer.Option(help="TCP port of its SSH server.")] = 22,
    job_manager: Annotated[str, typer.Option(help="FORK: no batch scheduler.")] = "FORK",
    queue: Annotated[
        list[str] | None, typer.Option(help="A batch queue; may be given several times.", show_default=False)
    ] = None,
    description: Annotated[str, typer.Option(help="What people should know of it.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Register a compute resource."""
    if f"JOB_MANAGER_{job_manager.upper()}" not in task_pb2.JobManager.keys() or job_manager.upper() == "UNSPECIFIED":  # noqa: SIM118
        known = ", ".join(short(task_pb2.JobManager, number) for number in task_pb2.JobManager.values() if number)
        raise BadInputError(f"no such job manager: {job_manager}; known are {known}")
    resource = pb.ComputeResource(
        name=name,
        description=description,
        address=address,
        port=port,
        host_keys=[*(host_key or []), *(_read_keys(host_key_file) if host_key_file else [])],
        login=login,
        scratch=scratch,
        job_manager=task_pb2.JobManager.Value(f"JOB_MANAGER_{job_manager.upper()}"),
        batch_queues=[pb.BatchQueue(name=one) for one in queue or []],
    )
    with context(ctx).connect() as connection:
        named = credential_pb2.GetCredentialRequest(credential=credential)
        resource.credential_id = connection.credentials.GetCredential(named).credential.credential_id
        request = pb.CreateComputeResourceRequest(compute_resource=resource, request_id=new_request_id())
        created = connection.compute_resources.CreateComputeResource(request).compute_resource
    _emit(output, created)


@cli.command("list")
def list_(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """List the compute resources."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.compute_resources.ListComputeResources(
                pb.ListComputeResourcesRequest(page_token=token)
            ),
            lambda page: page.compute_resources,
        )
        emit_rows(output, rows, _COLUMNS, "no compute resource yet; `vahana compute add` registers one")


@cli.command()
def show(ctx: typer.Context, name: str, output: Output = Format.TABLE) -> None:
    """Show one compute resource."""
    with context(ctx).connect() as connection:
        found = connection.compute_resources.GetComputeResource(pb.GetComputeResourceRequest(name=name))
    _emit(output, found.compute_resource)


@cli.command()
def update(  # noqa: PLR0917 (the command line's options)
    ctx: typer.Context,
    name: str,
    restricted: Annotated[
        bool | None,
        typer.Option("--restricted/--open", help="Whether a group resource profile has to let somebody use it."),
    ] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Whether nothing may be launched on it.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What people should know of it.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Change who may use a compute resource; what runs on it goes on."""
    options = {"restricted": restricted, "disabled": disabled, "description": description}
    changing = [field for field, value in options.items() if value is not None]
    if not changing:
        raise BadInputError("nothing to change: say --restricted, --open, --disabled, --enabled or --description")
    changed = pb.ComputeResource(
        name=name, restricted=bool(restricted), disabled=bool(disabled), description=description or ""
    )
    request = pb.UpdateComputeResourceRequest(compute_resource=changed, update_mask=FieldMask(paths=changing))
    with context(ctx).connect() as connection:
        _emit(output, connection.compute_resources.UpdateComputeResource(request).compute_resource)


@cli.command()
def check(ctx: typer.Context, name: str, output: Output = Format.TABLE) -> None:
    """Connect to a compute resource and report what is found; exits with 1 where a check does not pass."""
    request = executor_pb2.CheckComputeResourceRequest(compute_resource=name)
    with context(ctx).connect() as connection:
        report = connection.executors.CheckComputeResource(request, timeout=_CHECK_SECONDS).report
    if output is Format.TABLE:
        emit_rows(output, report.findings, _FINDINGS, "nothing was found out")
    else:
        emit_data(output, plain(report))
    raise typer.Exit(ExitCode.OK if report.passed else ExitCode.FAILED)


@cli.command()
def delete(ctx: typer.Context, name: str) -> None:
    """Take a compute resource off; refused while applications are deployed on it."""
    with context(ctx).connect() as connection:
        connection.compute_resources.DeleteComputeResource(pb.DeleteComputeResourceRequest(name=name))


def _emit(output: Format, one: pb.ComputeResource) -> None:
    facts: list[tuple[str, object]] = [
        ("name", one.name),
        ("description", one.description),
        ("host", f"{one.login}@{one.address}:{one.port}"),
        *(("host key", key) for key in one.host_keys),
        ("credential", one.credential_id),
        ("scratch", one.scratch),
        ("job manager", short(task_pb2.JobManager, one.job_manager)),
        ("queues", ", ".join(queue.name for queue in one.batch_queues)),
        ("open to", "nobody" if one.disabled else "groups with a profile" if one.restricted else "everybody"),
        ("registered", moment(one.create_time)),
    ]
    emit_one(output, one, facts)


def _read_keys(path: Path) -> list[str]:
    """Returns "type key" from lines like "[host]:22 ssh-ed25519 AAAA… comment", with or without host and comment."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"cannot read {path}: {error}") from error
    keys = []
    for words in (line.split() for line in lines if line.strip() and not line.startswith("#")):
        start = next((n for n, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-"))), None)
        if start is None or len(words) < start + 2:
            raise BadInputError(f"{path}: no host key in the line {' '.join(words)!r}")
        keys.append(f"{words[start]} {words[start + 1]}")
    return keys
