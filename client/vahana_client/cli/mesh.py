"""vahana up, down, status."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Annotated

import typer

from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError, CommandError, ExitCode
from vahana_client.cli.output import Format, Output, emit_data, err, out, show, table
from vahana_client.home import Home
from vahana_client.mesh.plans import MeshOptions, tail
from vahana_client.mesh.ports import DEFAULT_PORTS, PortTakenError
from vahana_client.mesh.record import MeshRecord
from vahana_client.mesh.status import look
from vahana_client.mesh.stop import stop_recorded
from vahana_client.mesh.supervisor import MeshError, Supervisor

_PORTS = "Ports"


def _port(name: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}-port",
        envvar=f"VAHANA_{name.upper().replace('-', '_')}_PORT",
        help=f"[default: {DEFAULT_PORTS[name]}]",
        show_default=False,
        min=1,
        max=65535,
        rich_help_panel=_PORTS,
    )
    return option


def up(  # noqa: PLR0917 (the command line's options)
    ctx: typer.Context,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once the mesh is up.")] = False,
    kafka: Annotated[
        str,
        typer.Option(envvar="VAHANA_KAFKA_BOOTSTRAP", help="HOST:PORT of an existing broker, used instead of an own."),
    ] = "",
    local_host: Annotated[bool, typer.Option(help="Offer this machine as the compute resource `local`.")] = True,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Take free ports for all that are not given.", rich_help_panel=_PORTS)
    ] = False,
    patience: Annotated[float, typer.Option(help="Seconds the mesh may take to come up.", min=1)] = 120.0,
    gateway_port: Annotated[int | None, _port("gateway")] = None,
    profile_port: Annotated[int | None, _port("profile")] = None,
    registry_port: Annotated[int | None, _port("registry")] = None,
    experiment_port: Annotated[int | None, _port("experiment")] = None,
    scheduler_port: Annotated[int | None, _port("scheduler")] = None,
    executor_port: Annotated[int | None, _port("executor")] = None,
    eventsink_port: Annotated[int | None, _port("eventsink")] = None,
    sshd_port: Annotated[int | None, _port("sshd")] = None,
    kafka_port: Annotated[int | None, _port("kafka")] = None,
    kafka_controller_port: Annotated[int | None, _port("kafka-controller")] = None,
) -> None:
    """Bring the mesh up on this machine and keep it up: Kafka, a private SSH server and one process a service."""
    home = context(ctx).home
    given = {
        "gateway": gateway_port, "profile": profile_port, "registry": registry_port, "experiment": experiment_port,
        "scheduler": scheduler_port, "executor": executor_port, "eventsink": eventsink_port, "sshd": sshd_port,
        "kafka": kafka_port, "kafka-controller": kafka_controller_port,
    }  # fmt: skip
    options = MeshOptions(
        ports={name: port for name, port in given.items() if port is not None},
        free_ports=free_ports,
        kafka=kafka,
        local_host=local_host,
        patience_seconds=patience,
    )
    if detach:
        _up_detached(home, options)
        return
    try:
        Supervisor(home, options, lambda line: out().print(line)).run()
    except PortTakenError as error:
        raise BadInputError(str(error)) from error
    except MeshError as error:
        raise CommandError(str(error)) from error


def _up_detached(home: Home, options: MeshOptions) -> None:
    record = MeshRecord.load(home)
    if record is not None and record.ready and record.supervisor.alive():
        out().print(f"the mesh is up already: gateway {record.gateway}")
        return
    home.make()
    log = home.log_file("supervisor")
    command = [sys.executable, "-P", "-m", "vahana_client", "--home", str(home.path), "up", *_arguments(options)]
    with log.open("wb") as stream:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
            env={**os.environ, "VAHANA_KAFKA_BOOTSTRAP": options.kafka}, cwd=home.path,
        )  # fmt: skip
    err().print(f"starting the mesh in {home.path}")
    while child.poll() is None:
        record = MeshRecord.load(home)
        if record is not None and record.ready and record.supervisor.pid == child.pid:
            out().print(f"the mesh is up: gateway {record.gateway}")
            return
        time.sleep(0.1)
    _, found, complaint = tail(log, lines=200).rpartition("error: the mesh ")
    message = f"the mesh {complaint}" if found else tail(log) or f"the supervisor ended; its log is {log}"
    raise CommandError(message, ExitCode(child.returncode) if child.returncode in list(ExitCode) else ExitCode.FAILED)


def _arguments(options: MeshOptions) -> list[str]:
    """The options again, for the detached supervisor."""
    words = [word for name, port in options.ports.items() for word in (f"--{name}-port", str(port))]
    words += ["--free-ports"] if options.free_ports else []
    words += [] if options.local_host else ["--no-local-host"]
    return [*words, "--patience", str(options.patience_seconds)]


def down(ctx: typer.Context) -> None:
    """Take the mesh down and wait until every process of it has ended."""
    home = context(ctx).home
    record = MeshRecord.load(home)
    if record is None or not record.alive():
        out().print(f"no mesh runs in {home.path}")
        return
    for sentence in stop_recorded(record):
        err().print(sentence)
    # Its supervisor writes this itself, unless it was killed.
    record.ready, record.processes = False, {}
    record.save(home)
    out().print("the mesh is down")


def status(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """Show every process of the mesh: whether it runs, whether it answers, how often it was started again."""
    home = context(ctx).home
    record = MeshRecord.load(home)
    if record is None or not record.alive():
        raise CommandError(f"no mesh runs in {home.path}; `vahana up` starts one", ExitCode.UNREACHABLE)
    statuses = look(record)
    if output is Format.TABLE:
        show(table(_COLUMNS, statuses))
    else:
        emit_data(
            output, {"gateway": record.gateway, "ready": record.ready, "processes": [one.data() for one in statuses]}
        )
    if not all(one.healthy for one in statuses):
        raise typer.Exit(ExitCode.FAILED)


_COLUMNS = {
    "PROCESS": lambda one: one.name,
    "PID": lambda one: one.pid,
    "HEALTH": lambda one: one.health,
    "RESTARTS": lambda one: one.restarts,
    "ADDRESS": lambda one: one.address,
    "LOG": lambda one: one.log,
}


def register(cli: typer.Typer) -> None:
    """Adds the commands."""
    for command in (up, down, status):
        cli.command()(command)
