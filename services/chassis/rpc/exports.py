"""What others' copies are made of: the SnapshotService of an owner of entities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from services.chassis.changes import Key, key_of
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.rpc.auth import SERVICE, require_role

Part = TypeVar("Part", bound=Message)
Found = TypeVar("Found", bound=Message)

_PAGE = 200
_MOST_FOUND = 1000


class ExportedEntities(Generic[Part, Found]):
    """The use cases of an owner's SnapshotService, for services of the mesh alone."""

    def __init__(
        self, owner: str, db: Database, entities: Entities, *, part: Callable[..., Part], found: Callable[..., Found]
    ) -> None:
        """`entities` are the owner's own; the last two are the responses of ExportEntities and FindEntities."""
        self._owner, self._db, self._entities = owner, db, entities
        self._part, self._found = part, found

    def export(self, _request: Message) -> Iterator[Part]:
        """All entities in parts, at least one. No transaction stays open between two parts."""
        require_role(SERVICE)
        return self._parts()

    def find(self, request: Any) -> Found:
        """The entity of a name, or those of a parent."""
        require_role(SERVICE)
        with self._db.read() as tx:
            found = self._entities.told(
                tx, request.kind, request.tenant, name=request.name, parent=request.parent, limit=_MOST_FOUND
            )
        return self._found(entities=found)

    def _parts(self) -> Iterator[Part]:
        with self._db.write() as tx:
            # What changes from here on has a higher version: the parts are read later and may hold it or not.
            as_of = self._entities.advance(tx, self._owner)
        after: Key | None = None
        while True:
            with self._db.read() as tx:
                found = self._entities.page(tx, self._owner, after, _PAGE)
            if found or after is None:
                yield self._part(as_of=as_of, entities=found)
            if not found:
                return
            after = key_of(found[-1])
