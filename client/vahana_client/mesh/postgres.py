"""A private PostgreSQL 15 on loopback, from Debian's binaries, with its state in a directory of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

BINARIES = Path("/usr/lib/postgresql/15/bin")

_READY_SECONDS = 30.0
_STOP_SECONDS = 30.0
_USER = "vahana"


class PostgresError(Exception):
    """PostgreSQL cannot run here, or did not start; the message says why."""


class LocalPostgres:
    """A cluster with its state in `home`, which the account it runs as must be able to enter.

    Run by root it runs as the user postgres, since PostgreSQL refuses root.
    """

    def __init__(self, home: Path, port: int, *, fsync: bool = True) -> None:
        """Take a free port of loopback. `fsync`: off for databases that nobody misses after a power cut."""
        self._home, self._port, self._fsync = home.absolute(), port, fsync
        self._data, self._log = self._home / "data", self._home / "log"
        self._account = _account()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    def prepare(self) -> None:
        """Make the cluster. PostgresError where PostgreSQL is not installed."""
        if not (BINARIES / "initdb").exists():
            raise PostgresError(f"PostgreSQL 15 is not installed ({BINARIES}/initdb): apt-get install postgresql-15")
        self._home.mkdir(parents=True, exist_ok=True)
        if self._account:
            os.chown(self._home, pwd.getpwnam("postgres").pw_uid, -1)
        words: list[str | Path] = [BINARIES / "initdb", "-D", self._data, "-U", _USER]
        words += ["-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
        subprocess.run(words, check=True, capture_output=True, cwd=self._home, **self._account)

    def start(self) -> None:
        """Start the server as a child process and wait until it answers. PostgresError where it ends instead."""
        settings: Mapping[str, object] = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "fsync": "on" if self._fsync else "off",
            "max_connections": 200,
        }
        words: list[str | Path] = [BINARIES / "postgres", "-D", self._data]
        words += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(words, stdout=output, stderr=output, cwd=self._home, **self._account)
        self._wait_until_it_answers()

    def stop(self) -> None:
        """End the server, without waiting for its clients."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server at once, as a crash does: the next start recovers from its log."""
        self._end(signal.SIGQUIT)

    def remove(self) -> None:
        """End the server and remove all it kept."""
        self.stop()
        shutil.rmtree(self._home)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self._port}/{database}"

    def connect(self, database: str) -> psycopg.Connection:
        """A connection of one's own, each statement a transaction."""
        return psycopg.connect(f"host=127.0.0.1 port={self._port} user={_USER} dbname={database}", autocommit=True)

    def create(self, database: str) -> str:
        """Make an empty database, named by a word; return its URL."""
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self.url(database)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    self._end(signal.SIGKILL)
                    said = self._log.read_text(errors="replace")[-2000:]
                    raise PostgresError(f"PostgreSQL did not start: {said}") from None
                time.sleep(0.05)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_STOP_SECONDS)
            self._process = None


def _account() -> dict[str, Any]:
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
