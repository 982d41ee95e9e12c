"""An owner of entities, asked by its SnapshotService."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

import grpc

from services.chassis.copies import Export
from services.chassis.errors import InvalidFields, Refusal, Unavailable
from services.chassis.rpc.client import translate
from vahana.event.v1.sync_pb2 import EntityChanged

_FIND_SECONDS = 2.0
_EXPORT_SECONDS = 300.0


class SnapshotPeer:
    """Implements copies.Peer."""

    def __init__(self, owner: str, stub: Any, messages: Any) -> None:
        """`stub`: of the owner's SnapshotService; `messages`: the module of its requests."""
        self._owner, self._stub, self._messages = owner, stub, messages

    def export(self, kinds: Collection[int]) -> Export:
        """See copies.Peer."""
        as_of, entities = 0, list[EntityChanged]()
        with self._answering():
            for part in self._stub.ExportEntities(self._messages.ExportEntitiesRequest(), timeout=_EXPORT_SECONDS):
                as_of = part.as_of
                entities += [each for each in part.entities if each.kind in kinds]
        return Export(as_of, entities)

    def find(self, kind: int, tenant: str, name: str, parent: str) -> list[EntityChanged]:
        """See copies.Peer."""
        request = self._messages.FindEntitiesRequest(kind=kind, tenant=tenant, name=name, parent=parent)
        try:
            with self._answering():
                return list(self._stub.FindEntities(request, timeout=_FIND_SECONDS).entities)
        except InvalidFields:
            return []  # nothing has such a name

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Whatever else is wrong with the owner, and be it of an older version, says nothing of its entities."""
        try:
            with translate(self._owner):
                yield
        except (InvalidFields, Unavailable):
            raise
        except (Refusal, grpc.RpcError) as error:
            reason = error.message if isinstance(error, Refusal) else error.details()
            raise Unavailable(f"{self._owner} does not show its entities: {reason}") from error
