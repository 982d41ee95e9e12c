"""How a service comes by the access token it calls its peers with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import grpc

from services.chassis.errors import Refusal, Unavailable
from services.chassis.rpc.errors import from_error
from vahana.profile.v1 import identity_pb2, identity_pb2_grpc

EXCHANGE_SECONDS = 5.0
"""How long profile may take."""
RENEW_SECONDS = 60.0
"""How long before its end a token is replaced."""
_PAUSE_SECONDS = 1.0
"""Between two attempts to replace a token that is still good, and the least age of one that a peer may refuse."""


class Token(Protocol):
    """What calls to a peer carry."""

    def get(self) -> str:
        """The token to send now. Unavailable where there is none."""

    def refused(self, token: str) -> None:
        """A peer did not take this one."""


class FileToken:
    """The token in a file, read again when the file changes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[int, str] = (-1, "")

    def get(self) -> str:
        """The content of the file."""
        try:
            stamp = self._file.stat().st_mtime_ns
            if stamp != self._read[0]:
                self._read = (stamp, self._file.read_text("ascii").strip())
        except OSError as error:
            raise Unavailable(f"no token to call other services with: {error}") from error
        return self._read[1]

    def refused(self, token: str) -> None:
        """Nothing can be done about it but to write the file anew."""


@dataclass(frozen=True, slots=True)
class _Held:
    token: str
    since: float
    renew_at: float
    end: float


class AccessToken:
    """An access token, exchanged at profile for a token of our own; used to its end while profile is away."""

    def __init__(self, own: Token, profile: grpc.Channel, clock: Callable[[], float] = time.time) -> None:
        """`own` is what profile knows this service by; `clock` gives seconds since 1970."""
        self._own = own
        self._exchange = identity_pb2_grpc.IdentityServiceStub(profile).ExchangeToken
        self._clock = clock
        self._lock = threading.Lock()
        self._held = _Held("", 0, 0, 0)
        self._attempts = 0
        self._failed: Refusal = Unavailable("no access token was asked for yet")

    def get(self) -> str:
        """A token that is good for a while; asked for once, however many need it at the same time."""
        held, now = self._held, self._clock()
        if now < held.renew_at:
            return held.token
        usable = now < held.end
        seen = self._attempts
        # Where another thread is at it, what is still good will do.
        if not self._lock.acquire(blocking=not usable):
            return held.token
        try:
            return self._renewed(seen)
        finally:
            self._lock.release()

    def refused(self, token: str) -> None:
        """Ask for another next time, unless this one is new: keys a peer does not know yet are no reason for more."""
        with self._lock:
            if token == self._held.token and self._clock() >= self._held.since + _PAUSE_SECONDS:
                self._held = _Held("", 0, 0, 0)

    def _renewed(self, seen: int) -> str:
        held, now = self._held, self._clock()
        if now < held.renew_at:
            return held.token
        if seen != self._attempts and now >= held.end:
            # Another thread's attempt, begun after this one came to wait, has just failed.
            raise self._failed
        try:
            self._held = self._ask()
        except Refusal as refusal:
            self._attempts += 1
            self._failed = refusal
            if now >= held.end:
                raise
            self._held = _Held(held.token, held.since, self._clock() + _PAUSE_SECONDS, held.end)
        return self._held.token

    def _ask(self) -> _Held:
        shown = (("authorization", f"Bearer {self._own.get()}"),)
        try:
            answer = self._exchange(identity_pb2.ExchangeTokenRequest(), timeout=EXCHANGE_SECONDS, metadata=shown)
        except grpc.RpcError as error:
            refusal = from_error(error)
            reason = "does not answer" if refusal is None or isinstance(refusal, Unavailable) else "refuses our token"
            raise Unavailable(f"no access token to call other services with: profile {reason}") from error
        now, end = self._clock(), answer.expire_time.ToNanoseconds() / 1e9
        return _Held(answer.access_token, now, end - RENEW_SECONDS, end)
