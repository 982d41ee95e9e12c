"""vahana credential add, list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vahana.profile.v1 import credential_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows, moment
from vahana_client.connection import every, new_request_id

cli = typer.Typer(help="SSH keys, kept by the mesh; private keys never leave it.", no_args_is_help=True)

_COLUMNS: Columns = {
    "ID": lambda one: one.credential_id,
    "NAME": lambda one: one.name,
    "FINGERPRINT": lambda one: one.fingerprint,
    "CREATED": lambda one: moment(one.create_time),
    "LAST USED": lambda one: moment(one.last_use_time),
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
