"""The private SSH server of a local mesh: this machine as a compute resource, without touching its system services."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from string import Template
from types import MappingProxyType, TracebackType

_SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"))
_SHADOW = Path("/etc/shadow")
_PRIVILEGE_SEPARATION = Path("/run/sshd")
"""Where sshd started by root locks its unprivileged half up; absent where no service manager makes it."""


class SshdError(Exception):
    """The server cannot run; the message says why and the way out."""


class LocalSshd:
    """An OpenSSH server on 127.0.0.1 with keys and configuration of its own under `{home}/sshd`.

    Whoever starts it is the one account that may log in: root, or a plain user. Nothing is written outside that
    directory, except that root needs /run/sshd.
    """

    def __init__(self, home: Path, port: int, *, options: Mapping[str, str] = MappingProxyType({})) -> None:
        """`options`: further words of sshd_config(5), e.g. {"MaxSessions": "1"}; they win over the template's."""
        self.directory = home.absolute() / "sshd"
        self.port = port
        self.login = getpass.getuser()
        self._options = dict(options)
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the host key and the configuration; the key and the authorized keys stay as they are where present."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory.chmod(0o700)
        if not self._host_key_file.exists():
            _generate(self._host_key_file)
        self._authorized_keys.touch(mode=0o600)
        self._config.write_text(self._render())
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)

    def command(self) -> list[str]:
        """The server in the foreground, its log on stderr; to be started after prepare(). Fails with SshdError."""
        return [_program("sshd"), "-D", "-e", "-f", str(self._config)]

    def start(self, patience_seconds: float = 10.0) -> None:
        """Start the server as a child and wait until it answers. Fails with SshdError."""
        self.prepare()
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + patience_seconds
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SshdError(f"sshd does not answer on 127.0.0.1:{self.port}: {self._last_words()}")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether an SSH server greets on the port."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def stop(self, patience_seconds: float = 5.0) -> None:
        """End the server that start() started; sessions under way go on until they end."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    @property
    def pid(self) -> int:
        """Process id of the server that start() started. Fails with SshdError where it does not run."""
        if self._process is None:
            raise SshdError("sshd was not started")
        return self._process.pid

    def host_key(self) -> str:
        """The key the server shows: "ssh-ed25519 AAAA…"."""
        return " ".join(_public_half(self._host_key_file).read_text().split()[:2])

    def authorize(self, public_key: str) -> None:
        """Let the holder of a key log in, from the next login on; a second time changes nothing."""
        key = " ".join(public_key.split()[:2])
        present = self._authorized_keys.read_text().splitlines() if self._authorized_keys.exists() else []
        if key in present:
            return
        fresh = self.directory / "authorized_keys.new"
        fresh.touch(mode=0o600)
        fresh.write_text("".join(f"{line}\n" for line in [*present, key]))
        fresh.replace(self._authorized_keys)

    def __enter__(self) -> LocalSshd:
        """Start."""
        self.start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    @property
    def _config(self) -> Path:
        return self.directory / "sshd_config"

    @property
    def _host_key_file(self) -> Path:
        return self.directory / "host_key"

    @property
    def _authorized_keys(self) -> Path:
        return self.directory / "authorized_keys"

    def _render(self) -> str:
        return Template(_template().read_text()).substitute(
            directory=self.directory,
            authorized_keys=str(self._authorized_keys).replace("%", "%%"),  # a percent sign begins a token there
            port=self.port,
            options="\n".join(f"{word} {value}" for word, value in self._options.items()),
            use_pam="yes" if _locked(self.login) else "no",
        )

    def _last_words(self) -> str:
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return " / ".join(lines[-3:]) or "it said nothing"


def _locked(login: str) -> bool:
    """Whether the account's password is locked. sshd itself refuses such accounts; PAM lets keys through.

    Only root can tell, and only root's server could ask PAM: a plain user's server sees no password at all.
    """
    if os.geteuid() != 0 or not _SHADOW.exists():
        return False
    for line in _SHADOW.read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == login:
            return rest.startswith("!")
    return False


def _program(name: str) -> str:
    found = shutil.which(name, path=_SEARCH)
    if found is None:
        raise SshdError(f"{name} is not installed; on Debian: apt-get install openssh-server")
    return found  # absolute: sshd starts itself again for every connection


def _generate(file: Path) -> None:
    keygen = [_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "vahana", "-f", str(file)]
    subprocess.run(keygen, check=True, stdin=subprocess.DEVNULL)


def _public_half(file: Path) -> Path:
    return file.with_name(f"{file.name}.pub")


def _template() -> Path:
    """The template as installed beside this package, or as it stands in a checkout."""
    installed = Path(__file__).with_name("dev") / "sshd" / "sshd_config.template"
    return installed if installed.exists() else Path(__file__).parents[3] / "deploy/dev/sshd/sshd_config.template"
