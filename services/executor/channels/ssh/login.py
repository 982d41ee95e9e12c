"""Logins made to see whether they can be: never those that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.executor.channels.api import Site
from services.executor.channels.ssh.connection import SshConnection
from services.executor.channels.ssh.keys import Signer
from services.executor.channels.ssh.pool import SshChannel, SshOptions


class SshLogins:
    """Implements Logins over SSH."""

    def __init__(self, signer: Signer, options: SshOptions) -> None:
        """`options` bound the steps of a login."""
        self._signer, self._options = signer, options

    @contextmanager
    def login(self, site: Site) -> Iterator[SshLogin]:
        """See Logins."""
        connection = SshConnection(site, self._signer, self._options)
        try:
            yield SshLogin(connection)
        finally:
            connection.close()


class SshLogin:
    """Implements Login over SSH."""

    def __init__(self, connection: SshConnection) -> None:
        """Take a connection of its own."""
        self._connection = connection

    @property
    def fingerprint(self) -> str:
        """See Login."""
        return self._connection.fingerprint

    def open(self) -> SshChannel:
        """See Login."""
        self._connection.login("")
        return SshChannel(self._connection, "")
