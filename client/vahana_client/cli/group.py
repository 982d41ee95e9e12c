"""vahana group create, list, members, add, remove, delete."""

from __future__ import annotations

from typing import Annotated

import typer

from vahana.profile.v1 import group_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows, moment
from vahana_client.connection import every, new_request_id

cli = typer.Typer(help="Groups of users and of other groups.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.")]
User = Annotated[str, typer.Option("--user", help="A user's name.")]
Group = Annotated[str, typer.Option("--group", help="Another group's name: all who are in it.")]

_COLUMNS: Columns = {
    "NAME": lambda one: one.name,
    "FULL NAME": lambda one: one.display_name,
    "OWNER": lambda one: one.owner,
    "CREATED": lambda one: moment(one.create_time),
}
_MEMBERS: Columns = {
    "MEMBER": lambda one: one.user or one.member_group,
    "KIND": lambda one: one.WhichOneof("member").removeprefix("member_"),
    "SINCE": lambda one: moment(one.create_time),
}


@cli.command()
def create(
    ctx: typer.Context,
    name: Name,
    full_name: Annotated[str, typer.Option(help="The name for people.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Create an empty group, which you own."""
    request = pb.CreateGroupRequest(name=name, display_name=full_name, request_id=new_request_id())
    with context(ctx).connect() as connection:
        group = connection.groups.CreateGroup(request).group
    emit_one(output, group, [("group", group.name), ("owner", group.owner)])


@cli.command("list")
def list_(
    ctx: typer.Context,
    user: Annotated[str, typer.Option(help="Only those this user is in, also through other groups.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """List the groups."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.groups.ListGroups(pb.ListGroupsRequest(user=user, page_token=token)),
            lambda page: page.groups,
        )
        emit_rows(output, rows, _COLUMNS, "no group yet; `vahana group create` makes one")


@cli.command()
def members(ctx: typer.Context, name: Name, output: Output = Format.TABLE) -> None:
    """List who is directly in a group."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.groups.ListGroupMembers(pb.ListGroupMembersRequest(group=name, page_token=token)),
            lambda page: page.members,
        )
        emit_rows(output, rows, _MEMBERS, "nobody is in it; `vahana group add` puts someone in")


@cli.command()
def add(ctx: typer.Context, name: Name, user: User = "", group: Group = "") -> None:
    """Put a user or another group into a group."""
    request = pb.AddGroupMemberRequest(group=name, **_member(user, group))
    with context(ctx).connect() as connection:
        connection.groups.AddGroupMember(request)


@cli.command()
def remove(ctx: typer.Context, name: Name, user: User = "", group: Group = "") -> None:
    """Take a user or another group out of a group."""
    request = pb.RemoveGroupMemberRequest(group=name, **_member(user, group))
    with context(ctx).connect() as connection:
        connection.groups.RemoveGroupMember(request)


@cli.command()
def delete(ctx: typer.Context, name: Name) -> None:
    """Remove a group, and what was shared with it."""
    with context(ctx).connect() as connection:
        connection.groups.DeleteGroup(pb.DeleteGroupRequest(name=name))


def _member(user: str, group: str) -> dict[str, str]:
    if bool(user) == bool(group):
        raise BadInputError("name one of --user and --group")
    return {"user": user} if user else {"member_group": group}
