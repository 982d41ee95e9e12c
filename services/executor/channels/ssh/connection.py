"""One kept connection to a site, shared by threads: opened under a lock, with at most so many sessions at once."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import fabric
import paramiko

from services.chassis import log
from services.chassis.errors import NotFound, Refusal
from services.executor.channels.api import Site
from services.executor.channels.ssh.keys import DelegatedKey, RefuseOthers, Signer, mismatch, pinned
from services.executor.channels.ssh.session import SshSession
from services.executor.domain.troubles import Condition, Failure, Trouble, Waiting

if TYPE_CHECKING:
    from services.executor.channels.ssh.pool import SshOptions

_REFUSED_SECONDS = 0.05
"""How long to wait before a session that was refused is asked for again."""
_log = log.get(__name__)


class SshConnection:
    """A connection that is opened when needed and opened again once it has broken."""

    def __init__(self, site: Site, signer: Signer, options: SshOptions) -> None:
        """Contact nobody yet."""
        self.site, self._signer, self._options = site, signer, options
        self._lock = threading.Lock()
        self._sessions = threading.BoundedSemaphore(options.sessions)
        self._fabric: fabric.Connection | None = None
        self._failed: tuple[float, Trouble] | None = None
        self._counting = threading.Lock()
        self._users = 0
        self._kept: list[SshSession] = []
        self._used = time.monotonic()
        self.fingerprint = ""
        """Of the key the host has shown, "SHA256:…", whether it was the right one or not."""

    @contextlib.contextmanager
    def session(self, process_id: str) -> Iterator[SshSession]:
        """Give a session nobody else uses, as soon as one is free: one used before, if there is any."""
        asked = time.monotonic()
        with self._sessions, self._counted():
            session = self._free_session(process_id, asked)
            try:
                yield session
            finally:
                if session.keep():
                    with self._counting:
                        self._kept.append(session)
                else:
                    session.close()

    def login(self, process_id: str) -> None:
        """Log in, unless that was done."""
        self._transport(process_id, time.monotonic())

    def close_if_idle(self, seconds: float) -> None:
        """Close it where nobody used it for so long; the next user opens it again."""
        with self._lock:
            if self._users == 0 and time.monotonic() - self._used > seconds:
                self._drop()

    def close(self) -> None:
        """Close it; sessions under way break."""
        with self._lock:
            self._drop()

    def _free_session(self, process_id: str, asked: float) -> SshSession:
        until = time.monotonic() + self._options.connect_seconds
        while True:
            kept = self._take_kept()
            if kept is not None:
                return kept
            try:
                return SshSession(self._open_session(process_id, asked))
            except paramiko.ChannelException as error:
                # A server counts sessions that have ended until it has seen that; and some allow fewer than we want.
                if time.monotonic() > until:
                    raise self._unreachable(f"refuses another session: {error.text}") from error
                time.sleep(_REFUSED_SECONDS)

    def _take_kept(self) -> SshSession | None:
        with self._counting:
            while self._kept:
                session = self._kept.pop()
                if session.alive():
                    return session
                session.close()
        return None

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._counting:
            self._users += 1
        try:
            yield
        finally:
            with self._counting:
                self._users -= 1
                self._used = time.monotonic()

    def _open_session(self, process_id: str, asked: float, *, again: bool = True) -> paramiko.Channel:
        transport = self._transport(process_id, asked)
        try:
            return transport.open_session(timeout=self._options.connect_seconds)
        except paramiko.ChannelException:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            self._forget(transport)
            if not again:
                raise self._unreachable(f"opens no session: {_told(error)}") from error
        # A kept connection may have broken unnoticed; nothing has run on it yet, so a new one is tried at once.
        return self._open_session(process_id, asked, again=False)

    def _transport(self, process_id: str, asked: float) -> paramiko.Transport:
        with self._lock:
            transport: paramiko.Transport | None = self._fabric.transport if self._fabric is not None else None
            if transport is not None and transport.is_active():
                return transport
            self._drop()
            # Whoever queued here while another found the site unreachable need not find it out again.
            if self._failed is not None and self._failed[0] > asked:
                raise self._failed[1]
            try:
                self._fabric = self._connect(process_id)
            except Trouble as trouble:
                self._failed = (time.monotonic(), trouble)
                raise
            opened: paramiko.Transport = self._fabric.transport
            return opened

    def _forget(self, transport: paramiko.Transport) -> None:
        with self._lock:
            if self._fabric is not None and self._fabric.transport is transport:
                self._drop()

    def _drop(self) -> None:
        connection, self._fabric = self._fabric, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _connect(self, process_id: str) -> fabric.Connection:
        site, known = self.site, pinned(self.site)
        key = self._key(process_id)
        # lazy and an empty SSHConfig: no file of whoever runs the executor has a say.
        config = fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig())
        wire = self._socket()
        connection = fabric.Connection(
            site.address,
            user=site.login,
            port=site.port,
            config=config,
            forward_agent=False,
            connect_kwargs={
                "sock": wire,
                "pkey": key,
                "timeout": self._options.connect_seconds,
                "banner_timeout": self._options.connect_seconds,
                "auth_timeout": self._options.connect_seconds * 2,
                "allow_agent": False,
                "look_for_keys": False,
            },
        )
        # Before it is opened: fabric trusts unknown hosts unless told otherwise.
        client: paramiko.SSHClient = connection.client
        client.set_missing_host_key_policy(RefuseOthers(site, known))
        name = site.address if site.port == 22 else f"[{site.address}]:{site.port}"
        for each in known:
            client.get_host_keys().add(name, each.get_name(), each)
        try:
            with self._classified(key, known):
                connection.open()
        except BaseException:
            with contextlib.suppress(Exception):
                self._note_key(client.get_transport())
                client.close()
            wire.close()
            raise
        self._note_key(connection.transport)
        connection.transport.set_keepalive(self._options.keepalive_seconds)
        _log.info("connected", site=str(site))
        return connection

    def _note_key(self, transport: paramiko.Transport | None) -> None:
        if transport is not None:
            self.fingerprint = str(transport.get_remote_server_key().fingerprint)

    def _socket(self) -> socket.socket:
        site = self.site
        try:
            wire = socket.create_connection((site.address, site.port), timeout=self._options.connect_seconds)
        except OSError as error:
            raise self._unreachable(f"does not answer: {_told(error)}") from error
        # Small requests one after another: without this each waits for the acknowledgement of the one before.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._options.silence_ms)
        return wire

    def _key(self, process_id: str) -> DelegatedKey:
        site = self.site
        try:
            public_key = self._signer.public_key(site.tenant, site.credential_id)
        except NotFound as error:
            reason = f"there is no credential {site.credential_id!r} to log in to {site} with"
            raise Failure(Condition.LOGIN_REFUSED, reason) from error
        return DelegatedKey(public_key, lambda data, algorithm: self._signer.sign(site, data, algorithm, process_id))

    @contextlib.contextmanager
    def _classified(self, key: DelegatedKey, known: list[paramiko.PKey]) -> Iterator[None]:
        try:
            yield
        except paramiko.BadHostKeyException as error:
            raise mismatch(self.site, known, error.key) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            if isinstance(key.error, Refusal):
                raise key.error from error
            if isinstance(error, paramiko.AuthenticationException):
                raise Waiting(
                    Condition.LOGIN_REFUSED,
                    f"{self.site.address}:{self.site.port} refuses the login of {self.site.login} with the credential "
                    f"{self.site.credential_id} ({key.fingerprint}); is its public key in authorized_keys there?",
                ) from error
            raise self._unreachable(f"does not complete the SSH handshake: {_told(error)}") from error

    def _unreachable(self, what: str) -> Waiting:
        return Waiting(Condition.HOST_UNREACHABLE, f"{self.site.address}:{self.site.port} {what}")


def _told(error: BaseException) -> str:
    said = getattr(error, "strerror", None) or str(error)
    return said or type(error).__name__
