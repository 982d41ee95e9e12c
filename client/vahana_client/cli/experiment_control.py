"""vahana experiment validate, explain, cancel, pause, resume, relaunch, clone, tag."""

from __future__ import annotations

from typing import Annotated

import typer

from vahana.experiment.v1 import experiment_pb2 as pb
from vahana_client.cli import experiment_views as views
from vahana_client.cli.context import context
from vahana_client.cli.errors import ExitCode
from vahana_client.cli.output import Format, Output
from vahana_client.connection import new_request_id

Id = Annotated[str, typer.Argument(metavar="ID", help="The experiment's id.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why, for people.")]

_CHECK_SECONDS = 90.0


def register(cli: typer.Typer) -> None:
    """Add the commands to those of `vahana experiment`."""
    for command in (validate, explain, cancel, pause, resume, relaunch, clone, tag):
        cli.command()(command)


def validate(
    ctx: typer.Context,
    experiment_id: Id,
    check_host: Annotated[bool, typer.Option("--check-host", help="Connect to the host and check it, too.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show what a launch would do, without doing it; exits with 1 where a rule or the host would not let it pass."""
    request = pb.ValidateExperimentRequest(experiment_id=experiment_id, check_compute_resource=check_host)
    with context(ctx).connect() as connection:
        found = connection.experiments.ValidateExperiment(request, timeout=_CHECK_SECONDS)
    views.emit_validation(output, found)
    healthy = not check_host or found.compute_resource_report.passed
    passes = healthy and all(verdict.allowed for verdict in found.verdicts)
    raise typer.Exit(ExitCode.OK if passes else ExitCode.FAILED)


def explain(ctx: typer.Context, experiment_id: Id, output: Output = Format.TABLE) -> None:
    """Say what an experiment waits for, since when, and what happens next."""
    with context(ctx).connect() as connection:
        found = connection.experiments.ExplainExperiment(pb.ExplainExperimentRequest(experiment_id=experiment_id))
    views.emit_explanation(output, found)


def cancel(ctx: typer.Context, experiment_id: Id, comment: Comment = "", output: Output = Format.TABLE) -> None:
    """End an experiment with its jobs; `vahana experiment watch` tells when that is done."""
    with context(ctx).connect() as connection:
        request = pb.CancelExperimentRequest(experiment_id=experiment_id, comment=comment)
        views.emit_experiment(output, connection.experiments.CancelExperiment(request).experiment)


def pause(ctx: typer.Context, experiment_id: Id, comment: Comment = "", output: Output = Format.TABLE) -> None:
    """Let what is under way end, and begin nothing new."""
    with context(ctx).connect() as connection:
        request = pb.PauseExperimentRequest(experiment_id=experiment_id, comment=comment)
        views.emit_experiment(output, connection.experiments.PauseExperiment(request).experiment)


def resume(ctx: typer.Context, experiment_id: Id, comment: Comment = "", output: Output = Format.TABLE) -> None:
    """Let a paused experiment go on."""
    with context(ctx).connect() as connection:
        request = pb.ResumeExperimentRequest(experiment_id=experiment_id, comment=comment)
        views.emit_experiment(output, connection.experiments.ResumeExperiment(request).experiment)


def relaunch(ctx: typer.Context, experiment_id: Id, output: Output = Format.TABLE) -> None:
    """Launch an experiment that has ended once more, as a new process."""
    with context(ctx).connect() as connection:
        request = pb.RelaunchExperimentRequest(experiment_id=experiment_id, request_id=new_request_id())
        views.emit_experiment(output, connection.experiments.RelaunchExperiment(request).experiment)


def clone(
    ctx: typer.Context,
    experiment_id: Id,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    project: Annotated[str, typer.Option(help="Another project.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Create a new experiment that asks for the same."""
    request = pb.CloneExperimentRequest(
        experiment_id=experiment_id, name=name, project=project, request_id=new_request_id()
    )
    with context(ctx).connect() as connection:
        views.emit_experiment(output, connection.experiments.CloneExperiment(request).experiment)


def tag(
    ctx: typer.Context,
    experiment_id: Id,
    tags: Annotated[list[str] | None, typer.Argument(help="The tags it shall have; none takes all away.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Give an experiment tags, in place of those it has."""
    request = pb.UpdateExperimentRequest(experiment_id=experiment_id, spec=pb.ExperimentSpec(tags=tags or []))
    request.update_mask.paths.append("tags")
    with context(ctx).connect() as connection:
        views.emit_experiment(output, connection.experiments.UpdateExperiment(request).experiment)
