"""Answered requests by their client-chosen id: a repeat gets the first answer."""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from google.protobuf.message import Message

from services.chassis import clock
from services.chassis.db import Tx, insert_ignore
from services.chassis.errors import RequestIdReused, Unavailable
from services.chassis.rpc.auth import caller

KEPT_US = 7 * 24 * 3600 * 1_000_000
"""How long a repeat gets the first answer."""
_PURGE_EVERY_US = 3600 * 1_000_000


Answer = TypeVar("Answer", bound=Message)


def fingerprint(request: Message) -> bytes:
    """Return a digest of a request's content, to tell a repeat from another request under the same id."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


class Requests:
    """The table `request` of a service's metadata. `caller` is whose ids these are: "{tenant}/{subject}"."""

    def __init__(self, metadata: sa.MetaData) -> None:
        """Take the table that add_platform_tables put into the metadata."""
        self._table = metadata.tables["request"]
        self._purged_us = 0

    def once(self, tx: Tx, request: Any, kind: type[Answer], make: Callable[[], Answer]) -> Answer:
        """Return the answer `make` gives, remembered under the caller and the request's id; for a repeat the first one.

        RequestIdReused where the id came with another content before.
        """
        if not request.request_id:
            return make()
        key = _key(request)
        # The row comes first: a repeat at the same time waits for it here, and not with what `make` finds taken.
        if not self._insert(tx, key, b""):
            first = self.recall(tx, *key)
            if first is None:
                raise Unavailable(f"request {request.request_id!r} was just forgotten; repeat it")
            return kind.FromString(first)
        answer = make()
        columns = self._table.c
        same = (columns.caller == key[0], columns.method == key[1], columns.request_id == key[2])
        tx.execute(sa.update(self._table).where(*same).values(response=answer.SerializeToString()))
        return answer

    def recalled(self, tx: Tx, request: Any, kind: type[Answer]) -> Answer | None:
        """Return the answer a repeat gets, None for a new request: asked first where `make` is costly or does I/O."""
        stored = self.recall(tx, *_key(request))
        return None if stored is None else kind.FromString(stored)

    def recall(self, tx: Tx, caller: str, method: str, request_id: str, fingerprint: bytes) -> bytes | None:
        """Return the stored answer, None for a new request or no id. RequestIdReused when the content differs."""
        if not request_id:
            return None
        columns = self._table.c
        row = tx.execute(
            sa.select(columns.fingerprint, columns.response).where(
                columns.caller == caller, columns.method == method, columns.request_id == request_id
            )
        ).one_or_none()
        if row is None:
            return None
        if row.fingerprint != fingerprint:
            raise RequestIdReused(request_id)
        return bytes(row.response)

    def remember(  # noqa: PLR0917 - the key of a row, as in recall, and its content
        self, tx: Tx, caller: str, method: str, request_id: str, fingerprint: bytes, response: bytes
    ) -> None:
        """Store the answer with the transaction that made it true; nothing without an id."""
        if not request_id:
            return
        if not self._insert(tx, (caller, method, request_id, fingerprint), response):
            # Another replica answered the same request meanwhile: this transaction must not stand beside its.
            raise Unavailable(f"request {request_id!r} is being answered elsewhere; repeat it to get that answer")

    def _insert(self, tx: Tx, key: tuple[str, str, str, bytes], response: bytes) -> bool:
        """Store an answer; False where there is one. Waits for whoever is storing one under the same key."""
        now = clock.now_us()
        if now - self._purged_us > _PURGE_EVERY_US:
            self._purged_us = now
            self.purge(tx, now - KEPT_US)
        row = dict(zip(("caller", "method", "request_id", "fingerprint"), key, strict=True))
        return insert_ignore(tx, self._table, [row | {"response": response, "created_us": now}]) == 1

    def purge(self, tx: Tx, before_us: int) -> int:
        """Forget answers given before a time; return how many."""
        return tx.execute(sa.delete(self._table).where(self._table.c.created_us < before_us)).rowcount


def _key(request: Any) -> tuple[str, str, str, bytes]:
    who = caller()
    return f"{who.tenant}/{who.subject}", request.DESCRIPTOR.full_name, request.request_id, fingerprint(request)
