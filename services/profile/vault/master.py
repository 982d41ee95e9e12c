"""The master key: a file that only its owner can read, made on the first start, or a text given.

While it is changed, the new one lies beside it, in `next_file`; see the command rotate_master_key.
"""

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

_LENGTH = 32


class MasterKeyError(OSError):
    """The master key cannot be used; the message says why, and the way out."""


class MasterKey:
    """The key under which the data key of every credential is wrapped."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.key_id = hashlib.sha256(b"vahana master key id\0" + key).hexdigest()[:16]
        """Tells one master key from another, and nothing about it."""

    def __repr__(self) -> str:
        return f"MasterKey({self.key_id})"


def load(path: Path) -> MasterKey:
    """The key in the file. Raises MasterKeyError, also where the file is absent."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(4 * _LENGTH)
    except OSError as error:
        raise MasterKeyError(f"cannot read the master key {path}: {error.strerror}") from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise MasterKeyError(f"others than its owner can read the master key {path} (mode {mode:04o}): chmod 600 it")
    return MasterKey(_decoded(content, str(path)))


def parse(text: str, source: str) -> MasterKey:
    """The key in a text, which is base64; `source` is named where it is none. Raises MasterKeyError."""
    return MasterKey(_decoded(text.encode("utf-8", "surrogateescape"), source))


def create(path: Path, key: MasterKey | None = None) -> None:
    """Make the file with this key or a fresh one, whole or not at all; leaves one that is there as it is."""
    content = secrets.token_bytes(_LENGTH) if key is None else key.key
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(content) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    _sync_directory(path.parent)


def next_file(path: Path) -> Path:
    """Where the key lies that is to take the place of the one in the file."""
    return path.with_name(f"{path.name}.new")


def backup_file(path: Path, key: MasterKey) -> Path:
    """Where a key is kept that was in the file once."""
    return path.with_name(f"{path.name}.{key.key_id}.old")


def promote(path: Path) -> None:
    """Put the next key in place of the one in the file, which is kept beside it. Cut short, it may be done again."""
    with contextlib.suppress(FileExistsError):
        backup_file(path, load(path)).hardlink_to(path)
    _sync_directory(path.parent)
    next_file(path).replace(path)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decoded(content: bytes, source: str) -> bytes:
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _LENGTH:
        # No cause and no content: either could show the key.
        raise MasterKeyError(f"{source} holds no master key, which is {_LENGTH} bytes in base64: restore it") from None
    return key
