"""vahana credential add, list, uses, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vahana.profile.v1 import credential_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows, moment, short
from vahana_client.connection import every, new_request_id

cli = typer.Typer(help="SSH keys, kept by the mesh; private keys never leave it.", no_args_is_help=True)

_COLUMNS: Columns = {
    "ID": lambda one: one.credential_id,
    "NAME": lambda one: one.name,
    "FINGERPRINT": lambda one: one.fingerprint,
    "CREATED": lambda one: moment(one.create_time),
    "LAST USED": lambda one: moment(one.last_use_time),
}

_USES: Columns = {
    "TIME": lambda one: moment(one.time),
    "CREDENTIAL": lambda one: one.credential_id,
    "ACTION": lambda one: short(pb.CredentialAction, one.action),
    "BY": lambda one: one.caller,
    "LOGIN": lambda one: f"{one.login}@{one.host}" if one.host else "",
    "PROCESS": lambda one: one.process_id,
}


@cli.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for it.")],
    private_key: Annotated[
        Path | None,
        typer.Option(help="A file with an unencrypted private key to import; without it a key pair is generated."),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Generate or import an SSH key, and print the public half for authorized_keys."""
    request = pb.CreateCredentialRequest(name=name, request_id=new_request_id())
    if private_key is not None:
        try:
            request.private_key = private_key.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInputError(f"cannot read {private_key}: {error}") from error
    with context(ctx).connect() as connection:
        created = connection.credentials.CreateCredential(request).credential
    facts = [
        ("id", created.credential_id),
        ("name", created.name),
        ("fingerprint", created.fingerprint),
        ("public key", created.public_key),
    ]
    emit_one(output, created, facts)


@cli.command("list")
def list_(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """List the public halves."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.credentials.ListCredentials(pb.ListCredentialsRequest(page_token=token)),
            lambda page: page.credentials,
        )
        emit_rows(output, rows, _COLUMNS, "no credential yet; `vahana credential add` makes one")


@cli.command()
def uses(
    ctx: typer.Context,
    credential_id: Annotated[str, typer.Option("--id", help="Only of this credential.")] = "",
    output: Output = Format.TABLE,
) -> None:
    """List what was ever done with the keys, the latest first."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.credentials.ListCredentialUses(
                pb.ListCredentialUsesRequest(credential_id=credential_id, page_token=token)
            ),
            lambda page: page.uses,
        )
        emit_rows(output, rows, _USES, "no key was ever used")


@cli.command()
def delete(ctx: typer.Context, name: Annotated[str, typer.Argument(help="The credential's name or id.")]) -> None:
    """Destroy a key for good; hosts that log in with it can't any more."""
    with context(ctx).connect() as connection:
        connection.credentials.DeleteCredential(pb.DeleteCredentialRequest(credential=name))
