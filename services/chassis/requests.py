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
        first = self.recalled(tx, request, kind)
        if first is not None:
            return first
        answer = make()
        self.remember(tx, *_key(request), answer.SerializeToString())
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
        now = clock.now_us()
        if now - self._purged_us > _PURGE_EVERY_US:
            self._purged_us = now
            self.purge(tx, now - KEPT_US)
        row = {
            "caller": caller,
            "method": method,
            "request_id": request_id,
            "fingerprint": fingerprint,
            "response": response,
            "created_us": now,
        }
        if not insert_ignore(tx, self._table, [row]):
            # Another replica answered the same request meanwhile: this transaction must not stand beside its.
            raise Unavailable(f"request {request_id!r} is being answered elsewhere; repeat it to get that answer")

    def purge(self, tx: Tx, before_us: int) -> int:
        """Forget answers given before a time; return how many."""
        return tx.execute(sa.delete(self._table).where(self._table.c.created_us < before_us)).rowcount


def _key(request: Any) -> tuple[str, str, str, bytes]:
    who = caller()
    return f"{who.tenant}/{who.subject}", request.DESCRIPTOR.full_name, request.request_id, fingerprint(request)
