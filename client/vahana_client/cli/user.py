"""vahana user add, list, update; vahana whoami."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from vahana.profile.v1 import identity_pb2
from vahana.profile.v1 import user_pb2 as pb
from vahana_client.cli.context import context
from vahana_client.cli.errors import BadInputError
from vahana_client.cli.output import Columns, Format, Output, emit_one, emit_rows, moment, short
from vahana_client.connection import every, new_request_id

cli = typer.Typer(help="Users of the tenant.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user's name.")]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", help="admin or operator; may be given several times.", show_default=False),
]

_COLUMNS: Columns = {
    "NAME": lambda one: one.name,
    "FULL NAME": lambda one: one.display_name,
    "EMAIL": lambda one: one.email,
    "ROLES": lambda one: _told(one.roles),
    "DISABLED": lambda one: "yes" if one.disabled else "",
    "CREATED": lambda one: moment(one.create_time),
}


@cli.command()
def add(  # noqa: PLR0917 (the command line's options)
    ctx: typer.Context,
    name: Name,
    full_name: Annotated[str, typer.Option(help="The name for people.")] = "",
    email: Annotated[str, typer.Option(help="Where to reach the person.")] = "",
    role: Roles = None,
    output: Output = Format.TABLE,
) -> None:
    """Add a user; `vahana token create --user NAME` then makes a token to log in with."""
    request = pb.CreateUserRequest(
        name=name, display_name=full_name, email=email, roles=_roles(role or []), request_id=new_request_id()
    )
    with context(ctx).connect() as connection:
        _emit(output, connection.users.CreateUser(request).user)


@cli.command("list")
def list_(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """List the users."""
    with context(ctx).connect() as connection:
        rows = every(
            lambda token: connection.users.ListUsers(pb.ListUsersRequest(page_token=token)),
            lambda page: page.users,
        )
        emit_rows(output, rows, _COLUMNS, "no user yet; `vahana user add` adds one")


@cli.command()
def update(  # noqa: PLR0917 (the command line's options)
    ctx: typer.Context,
    name: Name,
    full_name: Annotated[str | None, typer.Option(help="The name for people.")] = None,
    email: Annotated[str | None, typer.Option(help="Where to reach the person.")] = None,
    role: Roles = None,
    no_roles: Annotated[bool, typer.Option("--no-roles", help="Take all roles away.")] = False,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Whether the user is kept from logging in.")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Change a user; what is not named stays."""
    request = pb.UpdateUserRequest(
        name=name, display_name=full_name or "", email=email or "", roles=_roles(role or []), disabled=bool(disabled)
    )
    changes = {
        "display_name": full_name is not None,
        "email": email is not None,
        "roles": bool(role) or no_roles,
        "disabled": disabled is not None,
    }
    request.update_mask.paths.extend(field for field, changed in changes.items() if changed)
    with context(ctx).connect() as connection:
        _emit(output, connection.users.UpdateUser(request).user)


def whoami(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """Show who you are to the mesh, and what your token may be used for."""
    with context(ctx).connect() as connection:
        caller = connection.identity.GetCaller(identity_pb2.GetCallerRequest()).caller
    facts = [
        ("user", caller.subject),
        ("tenant", caller.tenant),
        ("roles", ", ".join(caller.roles)),
        ("scopes", ", ".join(caller.scopes)),
        ("token", caller.token_id),
    ]
    emit_one(output, caller, facts)


def _emit(output: Format, user: pb.User) -> None:
    facts = [
        ("user", user.name),
        ("full name", user.display_name),
        ("email", user.email),
        ("roles", _told(user.roles)),
        ("disabled", "yes" if user.disabled else ""),
    ]
    emit_one(output, user, facts)


def _told(roles: Iterable[int]) -> str:
    return ", ".join(short(identity_pb2.Role, role).lower() for role in roles)


def _roles(names: list[str]) -> list[identity_pb2.Role.ValueType]:
    known = {short(identity_pb2.Role, number).lower(): number for number in identity_pb2.Role.values() if number}
    unknown = [name for name in names if name.lower() not in known]
    if unknown:
        raise BadInputError(f"no such role: {', '.join(unknown)}; known are {', '.join(known)}")
    return [known[name.lower()] for name in names]
