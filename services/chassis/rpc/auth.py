"""Who calls: bearer tokens, the identities they stand for, and what an identity may do."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from services.chassis.errors import NotAllowed, TokenInvalid, TokenMissing

ADMIN = "admin"
OPERATOR = "operator"
SERVICE = "service"

TENANT_KEY = "x-vahana-tenant"
REQUEST_ID_KEY = "x-request-id"


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of the present RPC: who, of which tenant, in which roles."""

    subject: str
    tenant: str
    roles: frozenset[str]


_caller: ContextVar[Identity] = ContextVar("vahana_caller")


def caller() -> Identity:
    """The identity behind the present call; LookupError outside of one."""
    return _caller.get()


def set_caller(identity: Identity) -> None:
    """Make `identity` the caller for the rest of the present context."""
    _caller.set(identity)


@contextlib.contextmanager
def acting_as(identity: Identity) -> Iterator[None]:
    """Run a block as `identity`: for consumers, and for tests of handlers without a server."""
    reset = _caller.set(identity)
    try:
        yield
    finally:
        _caller.reset(reset)


def require_role(role: str) -> None:
    """Raise NotAllowed unless the caller has `role`."""
    if role not in caller().roles:
        raise NotAllowed(f"this needs the role {role!r}, which {caller().subject!r} does not have")


def require_service(*names: str) -> None:
    """Raise NotAllowed unless the caller is one of these services of the mesh."""
    identity = caller()
    if SERVICE not in identity.roles or identity.subject not in names:
        raise NotAllowed(f"only {', '.join(names)} may call this, not {identity.subject!r}")


class TokenVerifier:
    """Tells whose a token is, from a file of token digests that is read again whenever it changes."""

    def __init__(self, identities_file: Path) -> None:
        self._file = identities_file
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._by_digest: dict[bytes, Identity] = {}

    def verify(self, token: str) -> Identity:
        """The identity behind `token`; TokenMissing when it is empty, TokenInvalid when nobody's."""
        if not token:
            raise TokenMissing
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = None
        for known, identity in self._identities().items():
            if hmac.compare_digest(known, digest):
                found = identity
        if found is None:
            raise TokenInvalid
        return found

    def _identities(self) -> dict[bytes, Identity]:
        with self._lock:
            stamp = self._present_stamp()
            if stamp is not None and stamp != self._stamp:
                # A file caught half-written keeps the last good identities until the next change is readable.
                with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
                    self._by_digest = _parse(self._file.read_bytes())
                    self._stamp = stamp
            return self._by_digest

    def _present_stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def _parse(content: bytes) -> dict[bytes, Identity]:
    entries = json.loads(content)["identities"]
    return {
        bytes.fromhex(entry["token_sha256"]): Identity(entry["subject"], entry["tenant"], frozenset(entry["roles"]))
        for entry in entries
    }
