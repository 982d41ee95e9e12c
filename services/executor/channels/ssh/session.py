"""A session in which one script after another runs: what a login's rc files cost can be more than the script."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time

import paramiko

from services.executor import scripts
from services.executor.channels import shell

KEPT_SECONDS = 300.0
"""How old a session may be when it is used again: what the account may do, and its rc files, change at times."""


class SshSession:
    """For use by one thread at a time."""

    def __init__(self, session: paramiko.Channel) -> None:
        """Take a session in which nothing was started yet."""
        self.channel, self._token, self._born = session, secrets.token_hex(16), time.monotonic()
        self.fresh = True
        self.reusable = False
        """Whether its last script has ended well and left nothing behind."""

    def start(self, line: str, marker: str, input_bytes: int | None, seconds: float) -> None:
        """Have a command line run; the session must never be silent for `seconds`. See serve.sh for the rest.

        Raises what paramiko does.
        """
        self.reusable = False
        self.channel.settimeout(seconds)
        command = line.encode()
        asked = f"{self._token} {len(command)} {'rest' if input_bytes is None else input_bytes} {marker}\n"
        if self.fresh:
            self._serve(seconds)
            asked = f"{self._token}\n{asked}"
        try:
            self.channel.sendall(asked.encode() + command)
        except TimeoutError:
            raise
        except OSError:
            # A login that has ended already may have said why: the stream reads that.
            if not self.fresh:
                raise

    def _serve(self, seconds: float) -> None:
        # paramiko waits for the answer to this without an end.
        overdue = threading.Timer(seconds, self.channel.get_transport().close)
        overdue.daemon = True
        overdue.start()
        try:
            self.channel.exec_command(shell.join(["sh", "-c", scripts.text("serve")]).encode())
        finally:
            overdue.cancel()

    def keep(self) -> bool:
        """Tell whether it can be used again, and note that it then was used before."""
        self.fresh = False
        return self.reusable and self.alive()

    def alive(self) -> bool:
        """Tell whether nothing is known that speaks against using it."""
        young = time.monotonic() - self._born < KEPT_SECONDS
        return young and not (self.channel.closed or self.channel.eof_received)

    def close(self) -> None:
        """Close it; what runs in it loses its stdin and stdout."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.channel.close()
