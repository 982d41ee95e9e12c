"""vahana parked list, show, unpark, discard: messages that services of the mesh have set aside."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Annotated

import typer

from vahana.event.v1.parked_pb2 import ParkedMessage
from vahana.eventsink.v1 import parked_pb2 as eventsink_pb2
from vahana.executor.v1 import parked_pb2 as executor_pb2
from vahana.experiment.v1 import parked_pb2 as experiment_pb2
from vahana.registry.v1 import parked_pb2 as registry_pb2
from vahana.scheduler.v1 import parked_pb2 as scheduler_pb2
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows, moment
from vahana_client.connection import Connection, every

cli = typer.Typer(help="Messages set aside since they could not be handled; for operators.", no_args_is_help=True)

_MESSAGES: dict[str, ModuleType] = {
    "registry": registry_pb2,
    "experiment": experiment_pb2,
    "scheduler": scheduler_pb2,
    "executor": executor_pb2,
    "eventsink": eventsink_pb2,
}
_Name = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `vahana parked list` shows it: SERVICE/…")]

_COLUMNS: Columns = {
    "ID": lambda one: one.parked_id,
    "CONSUMER": lambda one: one.consumer,
    "PLACE": lambda one: f"{one.topic}/{one.partition}@{one.offset}",
    "KEY": lambda one: one.key,
    "SINCE": lambda one: moment(one.park_time),
    "REASON": lambda one: one.reason,
}


@cli.command("list")
def list_(
    ctx: typer.Context,
    service: Annotated[str, typer.Option(help="Only those of this service. [default: of all]")] = "",
    key: Annotated[str, typer.Option(help="Only those with this key, e.g. a process id.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """List what is set aside."""
    services = [_known(service)] if service else list(_MESSAGES)
    with context(ctx).connect() as connection:
        rows = (row for each in services for row in _listed(connection, each, key))
        emit_rows(output, rows, _COLUMNS, "nothing is parked")


@cli.command()
def show(ctx: typer.Context, name: _Name, output: Output = Format.TABLE) -> None:
    """Show one message, and why it was set aside."""
    service, _ = _split(name)
    with context(ctx).connect() as connection:
        found = next((row for row in _listed(connection, service) if row.parked_id == name), None)
    if found is None:
        raise BadInputError(f"no parked message {name!r}; `vahana parked list` shows those there are")
    facts = [(title.lower(), told(found)) for title, told in _COLUMNS.items()]
    emit_one(output, found, [*facts, ("size", f"{found.size} bytes"), ("message", found.message_id)])


@cli.command()
def unpark(ctx: typer.Context, name: _Name) -> None:
    """Have a message handled once more, after what was wrong is mended."""
    service, parked_id = _split(name)
    with context(ctx).connect() as connection:
        connection.parked[service].UnparkMessage(_MESSAGES[service].UnparkMessageRequest(parked_id=parked_id))


@cli.command()
def discard(ctx: typer.Context, name: _Name) -> None:
    """Forget a message for good."""
    service, parked_id = _split(name)
    with context(ctx).connect() as connection:
        connection.parked[service].DiscardMessage(_MESSAGES[service].DiscardMessageRequest(parked_id=parked_id))


def _listed(connection: Connection, service: str, key: str = "") -> Iterator[ParkedMessage]:
    """The messages of a service, under names that hold in the whole mesh."""
    request = _MESSAGES[service].ListParkedMessagesRequest
    stub = connection.parked[service]
    for row in every(
        lambda token: stub.ListParkedMessages(request(key=key, page_token=token)), lambda page: page.messages
    ):
        row.parked_id = f"{service}/{row.parked_id}"
        yield row


def _split(name: str) -> tuple[str, str]:
    service, _, parked_id = name.partition("/")
    return _known(service), parked_id


def _known(service: str) -> str:
    if service not in _MESSAGES:
        raise BadInputError(f"{service!r} is no service that parks messages; those are {', '.join(_MESSAGES)}")
    return service
