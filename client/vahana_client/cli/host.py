"""vahana host list: how well hosts answer."""

from __future__ import annotations

import typer

from vahana.event.v1 import state_pb2
from vahana.executor.v1 import host_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.output import Columns, Format, Output, emit_rows, moment, short
from vahana_client.connection import every

cli = typer.Typer(help="How well hosts answer; for operators.", no_args_is_help=True)

_COLUMNS: Columns = {
    "HOST": lambda one: one.host,
    "HEALTH": lambda one: short(state_pb2.HostHealth, one.health),
    "SINCE": lambda one: moment(one.since),
    "TRIED AGAIN": lambda one: moment(one.next_probe_at) if one.HasField("next_probe_at") else "",
    "REASON": lambda one: one.reason,
}


@cli.callback()
def host() -> None:
    """Keeps `list` a command of its own."""


@cli.command("list")
def list_(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """List the hosts that were slow or did not answer once, and how they are now."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.hosts.ListHosts(pb.ListHostsRequest(page_token=token)),
            lambda page: page.hosts,
        )
        emit_rows(output, rows, _COLUMNS, "no host was in trouble yet")
