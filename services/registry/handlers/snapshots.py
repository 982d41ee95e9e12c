"""What other services' copies are made of."""

from collections.abc import Iterator

from services.chassis.changes import REGISTRY, Key, key_of
from services.chassis.db import Database
from services.chassis.entities import Entities
from services.chassis.rpc.auth import SERVICE, require_role
from vahana.registry.v1 import snapshot_pb2 as pb

_PAGE = 200
_MOST_FOUND = 1000


class Snapshots:
    """Shows the entities as they are told of, to services of the mesh alone."""

    def __init__(self, db: Database, entities: Entities) -> None:
        """`entities` are this service's own."""
        self._db, self._entities = db, entities

    def export(self, request: pb.ExportEntitiesRequest) -> Iterator[pb.ExportEntitiesResponse]:
        """All entities in parts, at least one. No transaction stays open between two parts."""
        require_role(SERVICE)
        return self._parts()

    def find(self, request: pb.FindEntitiesRequest) -> pb.FindEntitiesResponse:
        """The entity of a name, or those of a parent."""
        require_role(SERVICE)
        with self._db.read() as tx:
            found = self._entities.told(
                tx, request.kind, request.tenant, name=request.name, parent=request.parent, limit=_MOST_FOUND
            )
        return pb.FindEntitiesResponse(entities=found)

    def _parts(self) -> Iterator[pb.ExportEntitiesResponse]:
        with self._db.read() as tx:
            # What changes from here on has a higher version: the parts are read later and may hold it or not.
            as_of = self._entities.state(tx, REGISTRY).version
        after: Key | None = None
        while True:
            with self._db.read() as tx:
                found = self._entities.page(tx, REGISTRY, after, _PAGE)
            if found or after is None:
                yield pb.ExportEntitiesResponse(as_of=as_of, entities=found)
            if not found:
                return
            after = key_of(found[-1])
