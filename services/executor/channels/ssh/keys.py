"""Keys whose private half is elsewhere: profile signs for us. And the host keys we hold hosts to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import paramiko

from services.executor.channels.api import Site
from services.executor.domain.troubles import Condition, Failure


class Signer(Protocol):
    """Who keeps the private keys. Both raise errors.Unavailable and errors.NotFound."""

    def public_key(self, tenant: str, credential_id: str) -> str:
        """Return "ssh-ed25519 AAAA…"."""

    def sign(self, site: Site, challenge: bytes, algorithm: str, process_id: str) -> bytes:
        """Return the signature blob of RFC 4253 for an authentication challenge at a site."""


class DelegatedKey(paramiko.PKey):
    """A public key that has its signatures made by somebody else."""

    def __init__(self, public_key: str, sign: Callable[[bytes, str], bytes]) -> None:
        """`sign(challenge, algorithm)` is called from paramiko's own thread; what it raises is kept in `error`."""
        self._name, self._blob = parse_public_key(public_key)
        self._sign = sign
        self.error: Exception | None = None

    def asbytes(self) -> bytes:
        """Return the public key's blob."""
        return self._blob

    def get_name(self) -> str:
        """Return the type of key."""
        return self._name

    @property
    def _fields(self) -> tuple[str, bytes]:
        return self._name, self._blob

    def can_sign(self) -> bool:
        """Return that it can, wherever its private half is."""
        return True

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> paramiko.Message:
        """Have the challenge signed."""
        try:
            return paramiko.Message(self._sign(data, algorithm or self._name))
        except Exception as error:
            self.error = error
            raise paramiko.SSHException("the login could not be signed") from error


def parse_public_key(public_key: str) -> tuple[str, bytes]:
    """Return type and blob of "type base64 [comment]"; ValueError where it is no such thing."""
    try:
        name, encoded = public_key.split()[:2]
        return name, base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"not a public key: {public_key[:80]!r}") from error


def pinned(site: Site) -> list[paramiko.PKey]:
    """Return the keys the host may show; Failure where none is readable."""
    keys: list[Any] = []
    for line in site.host_keys:
        try:
            keys.append(paramiko.PKey.from_type_string(*parse_public_key(line)))
        except (ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType):
            continue
    if not keys:
        raise Failure(
            Condition.HOST_KEY_MISMATCH, f"no readable host key is registered for {site}; register the key it shows"
        )
    return keys


class RefuseOthers(paramiko.RejectPolicy):
    """Refuses a host that shows a type of key none of whose kind is registered."""

    def __init__(self, site: Site, known: list[paramiko.PKey]) -> None:
        """Keep what is known, to name it."""
        self._site, self._known = site, known

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> NoReturn:
        """Refuse."""
        raise mismatch(self._site, self._known, key)


def mismatch(site: Site, known: list[paramiko.PKey], shown: paramiko.PKey) -> Failure:
    """Return the failure that names both sides' fingerprints."""
    expected = " or ".join(f"{key.get_name()} {key.fingerprint}" for key in known)
    return Failure(
        Condition.HOST_KEY_MISMATCH,
        f"{site.address}:{site.port} shows the host key {shown.get_name()} {shown.fingerprint}, but {expected} is "
        "registered for it; somebody may be in between. Where the key was changed on purpose, register the new one",
    )
