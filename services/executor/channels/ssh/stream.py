"""A script under way on an SSH channel."""

from __future__ import annotations

import contextlib
import time

import paramiko

from services.executor.channels.api import OUTPUT_LIMIT, Result, Site
from services.executor.domain.troubles import Condition, Waiting

_CHUNK = 256 * 1024
_PREAMBLE_LIMIT = 1024 * 1024
"""Most bytes a login's rc files may print."""


class SshStream:
    """One session of a connection. Whatever stands before the marker is a login's own and is cut off."""

    def __init__(self, site: Site, session: paramiko.Channel, marker: str, stall_seconds: float) -> None:
        """Take a session in which a command line with this marker was started."""
        self._site, self._session, self._stall = site, session, stall_seconds
        self._marker = f"\n{marker}\n".encode()
        self._deadline: float | None = None
        self._unread = b""
        self._begun = self._ended = False

    def limit(self, seconds: float) -> None:
        """Have everything end within so many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def read_line(self) -> str:
        """See Stream."""
        self._begin()
        while b"\n" not in self._unread and len(self._unread) < OUTPUT_LIMIT:
            if not self._receive():
                break
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode(errors="replace")

    def read(self, limit: int) -> bytes:
        """See Stream."""
        self._begin()
        if not self._unread:
            self._receive()
        data, self._unread = self._unread[:limit], self._unread[limit:]
        return data

    def write(self, data: bytes) -> None:
        """See Stream."""
        self._patience()
        try:
            self._session.sendall(data)
        except TimeoutError as error:
            raise self._silent() from error
        except OSError:
            self._check_alive()

    def end_input(self) -> None:
        """See Stream."""
        with contextlib.suppress(OSError, EOFError):
            self._session.shutdown_write()

    def finish(self) -> Result:
        """See Stream."""
        self.end_input()
        self._begin()
        kept = bytearray()
        while self._unread or self._receive():
            kept += self._unread[: OUTPUT_LIMIT - len(kept)]
            self._unread = b""
        stderr = self._stderr()
        exit_code = self._exit_code()
        return Result(exit_code, bytes(kept), stderr)

    def _begin(self) -> None:
        """Read up to the marker. A script that never prints it has not run: its shell has failed."""
        while not self._begun:
            before, found, after = self._unread.partition(self._marker)
            if found:
                self._unread, self._begun = after, True
            elif len(before) > _PREAMBLE_LIMIT or not self._receive():
                self._unread, self._begun = b"", True

    def _receive(self) -> int:
        if self._ended:
            return 0
        self._patience()
        try:
            data = self._session.recv(_CHUNK)
        except TimeoutError as error:
            raise self._silent() from error
        self._ended = not data
        self._unread += data
        return len(data)

    def _stderr(self) -> bytes:
        kept = b""
        while True:
            self._patience()
            try:
                data = self._session.recv_stderr(_CHUNK)
            except TimeoutError as error:
                raise self._silent() from error
            if not data:
                return kept.rpartition(self._marker)[2]
            kept = (kept + data)[-OUTPUT_LIMIT:]

    def _exit_code(self) -> int:
        if not self._session.status_event.wait(self._patience()):
            raise self._silent()
        code = self._session.recv_exit_status()
        if code < 0:
            raise Waiting(Condition.HOST_UNREACHABLE, f"the connection to {self._site} broke while a command ran")
        return code

    def _check_alive(self) -> None:
        transport = self._session.get_transport()
        if transport is None or not transport.is_active():
            raise Waiting(Condition.HOST_UNREACHABLE, f"the connection to {self._site} broke while a command ran")

    def _patience(self) -> float:
        seconds = self._stall
        if self._deadline is not None:
            seconds = min(seconds, max(0.001, self._deadline - time.monotonic()))
        self._session.settimeout(seconds)
        return seconds

    def _silent(self) -> Waiting:
        # A host that hangs gives no sign of when it will go on: a new connection finds that out.
        transport = self._session.get_transport()
        if transport is not None:
            transport.close()
        return Waiting(Condition.HOST_UNREACHABLE, f"{self._site} did not answer a command in time")
