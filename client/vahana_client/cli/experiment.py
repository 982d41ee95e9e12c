"""vahana experiment run, create, launch, watch, show, list, outputs, logs, events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vahana.experiment.v1 import experiment_pb2 as pb
from vahana_client.cli import experiment_views as views
from vahana_client.cli.context import context
from vahana_client.cli.errors import ExitCode
from vahana_client.cli.experiment_actions import create as create_experiment
from vahana_client.cli.experiment_actions import download_outputs, print_log
from vahana_client.cli.experiment_actions import launch as launch_experiment
from vahana_client.cli.histories import check_histories
from vahana_client.cli.output import Format, Output, emit_rows, out
from vahana_client.cli.watch import follow
from vahana_client.connection import every

cli = typer.Typer(help="Experiments: run an application with inputs, and get its outputs.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A YAML file; the paths of its inputs are relative to it.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The experiment's id.")]


@cli.command()
def run(ctx: typer.Context, file: File, output: Output = Format.TABLE) -> None:
    """Create an experiment, launch it and follow it to its end."""
    with context(ctx).connect() as connection:
        created = create_experiment(connection, file)
        launch_experiment(connection, created.experiment_id)
        if output is Format.TABLE:
            out().print(f"experiment {created.experiment_id} LAUNCHED")
        code = follow(connection, created.experiment_id, output)
    raise typer.Exit(code)


@cli.command()
def create(ctx: typer.Context, file: File, output: Output = Format.TABLE) -> None:
    """Create an experiment without launching it."""
    with context(ctx).connect() as connection:
        created = create_experiment(connection, file)
    views.emit_experiment(output, created)


@cli.command()
def launch(ctx: typer.Context, experiment_id: Id, output: Output = Format.TABLE) -> None:
    """Launch an experiment and return at once."""
    with context(ctx).connect() as connection:
        launched = launch_experiment(connection, experiment_id)
    views.emit_experiment(output, launched)


@cli.command()
def watch(ctx: typer.Context, experiment_id: Id, output: Output = Format.TABLE) -> None:
    """Follow an experiment to its end; exits with 1 where that is not COMPLETED."""
    with context(ctx).connect() as connection:
        code = follow(connection, experiment_id, output)
    raise typer.Exit(code)


@cli.command()
def show(ctx: typer.Context, experiment_id: Id, output: Output = Format.TABLE) -> None:
    """Show an experiment, its process and its tasks as they stand."""
    with context(ctx).connect() as connection:
        found = connection.experiments.GetExperiment(pb.GetExperimentRequest(experiment_id=experiment_id))
    views.emit_whole(output, found)


@cli.command("list")
def list_(  # noqa: PLR0917 (the command line's options)
    ctx: typer.Context,
    project: Annotated[str, typer.Option(help="Only those of this project.")] = "",
    state: Annotated[
        list[str] | None, typer.Option(help="Only those in this state; may be given several times.")
    ] = None,
    owner: Annotated[str, typer.Option(help="Only those of this user.")] = "",
    tag: Annotated[str, typer.Option(help="Only those with this tag.")] = "",
    application: Annotated[str, typer.Option(help="Only those of this application.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """List experiments, the newest first."""
    request = pb.ListExperimentsRequest(
        project=project, states=views.states(state or []), owner=owner, tag=tag, application=application
    )

    def page(token: str) -> pb.ListExperimentsResponse:
        request.page_token = token
        return connection.experiments.ListExperiments(request)

    with context(ctx).connect() as connection:
        rows = every(
            page,
            lambda page: page.experiments,
        )
        emit_rows(output, rows, views.EXPERIMENTS, "no experiment yet; `vahana experiment run FILE` runs one")


@cli.command()
def outputs(
    ctx: typer.Context,
    experiment_id: Id,
    download: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the files into this directory.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """List the outputs of an experiment, or download them."""
    with context(ctx).connect() as connection:
        listed = connection.experiments.ListOutputs(pb.ListOutputsRequest(experiment_id=experiment_id)).outputs
        paths = download_outputs(connection, experiment_id, listed, download) if download else {}
    views.emit_outputs(output, listed, paths)


@cli.command()
def logs(
    ctx: typer.Context,
    experiment_id: Id,
    stderr: Annotated[bool, typer.Option("--stderr", help="Standard error in place of standard output.")] = False,
) -> None:
    """Print what the job wrote to its standard output."""
    with context(ctx).connect() as connection:
        print_log(connection, experiment_id, stderr=stderr)
    raise typer.Exit(ExitCode.OK)


@cli.command()
def events(
    ctx: typer.Context,
    experiment_id: Id,
    check: Annotated[
        bool,
        typer.Option("--check", help="Say instead of each process whether anything is missing; exits with 1 if so."),
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """List every recorded change of an experiment's latest process, the oldest first."""
    with context(ctx).connect() as connection:
        if check:
            raise typer.Exit(check_histories(connection, experiment_id, output))
        rows = every(
            lambda token: connection.experiments.ListExperimentEvents(
                pb.ListExperimentEventsRequest(experiment_id=experiment_id, page_size=500, page_token=token)
            ),
            lambda page: page.events,
        )
        emit_rows(output, rows, views.EVENTS, "nothing has happened yet")
