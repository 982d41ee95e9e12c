"""A script under way on an SSH channel."""

from __future__ import annotations

import contextlib
import time

from services.executor.channels.api import OUTPUT_LIMIT, Result, Site
from services.executor.channels.ssh.session import SshSession
from services.executor.domain.troubles import Condition, Failure, Waiting

_CHUNK = 256 * 1024
_SIGNALED = 128
"""A shell tells of a program that a signal ended by a higher exit code; our scripts use none of those."""
_PREAMBLE_LIMIT = 1024 * 1024
"""Most bytes a login's rc files may print."""
_LOOK_ASIDE_SECONDS = 0.5
"""How long stdout is waited for before stderr is taken: unread it would fill the session's window and stop both."""


class SshStream:
    """One script in a session. Whatever stands before its marker is a login's own and is cut off."""

    def __init__(
        self, site: Site, session: SshSession, marker: str, input_bytes: int | None, stall_seconds: float
    ) -> None:
        """Take a session; `marker` is a word nobody can guess, which the script says before anything else."""
        self._site, self._kept, self._session, self._stall = site, session, session.channel, stall_seconds
        self.marker, self._input = marker, input_bytes
        self._marker = f"\n{marker}\n".encode()
        self._end = f"{marker} ".encode()
        self._deadline: float | None = None
        self._raw = b""
        """What may be the beginning of the line that tells of the script's end."""
        self._unread = self._said = b""
        self._begun = self._ran = self._ended = False
        self.aborted = False
        self._code: int | None = None
        self._written = 0

    def start(self, line: str) -> None:
        """Have the command line run that says the marker. Raises what paramiko does."""
        self._kept.start(line, self.marker, self._input, self._stall)

    def begun(self) -> bool:
        """Wait for the first sign of the script; False where its session has ended without one."""
        self._begin()
        return self._code is not None or not self._ended

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
        self._written += len(data)
        try:
            self._session.sendall(data)
        except TimeoutError as error:
            raise self._silent() from error
        except (OSError, EOFError):
            self._check_alive()

    def end_input(self) -> None:
        """See Stream."""
        if self._written == self._input:
            return
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
        if exit_code == 0 and not self._ran:
            raise self._not_run(bytes(kept) + stderr)
        self._kept.reusable = self._code == 0 and self._written == self._input
        return Result(exit_code, bytes(kept), stderr)

    def abort(self) -> None:
        """See Stream."""
        self.aborted, self._kept.reusable = True, False
        self._kept.close()

    def _begin(self) -> None:
        """Read up to the marker. A script that never prints it has not run: its shell has failed."""
        while not self._begun:
            before, found, after = self._unread.partition(self._marker)
            if found:
                self._unread, self._begun, self._ran = after, True, True
            elif len(before) > _PREAMBLE_LIMIT or not self._receive():
                self._begun = True

    def _receive(self) -> int:
        """Take in what comes next; return how much that is: nothing at the end of the script's output."""
        before = len(self._unread)
        while not self._ended and len(self._unread) == before:
            data = self._received()
            self._ended = not data
            self._raw += data
            self._sort()
        return len(self._unread) - before

    def _sort(self) -> None:
        """Tell the script's own output from the line after it."""
        own, found, rest = self._raw.partition(self._end)
        code, line_ended, _ = rest.partition(b"\n")
        if line_ended:
            self._code, self._ended, self._raw = int(code), True, b""
        elif self._ended:
            own, self._raw = self._raw, b""
        elif found:
            self._raw = self._raw[len(own) :]
        else:
            kept = next(size for size in range(len(self._end) - 1, -1, -1) if own.endswith(self._end[:size]))
            own, self._raw = own[: len(own) - kept], own[len(own) - kept :]
        self._unread += own

    def _received(self) -> bytes:
        silent_at = time.monotonic() + self._patience()
        while True:
            self._session.settimeout(max(0.001, min(_LOOK_ASIDE_SECONDS, silent_at - time.monotonic())))
            try:
                return self._session.recv(_CHUNK)
            except TimeoutError as error:
                if self._session.recv_stderr_ready():
                    self._keep_said(self._session.recv_stderr(_CHUNK))
                    silent_at = time.monotonic() + self._patience()
                elif time.monotonic() >= silent_at:
                    raise self._silent() from error
            except (OSError, EOFError) as error:
                raise self._broken() from error

    def _stderr(self) -> bytes:
        end = f"{self.marker} end\n".encode()
        while end not in self._said:
            self._patience()
            try:
                data = self._session.recv_stderr(_CHUNK)
            except TimeoutError as error:
                raise self._silent() from error
            if not data:
                break
            self._keep_said(data)
        return self._said.partition(end)[0].rpartition(self._marker)[2]

    def _keep_said(self, data: bytes) -> None:
        self._said = (self._said + data)[-OUTPUT_LIMIT:]

    def _not_run(self, said: bytes) -> Failure:
        told = " ".join(said.decode(errors="replace").split())[-500:] or "nothing"
        reason = (
            f"the login at {self._site} ended without running our command, perhaps by an rc file or a forced command"
        )
        return Failure(Condition.UNKNOWN, f"{reason}; it said: {told}")

    def _exit_code(self) -> int:
        if self._code is not None:
            if self._code > _SIGNALED:
                raise Waiting(Condition.HOST_UNREACHABLE, f"a command on {self._site} was ended from outside")
            return self._code
        if not self._session.status_event.wait(self._patience()):
            raise self._silent()
        code = self._session.recv_exit_status()
        if code < 0:
            raise self._broken()
        return code

    def _check_alive(self) -> None:
        transport = self._session.get_transport()
        if transport is None or not transport.is_active():
            raise self._broken()

    def _patience(self) -> float:
        seconds = self._stall
        if self._deadline is not None:
            seconds = min(seconds, max(0.001, self._deadline - time.monotonic()))
        self._session.settimeout(seconds)
        return seconds

    def _broken(self) -> Waiting:
        return Waiting(Condition.HOST_UNREACHABLE, f"the connection to {self._site} broke while a command ran")

    def _silent(self) -> Waiting:
        # A host that hangs gives no sign of when it will go on: a new connection finds that out.
        transport = self._session.get_transport()
        if transport is not None:
            transport.close()
        return Waiting(Condition.HOST_UNREACHABLE, f"{self._site} did not answer a command in time")
