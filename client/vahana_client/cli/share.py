"""vahana share add, remove, list."""

from __future__ import annotations

from typing import Annotated

import typer

from vahana.experiment.v1 import sharing_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_rows, moment, short
from vahana_client.connection import every

cli = typer.Typer(help="Who else may see and use projects and experiments.", no_args_is_help=True)

Project = Annotated[str, typer.Option(help="A project, with all experiments in it.")]
Experiment = Annotated[str, typer.Option(metavar="ID", help="One experiment.")]
User = Annotated[str, typer.Option(help="With this user.")]
Group = Annotated[str, typer.Option(help="With all who are in this group.")]

_COLUMNS: Columns = {
    "OF": lambda one: one.entity.project or one.entity.experiment_id,
    "WITH": lambda one: one.grantee.user or one.grantee.group,
    "KIND": lambda one: one.grantee.WhichOneof("grantee"),
    "PERMISSION": lambda one: short(pb.Permission, one.permission),
    "GIVEN BY": lambda one: one.granter,
    "SINCE": lambda one: moment(one.create_time),
}


@cli.command()
def add(  # noqa: PLR0917 (the command line's options)
    ctx: typer.Context,
    project: Project = "",
    experiment: Experiment = "",
    user: User = "",
    group: Group = "",
    permission: Annotated[str, typer.Option(help="read, write or manage_sharing.")] = "read",
) -> None:
    """Let a user or a group see (read), use (write) or share a project or an experiment."""
    wanted = f"PERMISSION_{permission.upper()}"
    if wanted not in pb.Permission.keys():  # noqa: SIM118
        raise BadInputError(f"no such permission: {permission!r}; there are read, write and manage_sharing")
    request = pb.ShareEntityRequest(
        entity=_entity(project, experiment), grantee=_grantee(user, group), permission=pb.Permission.Value(wanted)
    )
    with context(ctx).connect() as connection:
        connection.sharing.ShareEntity(request)


@cli.command()
def remove(
    ctx: typer.Context, project: Project = "", experiment: Experiment = "", user: User = "", group: Group = ""
) -> None:
    """Take back what a user or a group was let to do."""
    request = pb.UnshareEntityRequest(entity=_entity(project, experiment), grantee=_grantee(user, group))
    with context(ctx).connect() as connection:
        connection.sharing.UnshareEntity(request)


@cli.command("list")
def list_(
    ctx: typer.Context, project: Project = "", experiment: Experiment = "", output: Output = Format.TABLE
) -> None:
    """List with whom a project or an experiment is shared."""
    entity = _entity(project, experiment)
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.sharing.ListShares(pb.ListSharesRequest(entity=entity, page_token=token)),
            lambda page: page.shares,
        )
        emit_rows(output, rows, _COLUMNS, "shared with nobody; `vahana share add` shares it")


def _entity(project: str, experiment: str) -> pb.EntityName:
    if bool(project) == bool(experiment):
        raise BadInputError("name one of --project and --experiment")
    return pb.EntityName(project=project) if project else pb.EntityName(experiment_id=experiment)


def _grantee(user: str, group: str) -> pb.Grantee:
    if bool(user) == bool(group):
        raise BadInputError("name one of --user and --group")
    return pb.Grantee(user=user) if user else pb.Grantee(group=group)
