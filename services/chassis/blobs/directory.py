"""The blob store in a directory: {root}/{tenant}/{first two digits}/{sha256}."""

import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from services.chassis.blobs.api import CHUNK, StoredBlob
from services.chassis.errors import DigestMismatch, FieldViolation, InvalidFields, LimitExceeded, NotFound, Unavailable

_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARTIAL = ".partial-"
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_ABANDONED_SECONDS = 24 * 3600


class DirectoryBlobs:
    """Files that appear whole, by rename, after they are on the disk."""

    def __init__(self, root: Path) -> None:
        """Use a directory, made where absent; parts of uploads abandoned a day ago are removed."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root = root
        for partial in root.glob(f"*/{_PARTIAL}*"):
            if time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS:
                partial.unlink(missing_ok=True)

    def put(
        self,
        tenant: str,
        chunks: Iterable[bytes],
        *,
        sha256: str | None = None,
        size: int | None = None,
        limit: int,
        check: Callable[[StoredBlob], None] | None = None,
    ) -> StoredBlob:
        """See blobs.api.Blobs."""
        directory = self._tenant(tenant)
        directory.mkdir(exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=_PARTIAL, dir=directory)
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                stored = _copy(chunks, file, limit)
                _check(stored, sha256, size)
                if check is not None:
                    check(stored)
                file.flush()
                os.fsync(file.fileno())
            self._publish(partial, self._path(tenant, stored.sha256))
        except OSError as error:
            if error.errno in _FULL:
                raise Unavailable(f"the file store is full: {error.strerror}") from error
            raise
        finally:
            partial.unlink(missing_ok=True)
        return stored

    def open(self, tenant: str, sha256: str, offset: int = 0) -> Iterator[bytes]:
        """See blobs.api.Blobs."""
        try:
            file = self._path(tenant, sha256).open("rb")
        except FileNotFoundError:
            raise NotFound("stored file", sha256) from None
        return _chunks(file, offset)

    def stat(self, tenant: str, sha256: str) -> StoredBlob | None:
        """See blobs.api.Blobs."""
        try:
            return StoredBlob(sha256, self._path(tenant, sha256).stat().st_size)
        except FileNotFoundError:
            return None

    def _publish(self, partial: Path, path: Path) -> None:
        if path.exists():
            return
        path.parent.mkdir(exist_ok=True, mode=0o700)
        partial.replace(path)
        for directory in (path.parent, path.parent.parent):
            _sync(directory)

    def _tenant(self, tenant: str) -> Path:
        if not _TENANT.fullmatch(tenant):
            raise InvalidFields([FieldViolation("tenant", f"{tenant!r} is not the name of a tenant")])
        return self._root / tenant

    def _path(self, tenant: str, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise InvalidFields([FieldViolation("sha256", f"{sha256!r} is not 64 lower-case hexadecimal digits")])
        return self._tenant(tenant) / sha256[:2] / sha256


def _copy(chunks: Iterable[bytes], file: BinaryIO, limit: int) -> StoredBlob:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise LimitExceeded(f"the file is larger than the limit of {limit} bytes")
        digest.update(chunk)
        file.write(chunk)
    return StoredBlob(digest.hexdigest(), size)


def _check(stored: StoredBlob, sha256: str | None, size: int | None) -> None:
    if size is not None and stored.size != size:
        raise DigestMismatch(f"{stored.size} bytes arrived where {size} were announced; send the file again")
    if sha256 is not None and stored.sha256 != sha256:
        raise DigestMismatch(f"the bytes received have SHA-256 {stored.sha256}, announced was {sha256}; send again")


def _chunks(file: BinaryIO, offset: int) -> Iterator[bytes]:
    with file:
        file.seek(offset)
        while chunk := file.read(CHUNK):
            yield chunk


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
