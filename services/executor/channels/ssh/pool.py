"""All connections of an executor, one a site, and channels over them."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import paramiko

from services.executor import scripts
from services.executor.channels import shell
from services.executor.channels.api import Result, Site
from services.executor.channels.ssh.connection import SshConnection
from services.executor.channels.ssh.keys import Signer
from services.executor.channels.ssh.session import SshSession
from services.executor.channels.ssh.stream import SshStream
from services.executor.domain.troubles import Condition, Failure, Trouble, Waiting

_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SshOptions:
    """Bounds of connections. `sessions`: at once on one; OpenSSH allows 10, and counts some that have ended."""

    sessions: int = 6
    connect_seconds: float = 10.0
    keepalive_seconds: int = 15
    silence_ms: int = 45_000
    """How long sent bytes may go unacknowledged before the connection counts as broken."""
    idle_seconds: float = 300.0


class SshChannels:
    """Gives channels to sites; connections are kept until nobody used them for a while."""

    def __init__(self, signer: Signer, options: SshOptions | None = None) -> None:
        """`signer` keeps the private keys."""
        self._signer, self._options = signer, options or SshOptions()
        self._lock = threading.Lock()
        self._connections: dict[Site, SshConnection] = {}

    def channel(self, site: Site, process_id: str) -> SshChannel:
        """See Channels."""
        with self._lock:
            connection = self._connections.get(site)
            if connection is None:
                connection = self._connections[site] = SshConnection(site, self._signer, self._options)
        return SshChannel(connection, process_id)

    def tend(self, stop: threading.Event) -> None:
        """Thread body: gives up connections that nobody used for a while."""
        while not stop.wait(self._options.idle_seconds / 10):
            with self._lock:
                connections = list(self._connections.values())
            for connection in connections:
                connection.close_if_idle(self._options.idle_seconds)

    def close(self) -> None:
        """See Channels."""
        with self._lock:
            connections = list(self._connections.values())
        for connection in connections:
            connection.close()


class SshChannel:
    """Runs scripts at one site."""

    def __init__(self, connection: SshConnection, process_id: str) -> None:
        """Share a connection."""
        self._connection, self._process_id = connection, process_id

    @property
    def site(self) -> Site:
        """See Channel."""
        return self._connection.site

    def run(self, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", seconds: float = 60.0) -> Result:
        """See Channel."""
        with self._start(script, arguments, len(stdin), seconds) as stream:
            stream.limit(seconds)
            if stdin:
                stream.write(stdin)
            return stream.finish()

    @contextlib.contextmanager
    def open(
        self,
        script: str,
        arguments: Sequence[str] = (),
        *,
        input_bytes: int | None = None,
        stall_seconds: float = 300.0,
    ) -> Iterator[SshStream]:
        """See Channel."""
        with self._start(script, arguments, input_bytes, stall_seconds) as stream:
            try:
                yield stream
            finally:
                if stream.aborted:
                    self._end(stream.marker)

    def _end(self, marker: str) -> None:
        """End what is left of a script that was cut off: its login loses its streams alone, and may not notice."""
        with contextlib.suppress(Trouble):
            self.run(scripts.remote("end_script"), stdin=marker.encode(), seconds=_END_SECONDS)

    @contextlib.contextmanager
    def _start(
        self, script: str, arguments: Sequence[str], input_bytes: int | None, stall_seconds: float
    ) -> Iterator[SshStream]:
        marker = secrets.token_hex(16)
        try:
            line = shell.command_line(script, marker, arguments)
        except ValueError as error:
            raise Failure(Condition.UNKNOWN, f"this cannot be run on {self.site}: {error}") from error
        while True:
            with self._connection.session(self._process_id) as session:
                stream = SshStream(self.site, session, marker, input_bytes, stall_seconds)
                if self._begins(session, stream, line):
                    yield stream
                    return
            # A kept session had ended unnoticed; nothing has run in it, so another one is tried at once.

    def _begins(self, session: SshSession, stream: SshStream, line: str) -> bool:
        """Start the script; False where a kept session turns out to have ended."""
        try:
            stream.start(line)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if not session.fresh:
                return False
            reason = f"{self.site} does not start commands: {error or type(error).__name__}"
            raise Waiting(Condition.HOST_UNREACHABLE, reason) from error
        return session.fresh or stream.begun()
