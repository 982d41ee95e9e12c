"""What tasks ask of a compute resource: to run one of our scripts there. Implemented over SSH by channels.ssh.

Everything here raises domain.troubles: Waiting (HOST_UNREACHABLE, LOGIN_REFUSED) or Failure (HOST_KEY_MISMATCH).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

OUTPUT_LIMIT = 1024 * 1024
"""Most bytes kept of what a script says, on stdout and on stderr each."""


@dataclass(frozen=True, slots=True)
class Site:
    """An account on a host, the key to it and the host keys it is known by."""

    tenant: str
    address: str
    port: int
    login: str
    credential_id: str
    host_keys: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.login}@{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a script. `stdout` and `stderr` are cut at OUTPUT_LIMIT."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def lines(self) -> list[str]:
        """What it said on stdout, by lines."""
        return self.stdout.decode(errors="replace").splitlines()

    @property
    def complaint(self) -> str:
        """What it said on stderr."""
        return self.stderr.decode(errors="replace")


class Stream(Protocol):
    """A script under way. For use by one thread."""

    def read_line(self) -> str:
        """Return the next line of stdout without its end; empty when there is none."""

    def read(self, limit: int) -> bytes:
        """Return the next bytes of stdout; none at its end."""

    def write(self, data: bytes) -> None:
        """Send to stdin. What a script that has ended no longer takes is dropped: finish() tells why it ended."""

    def end_input(self) -> None:
        """Close stdin."""

    def finish(self) -> Result:
        """Wait for the end; its stdout is what was not read yet."""

    def abort(self) -> None:
        """Cut the script off. From any thread; what reads it then fails, or finds the end. What it has started is
        ended when the stream is given up.
        """


class Channel(Protocol):
    """Runs scripts at one site."""

    @property
    def site(self) -> Site:
        """Where."""

    def run(self, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", seconds: float = 60.0) -> Result:
        """Run a script to its end, which must come within `seconds`."""

    def open(
        self,
        script: str,
        arguments: Sequence[str] = (),
        *,
        input_bytes: int | None = None,
        stall_seconds: float = 300.0,
    ) -> AbstractContextManager[Stream]:
        """Start a script to talk to; the site must never be silent for `stall_seconds` while it is waited for.

        `input_bytes`: how much will be written to it, after which its stdin ends; None: stdin ends with end_input().
        Knowing it is cheaper where the site's logins are slow.
        """


class Login(Protocol):
    """A login made for the purpose."""

    @property
    def fingerprint(self) -> str:
        """Of the host key shown, "SHA256:…", whether it was the right one or not; empty where none was."""

    def open(self) -> Channel:
        """Log in."""


class Logins(Protocol):
    """Makes logins that nobody else uses."""

    def login(self, site: Site) -> AbstractContextManager[Login]:
        """Return a login that takes a bounded time, and ends with the block; nothing is contacted yet."""


class Channels(Protocol):
    """Gives channels to sites; connections are kept and shared."""

    def channel(self, site: Site, process_id: str) -> Channel:
        """Return a channel; nothing is contacted yet. `process_id`: on whose behalf, for the audit of its key."""
