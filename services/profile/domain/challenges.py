"""The SSH user-authentication challenge of RFC 4252, section 7: the only thing a stored key ever signs."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.profile.domain.violations import Violation

_USERAUTH_REQUEST = 50
_DIGEST_LENGTHS = (20, 32, 48, 64)
"""A session identifier is the hash of a key exchange: SHA-1, -256, -384 or -512."""
_RSA_ALGORITHMS = ("rsa-sha2-256", "rsa-sha2-512")


@dataclass(frozen=True)
class Challenge:
    """What a challenge says."""

    user: bytes
    service: bytes
    method: bytes
    signed: int
    algorithm: bytes
    public_blob: bytes


class ChallengeError(ValueError):
    """The bytes are no challenge; the message says where they stop to be one."""


def parse(challenge: bytes) -> Challenge:
    """Take the bytes apart. Raises ChallengeError."""
    reader = _Reader(challenge)
    if len(reader.string("session identifier")) not in _DIGEST_LENGTHS:
        raise ChallengeError("its session identifier has not the length of a digest")
    if reader.byte("message number") != _USERAUTH_REQUEST:
        raise ChallengeError("its message is not SSH_MSG_USERAUTH_REQUEST")
    parsed = Challenge(
        user=reader.string("user"),
        service=reader.string("service"),
        method=reader.string("method"),
        signed=reader.byte("boolean"),
        algorithm=reader.string("algorithm"),
        public_blob=reader.string("public key"),
    )
    if not reader.at_end():
        raise ChallengeError("bytes follow its end")
    return parsed


def algorithm_for(key_type: str, asked: str) -> str:
    """The signature algorithm for a key of this type; "" where the one asked for does not fit it."""
    if key_type == "ssh-rsa":
        return asked if asked in _RSA_ALGORITHMS else ""
    return key_type if asked in ("", key_type) else ""


def violations(challenge: bytes, *, login: str, algorithm: str, public_blob: bytes) -> Iterator[Violation]:
    """Every way in which the bytes are not the challenge for this login, algorithm and key."""
    try:
        said = parse(challenge)
    except ChallengeError as broken:
        yield _fault(f"it is no SSH user-authentication challenge: {broken}")
        return
    expected = (
        ("user", said.user, login.encode()),
        ("service", said.service, b"ssh-connection"),
        ("method", said.method, b"publickey"),
        ("boolean", said.signed, 1),
        ("algorithm", said.algorithm, algorithm.encode()),
        ("public key", said.public_blob, public_blob),
    )
    for what, found, wanted in expected:
        if found != wanted:
            yield _fault(f"its {what} is not the one expected for this login, algorithm and credential")


def _fault(text: str) -> Violation:
    return Violation("challenge", f"{text}; send the bytes that RFC 4252, section 7, has signed")


class _Reader:
    """Reads SSH's wire types one after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self, what: str) -> int:
        return self._take(1, what)[0]

    def string(self, what: str) -> bytes:
        return self._take(int.from_bytes(self._take(4, what), "big"), what)

    def at_end(self) -> bool:
        return self._at == len(self._data)

    def _take(self, length: int, what: str) -> bytes:
        taken = self._data[self._at : self._at + length]
        if len(taken) != length:
            raise ChallengeError(f"it ends within its {what}")
        self._at += length
        return taken
