"""The blob store as services see it: bytes by tenant and SHA-256. What is stored once is never changed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

CHUNK = 1024 * 1024
"""Bytes in the chunks that open() yields."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What is kept: the digest in lower-case hexadecimal, and the size in bytes."""

    sha256: str
    size: int


class Blobs(Protocol):
    """A content-addressed store."""

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
        """Store bytes durably before returning; bytes that are there already stay as they are.

        DigestMismatch when `sha256` or `size` is given and the bytes differ; LimitExceeded as soon as `limit` bytes are
        passed; Unavailable when the store is full; and what `check` raises of what came, for callers who learn only
        from the chunks what was meant to. In every case, and when `chunks` raises, nothing is kept.
        """

    def open(self, tenant: str, sha256: str, offset: int = 0) -> Iterator[bytes]:
        """Return the bytes from `offset` on in chunks of 1 MiB. NotFound, raised by the call itself."""

    def stat(self, tenant: str, sha256: str) -> StoredBlob | None:
        """Return what is kept under a digest."""
