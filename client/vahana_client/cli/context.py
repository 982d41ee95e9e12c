"""Which mesh a command talks to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import typer

from vahana_client.cli.errors import CommandError, ExitCode, explain
from vahana_client.connection import Connection
from vahana_client.home import Home
from vahana_client.mesh.record import MeshRecord


@dataclass(frozen=True)
class Context:
    """The options that stand before the command."""

    home: Home
    gateway: str
    token_file: Path | None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Opens a connection for a while. Whatever fails in it is raised as CommandError: UNREACHABLE where there is no
        mesh, DENIED where there is no readable token."""
        with self._open() as connection:
            try:
                yield connection
            except grpc.RpcError as error:
                raise explain(error, connection.address) from error

    def _open(self) -> Connection:
        address, token = self.address(), self._token()
        try:
            return Connection(address, token)
        except OSError as error:
            raise CommandError(f"cannot read {error.filename}: {error.strerror}", ExitCode.BAD_INPUT) from error

    def address(self) -> str:
        """The gateway's address: as given, or that of the mesh in the home directory."""
        if self.gateway:
            return self.gateway
        record = MeshRecord.load(self.home)
        if record is None or not record.gateway:
            raise CommandError(
                f"there is no mesh in {self.home.path}; `vahana up` starts one, --gateway names another",
                ExitCode.UNREACHABLE,
            )
        return record.gateway

    def _token(self) -> str:
        if token := os.environ.get("VAHANA_TOKEN"):
            return token.strip()
        path = self.token_file or self.home.token_file("admin")
        try:
            return path.read_text().strip()
        except OSError as error:
            raise CommandError(
                f"cannot read the token in {path}: {error.strerror}; --token-file names another", ExitCode.DENIED
            ) from error


def context(ctx: typer.Context) -> Context:
    """Returns the options that stood before the command."""
    found = ctx.find_object(Context)
    if found is None:
        raise LookupError("the command runs outside of vahana_client.cli.main")
    return found
