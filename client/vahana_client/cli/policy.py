"""vahana policy apply, list, delete: group resource profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import grpc
import typer
from google.protobuf.json_format import ParseDict, ParseError

from vahana.registry.v1 import group_resource_profile_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows
from vahana_client.cli.yaml_file import read_mapping
from vahana_client.connection import Connection, every, new_request_id

cli = typer.Typer(
    help="Group resource profiles: which groups may use which hosts, queues and allocations.", no_args_is_help=True
)

_CHANGING = ("description", "groups", "grants")
_COLUMNS: Columns = {
    "NAME": lambda one: one.name,
    "GROUPS": lambda one: ", ".join(one.groups),
    "COMPUTE RESOURCES": lambda one: ", ".join(grant.compute_resource for grant in one.grants),
    "DESCRIPTION": lambda one: one.description,
}


@cli.command()
def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A YAML file with name, groups and grants.")],
    output: Output = Format.TABLE,
) -> None:
    """Create a group resource profile, or make the one of that name what the file says."""
    wanted = _read(file)
    with context(ctx).connect() as connection:
        applied = _apply(connection, wanted)
    facts = [(title.lower(), cell(applied)) for title, cell in _COLUMNS.items()]
    emit_one(output, applied, facts)


@cli.command("list")
def list_(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """List the group resource profiles."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.group_resource_profiles.ListGroupResourceProfiles(
                pb.ListGroupResourceProfilesRequest(page_token=token)
            ),
            lambda page: page.group_resource_profiles,
        )
        emit_rows(output, rows, _COLUMNS, "no group resource profile yet; `vahana policy apply` makes one")


@cli.command()
def delete(ctx: typer.Context, name: Annotated[str, typer.Argument(help="The profile's name.")]) -> None:
    """Remove a group resource profile; what runs already goes on."""
    with context(ctx).connect() as connection:
        connection.group_resource_profiles.DeleteGroupResourceProfile(pb.DeleteGroupResourceProfileRequest(name=name))


def _read(file: Path) -> pb.GroupResourceProfile:
    try:
        return ParseDict(read_mapping(file), pb.GroupResourceProfile())
    except (ParseError, ValueError) as error:
        raise BadInputError(
            f"{file} does not describe a group resource profile: {str(error).splitlines()[0]}"
        ) from error


def _apply(connection: Connection, wanted: pb.GroupResourceProfile) -> pb.GroupResourceProfile:
    profiles = connection.group_resource_profiles
    try:
        request = pb.CreateGroupResourceProfileRequest(group_resource_profile=wanted, request_id=new_request_id())
        return profiles.CreateGroupResourceProfile(request).group_resource_profile
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise
    update = pb.UpdateGroupResourceProfileRequest(group_resource_profile=wanted)
    update.update_mask.paths.extend(_CHANGING)
    return profiles.UpdateGroupResourceProfile(update).group_resource_profile
