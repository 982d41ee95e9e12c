"""vahana project create, list."""

from __future__ import annotations

from typing import Annotated

import typer

from vahana.experiment.v1 import project_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows, moment
from vahana_client.connection import every, new_request_id

cli = typer.Typer(help="Projects, which hold experiments.", no_args_is_help=True)

_COLUMNS: Columns = {
    "NAME": lambda one: one.name,
    "OWNER": lambda one: one.owner,
    "CREATED": lambda one: moment(one.create_time),
    "DESCRIPTION": lambda one: one.description,
}


@cli.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for it.")],
    description: Annotated[str, typer.Option(help="What people should know of it.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Create a project."""
    request = pb.CreateProjectRequest(
        project=pb.Project(name=name, description=description), request_id=new_request_id()
    )
    with context(ctx).connect() as connection:
        project = connection.projects.CreateProject(request).project
    emit_one(output, project, [("project", project.name), ("owner", project.owner)])


@cli.command("list")
def list_(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """List the projects."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.projects.ListProjects(pb.ListProjectsRequest(page_token=token)),
            lambda page: page.projects,
        )
        emit_rows(output, rows, _COLUMNS, "no project yet; `vahana project create` makes one")
