"""Entry point of the `vahana` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vahana_client.cli import (
    app,
    compute,
    credential,
    experiment,
    experiment_control,
    group,
    hold,
    host,
    mesh,
    parked,
    policy,
    project,
    share,
    token,
    user,
)
from vahana_client.cli.context import Context
from vahana_client.cli.errors import EXIT_CODES, CommandError, ExitCode
from vahana_client.cli.output import err, visible
from vahana_client.home import Home

cli = typer.Typer(
    name="vahana",
    help="Run scientific experiments on remote clusters, through a mesh of services.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
mesh.register(cli)
cli.add_typer(compute.cli, name="compute")
cli.add_typer(app.cli, name="app")
cli.add_typer(credential.cli, name="credential")
cli.add_typer(project.cli, name="project")
cli.add_typer(experiment.cli, name="experiment")
experiment_control.register(experiment.cli)
cli.add_typer(share.cli, name="share")
cli.add_typer(user.cli, name="user")
cli.add_typer(group.cli, name="group")
cli.add_typer(token.cli, name="token")
cli.add_typer(policy.cli, name="policy")
cli.add_typer(hold.cli, name="hold")
cli.add_typer(host.cli, name="host")
cli.add_typer(parked.cli, name="parked")
cli.command()(user.whoami)


@cli.callback()
def options(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(envvar="VAHANA_HOME", help="The mesh's directory. [default: ~/.vahana]", show_default=False),
    ] = None,
    gateway: Annotated[
        str, typer.Option(envvar="VAHANA_GATEWAY", help="HOST:PORT of the gateway, where it is not the local mesh's.")
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="VAHANA_TOKEN_FILE",
            help="A file with the token. [default: the local administrator's]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Keeps what stands before the command."""
    ctx.obj = Context(Home.find(home), gateway, token_file)


def main() -> None:
    """Runs the command line; ends the program with an ExitCode."""
    try:
        cli()
    except CommandError as error:
        err().print(visible(error.text()))
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
