"""vahana token create, list, revoke, exchange."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

from vahana.profile.v1 import identity_pb2
from vahana.profile.v1 import token_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows, moment
from vahana_client.connection import every, new_request_id

cli = typer.Typer(help="Tokens to log in with.", no_args_is_help=True)

Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        help='What it may be used for: "experiment:read", "registry:write", "*"; may be given several times.',
        show_default=False,
    ),
]
User = Annotated[str, typer.Option(help="Another user; for administrators.")]

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_COLUMNS: Columns = {
    "ID": lambda one: one.token_id,
    "NAME": lambda one: one.name,
    "USER": lambda one: one.user,
    "SCOPES": lambda one: ", ".join(one.scopes),
    "EXPIRES": lambda one: moment(one.expire_time),
    "REVOKED": lambda one: moment(one.revoke_time),
    "LAST USED": lambda one: moment(one.last_use_time),
}


@cli.command()
def create(  # noqa: PLR0917 (the command line's options)
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for it.")],
    user: User = "",
    scope: Scopes = None,
    lifetime: Annotated[str, typer.Option(help="How long it is good for: 12h, 30d. At most 366d.")] = "90d",
    output: Output = Format.TABLE,
) -> None:
    """Make a token and print it, this once."""
    request = pb.CreateApiTokenRequest(name=name, user=user, scopes=scope or [], request_id=new_request_id())
    request.lifetime.FromTimedelta(_duration(lifetime))
    with context(ctx).connect() as connection:
        created = connection.api_tokens.CreateApiToken(request)
    facts = [
        ("id", created.api_token.token_id),
        ("user", created.api_token.user),
        ("scopes", ", ".join(created.api_token.scopes)),
        ("expires", moment(created.api_token.expire_time)),
        ("token", created.token),
    ]
    emit_one(output, created, facts)


@cli.command("list")
def list_(
    ctx: typer.Context,
    user: User = "",
    everyone: Annotated[bool, typer.Option("--all", help="Those of all users; for administrators.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """List tokens; what they are is shown by none of them."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.api_tokens.ListApiTokens(
                pb.ListApiTokensRequest(user=user, all_users=everyone, page_token=token)
            ),
            lambda page: page.api_tokens,
        )
        emit_rows(output, rows, _COLUMNS, "no token yet; `vahana token create` makes one")


@cli.command()
def revoke(ctx: typer.Context, token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id.")]) -> None:
    """End a token; it lets nobody in from now on."""
    with context(ctx).connect() as connection:
        connection.api_tokens.RevokeApiToken(pb.RevokeApiTokenRequest(token_id=token_id))


@cli.command()
def exchange(ctx: typer.Context, scope: Scopes = None, output: Output = Format.TABLE) -> None:
    """Print an access token, good for five minutes: the one to call a service with that is not behind the gateway."""
    request = identity_pb2.ExchangeTokenRequest(scopes=scope or [])
    with context(ctx).connect() as connection:
        exchanged = connection.identity.ExchangeToken(request)
    if output is Format.TABLE:
        typer.echo(exchanged.access_token)
    else:
        emit_one(output, exchanged, [])


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if found is None:
        raise BadInputError(f"no such lifetime: {text!r}; write a number with m, h or d, as in 12h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
