"""Credentials, their public halves, and what is recorded of their use."""

import base64
import enum
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.profile.domain.violations import Violation

ID_PREFIX = "cred"


@dataclass(frozen=True)
class Credential:
    """The public half of a stored SSH key. The fields mean what the proto of the same name says."""

    credential_id: str
    name: str
    public_blob: bytes
    owner: str
    create_time_us: int = 0
    last_use_time_us: int | None = None

    @property
    def key_type(self) -> str:
        """The type of the key, e.g. "ssh-ed25519"."""
        length = int.from_bytes(self.public_blob[:4], "big")
        return self.public_blob[4 : 4 + length].decode("ascii")

    @property
    def public_key(self) -> str:
        """The line for authorized_keys."""
        return f"{self.key_type} {base64.b64encode(self.public_blob).decode('ascii')} vahana:{self.name}"

    @property
    def fingerprint(self) -> str:
        """What ssh-keygen -l prints of it."""
        digest = hashlib.sha256(self.public_blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


@dataclass(frozen=True)
class SealedKey:
    """A private key as it lies in the database: of no use without the master key of that id."""

    master_key_id: str
    wrapped_data_key: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


class Action(enum.StrEnum):
    """What was done with a credential."""

    GENERATED = "GENERATED"
    IMPORTED = "IMPORTED"
    SIGNED = "SIGNED"
    DELETED = "DELETED"


@dataclass(frozen=True)
class Use:
    """One line of the audit."""

    credential_id: str
    owner: str
    """Whose the credential is; said here as it may be gone."""
    action: Action
    caller: str
    time_us: int
    process_id: str = ""
    host: str = ""
    login: str = ""


def name_violations(name: str) -> Iterator[Violation]:
    """A credential is asked for by id or by name, so no name may look like an id."""
    if name.startswith(f"{ID_PREFIX}-"):
        yield Violation("name", f"'{name}' begins like an id, with '{ID_PREFIX}-': choose another beginning")
