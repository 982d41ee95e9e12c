"""vahana hold place, lift, list: nothing new begins on a compute resource, a host, or anywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from vahana.profile.v1 import identity_pb2, tenant_pb2
from vahana.registry.v1 import compute_resource_pb2
from vahana.scheduler.v1 import hold_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows, moment
from vahana_client.connection import Connection, every, new_request_id

cli = typer.Typer(
    help="Holds: what is under way ends, nothing new begins until the hold is lifted.", no_args_is_help=True
)


def _what(hold: pb.Hold) -> str:
    if hold.compute_resource:
        return f"compute resource {hold.compute_resource}"
    return f"host {hold.address}" if hold.address else "everything"


def _whose(hold: pb.Hold) -> str:
    return hold.tenant or "(all tenants)"


_COLUMNS: Columns = {
    "ID": lambda one: one.hold_id,
    "ON HOLD": _what,
    "TENANT": _whose,
    "SINCE": lambda one: moment(one.place_time),
    "BY": lambda one: one.placed_by,
    "COMMENT": lambda one: one.comment,
}


@cli.command()
def place(
    ctx: typer.Context,
    *,
    compute: Annotated[str, typer.Option("--compute", help="A compute resource's name.")] = "",
    address: Annotated[str, typer.Option("--host", help="A host name or IP address.")] = "",
    everything: Annotated[bool, typer.Option("--everything", help="All that the tenant runs.")] = False,
    tenant: Annotated[str, typer.Option(help="Whose work waits; for operators. [default: your tenant's]")] = "",
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="With --host: the work of all tenants waits; for operators.")
    ] = False,
    comment: Annotated[str, typer.Option("--message", "-m", help="What people are to know of it.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Put a compute resource, a host, or everything on hold."""
    if (bool(compute), bool(address), everything).count(True) != 1:
        raise BadInputError("say what to put on hold: one of --compute, --host and --everything")
    request = pb.PlaceHoldRequest(tenant=tenant, all_tenants=all_tenants, comment=comment, request_id=new_request_id())
    if compute:
        request.compute_resource = compute
    elif address:
        request.address = address
    else:
        request.whole_tenant = True
    with context(ctx).connect() as connection:
        _refuse_unknown(connection, request)
        placed = connection.holds.PlaceHold(request)
    hold = placed.hold
    facts = [("hold", hold.hold_id), ("on hold", _what(hold)), ("tenant", _whose(hold))]
    emit_one(output, placed, [*facts, ("effect", placed.effect)])


def _refuse_unknown(connection: Connection, request: pb.PlaceHoldRequest) -> None:
    """Refuses names that nothing has: the scheduler, which knows processes alone, would take them, and keep nothing.

    What other tenants have the registry tells nobody; there the answer's `effect` has to do.
    """
    if request.tenant:
        connection.tenants.GetTenant(tenant_pb2.GetTenantRequest(name=request.tenant))
        own = connection.identity.GetCaller(identity_pb2.GetCallerRequest()).caller.tenant == request.tenant
    else:
        own = not request.all_tenants
    if own and not request.whole_tenant:
        _refuse_unknown_host(connection, request)


def _refuse_unknown_host(connection: Connection, request: pb.PlaceHoldRequest) -> None:
    resources = every(
        lambda token: connection.compute_resources.ListComputeResources(
            compute_resource_pb2.ListComputeResourcesRequest(page_token=token)
        ),
        lambda page: page.compute_resources,
    )
    if request.compute_resource:
        known = any(each.name == request.compute_resource for each in resources)
        option, fault = "--compute", f"there is no compute resource {request.compute_resource!r}"
    else:
        known = any(_same_host(each.address) == _same_host(request.address) for each in resources)
        option, fault = "--host", f"no compute resource is at {request.address!r}"
    if not known:
        raise BadInputError("nothing was put on hold", [(option, f"{fault}; `vahana compute list` shows all")])


def _same_host(address: str) -> str:
    """DNS tells no case, and a name may end in a dot."""
    return address.lower().removesuffix(".")


@cli.command()
def lift(ctx: typer.Context, hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="The hold's id.")]) -> None:
    """End a hold: what waited for it alone goes on."""
    with context(ctx).connect() as connection:
        connection.holds.LiftHold(pb.LiftHoldRequest(hold_id=hold_id))


@cli.command("list")
def list_(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """List the holds that concern your tenant; for operators, all."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.holds.ListHolds(pb.ListHoldsRequest(page_token=token)), lambda page: page.holds
        )
        emit_rows(output, rows, _COLUMNS, "nothing is on hold")
